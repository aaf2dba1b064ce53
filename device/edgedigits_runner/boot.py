"""How edgedigits-runner.pyz starts: this module is its __main__.py, with a call of `boot` at the end.

Python compiles the modules of a zip file anew at every start, which is a tenth of the time to the first answer. So on its
first start the file unpacks itself into the __pycache__ beside it, where Python keeps bytecode as it does for any module.
Where that can't be written, or bytecode is not wanted (`python -B`), it runs as it is, only slower.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def boot(digest: str) -> NoReturn:
    """Runs the command line, by the unpacked sources if they can be had; `digest` is theirs."""
    archive = os.path.dirname(__file__)
    if not os.path.isabs(archive):
        archive = os.path.join(os.getcwd(), archive)
    folder = os.path.join(os.path.dirname(archive), "__pycache__", f"edgedigits-runner-{digest}")
    if _unpacked(archive, folder):
        sys.path[0] = folder
    from edgedigits_runner.command_line import start

    sys.exit(start(sys.argv[1:]))


def _unpacked(archive: str, folder: str) -> bool:
    """Whether the folder is there, whole; not where it can't be had, or where somebody else could have put it there."""
    if sys.dont_write_bytecode:
        return False
    try:
        if not os.path.isdir(folder):
            _unpack(archive, folder)
        return os.lstat(folder).st_uid in (os.geteuid(), os.stat(archive).st_uid)
    except OSError:
        return False


def _unpack(archive: str, folder: str) -> None:
    """Beside its final name, then renamed: another process never meets half of it. OSError where it can't be done."""
    import shutil
    import tempfile
    import zipfile

    os.makedirs(os.path.dirname(folder), exist_ok=True)
    part = tempfile.mkdtemp(prefix=".part-", dir=os.path.dirname(folder))
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(part)
        os.chmod(part, 0o755)
        os.rename(part, folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        if not os.path.isdir(folder):  # else another process was first
            raise
