# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all.

No TensorFlow here.
"""

import contextlib
import os
import pathlib
import secrets
from typing import Union

__all__ = ['Path', 'write_atomically']

Path = Union[str, os.PathLike]


def write_atomically(path: Path, content: Union[str, bytes]) -> None:
  """Writes a file to a temporary name, then renames it.

  Args:
    path: The file; its folder exists.
    content: Text, which is encoded as UTF-8, or bytes.

  Raises:
    OSError: It cannot be written; a file that was there is as before.

  The file's permissions are those that the process' umask leaves, as for any
  other new file.
  """
  path = pathlib.Path(path)
  data = content.encode() if isinstance(content, str) else content
  name = path.with_name(f'{path.name}.{secrets.token_hex(4)}')
  # As `open` makes any other new file.
  descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
  try:
    with os.fdopen(descriptor, 'wb') as f:
      f.write(data)
      f.flush()
      os.fsync(f.fileno())
    os.replace(name, path)
  except BaseException:
    with contextlib.suppress(FileNotFoundError):
      os.unlink(name)
    raise
