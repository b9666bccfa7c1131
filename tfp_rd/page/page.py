# SPDX-License-Identifier: Apache-2.0
"""The page: one file, which needs no network and no other file.

The browser holds the page to that: its Content-Security-Policy allows nothing
but the script and style inside of it.  No TensorFlow here.
"""

import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, TYPE_CHECKING

from tfp_rd import errors
from tfp_rd.page import content as content_lib
from tfp_rd.run import atomic_file

if TYPE_CHECKING:
  from tfp_rd.curve.collection import Collection

__all__ = ['NAME', 'check', 'page_html', 'write_page']

NAME = 'index.html'
_FOLDER = pathlib.Path(__file__).parent


def write_page(
  collected: 'Collection',
  folder: atomic_file.Path,
  *,
  at_work: Sequence[Mapping[str, Any]] = (),
) -> tuple[pathlib.Path, list[str]]:
  """Writes the page.

  Args:
    collected: Finished runs.
    folder: Where to write; it exists.
    at_work: Of each run that is being trained, its `name`, `step`, `num_steps`,
      as texts since when, `since`, and when it last wrote, `written`, and the
      time at which it is taken as left unless it writes again, `until_s`.

  Returns:
    path: The file.
    sentences: One for each file of pictures that is left out.

  Raises:
    UserError: What brings Vega is not installed.
    OSError: It cannot be written.
  """
  path = pathlib.Path(folder) / NAME
  whole, sentences = content_lib.content(collected, at_work=at_work)
  atomic_file.write_atomically(path, page_html(whole))
  return path, sentences


def page_html(content: Mapping[str, Any]) -> str:
  """Returns the page with its content; no string of it is read as markup."""
  text = json.dumps(content, allow_nan=False, separators=(',', ':'))
  parts = {
    'style': _read('page.css'),
    # No '<' can end the block; JSON reads the escape as the sign.
    'content': text.replace('<', '\\u003c'),
    'vega': _vega(),
    'script': _read('page.js'),
  }
  html = _read('page.html')
  for name, part in parts.items():
    html = html.replace(f'<!--{name}-->', part, 1)
  return html


def check() -> None:
  """Checks that a page can be made.

  Raises:
    UserError: What brings Vega is not installed.
  """
  _vega()


def _read(name):
  return (_FOLDER / name).read_text(encoding='utf-8')


@functools.cache
def _vega():
  try:
    import vl_convert
  except ImportError as e:
    raise errors.UserError(
      'vl-convert-python, which brings Vega for the page, is not installed; '
      '`pip install vl-convert-python`.'
    ) from e
  bundle = vl_convert.javascript_bundle()
  # Its names stay its own, but for those that it gives to the window.
  return f'(() => {{{bundle}}})();'.replace('</script', '<\\/script')
