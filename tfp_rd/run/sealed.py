# SPDX-License-Identifier: Apache-2.0
"""JSON files that end with a digest of what they hold.

A bit that flips on a disk is then a sentence and never another number.  No
TensorFlow here.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tfp_rd import errors
from tfp_rd.run import atomic_file

__all__ = [
  'KEY',
  'digest',
  'is_sealed',
  'parse',
  'read_bytes',
  'read_json',
  'to_text',
  'write_json',
]

KEY = 'sha256'


def digest(content: Mapping[str, Any]) -> str:
  """Returns the SHA-256 of a mapping's canonical JSON.

  Args:
    content: Plain values; the order of keys does not matter.

  Returns:
    64 hexadecimal digits.

  Raises:
    ValueError: A number is not finite; JSON has none of these.
  """
  text = json.dumps(
    content, sort_keys=True, separators=(',', ':'), allow_nan=False
  )
  return hashlib.sha256(text.encode()).hexdigest()


def to_text(content: Mapping[str, Any]) -> str:
  """Returns JSON whose last entry, `sha256`, is the digest of the others."""
  rest = {k: v for k, v in content.items() if k != KEY}
  # What JSON has no type for, such as a tuple, is digested as it is read.
  rest = json.loads(json.dumps(rest, allow_nan=False))
  whole = {**rest, KEY: digest(rest)}
  return json.dumps(whole, indent=1, allow_nan=False) + '\n'


def write_json(path: atomic_file.Path, content: Mapping[str, Any]) -> None:
  """Writes a file, whole or not at all, with the digest of its content.

  Raises:
    OSError: It cannot be written.
  """
  atomic_file.write_atomically(path, to_text(content))


def read_json(path: atomic_file.Path) -> dict[str, Any]:
  """Reads what `write_json` wrote.

  Args:
    path: The file.

  Returns:
    Its content without the digest.

  Raises:
    FileNotFoundError: There is no such file.
    NotADirectoryError: Nor can there be one.
    UserError: The file is damaged, or was written by something else.
    HeldBackError: The file is there and cannot be read.
  """
  return parse(read_bytes(path), path)


def is_sealed(path: atomic_file.Path) -> bool:
  """Whether a file is one that `write_json` wrote, and holds something."""
  try:
    return bool(read_json(path))
  except (errors.UserError, OSError):
    return False


def read_bytes(path: atomic_file.Path) -> bytes:
  """Reads a file.

  Raises:
    FileNotFoundError: There is no such file.
    NotADirectoryError: Nor can there be one.
    HeldBackError: The file is there and cannot be read.
  """
  try:
    return pathlib.Path(path).read_bytes()
  except (FileNotFoundError, NotADirectoryError):
    raise
  except OSError as e:  # It may be whole, and another process may read it.
    raise errors.HeldBackError(
      f'{path} cannot be read ({e.strerror or e}).'
    ) from e


def parse(text: bytes, path: atomic_file.Path) -> dict[str, Any]:
  """Returns the content of a file without its digest.

  Args:
    text: What was read of it.
    path: Where, for messages.

  Raises:
    UserError: The file is damaged, or was written by something else.
  """
  try:
    content = json.loads(text, parse_constant=_refuse)
    expected = content.pop(KEY)
    found = digest(content)
  # Not JSON, not text, nested too deeply, or no mapping.
  except (
    *(ValueError, KeyError, TypeError, AttributeError),
    RecursionError,
  ) as e:
    raise errors.UserError(f'{path} is corrupt ({_reason(e)}).') from e
  if found != expected:
    raise errors.UserError(
      f'{path} is corrupt (its content does not have the digest that it names).'
    )
  return content


def _refuse(constant):
  raise ValueError(f'{constant} is no number of JSON')


def _reason(error):
  if isinstance(error, KeyError) and error.args == (KEY,):
    return 'it has no digest'
  return f'{error!r:.80}'
