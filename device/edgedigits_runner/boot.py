"""How edgedigits-runner.pyz starts.

Python compiles the modules of a zip file anew at every start, which is a tenth of the time to the first answer. So on its
first start the file unpacks itself into the __pycache__ beside it, where Python keeps bytecode as it does for any module.
Where that can't be written, or bytecode is not wanted (`python -B`), it runs as it is, only slower.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn


def boot(digest: str) -> NoReturn:
    """Runs the command line, by the unpacked sources if they can be had; `digest` is theirs."""
    archive = Path(__file__).absolute().parent.parent
    folder = _unpacked(archive, archive.parent / "__pycache__" / f"edgedigits-runner-{digest}")
    if folder is not None:
        sys.path[0] = str(folder)
        del sys.modules["edgedigits_runner.boot"], sys.modules["edgedigits_runner"]  # which came from the archive
    from edgedigits_runner.command_line import main

    sys.exit(main(sys.argv[1:]))


def _unpacked(archive: Path, folder: Path) -> Path | None:
    """The folder, whole; None where it can't be had, or where somebody else could have put it there."""
    if sys.dont_write_bytecode:
        return None
    try:
        if not folder.is_dir():
            _unpack(archive, folder)
        return folder if folder.lstat().st_uid in (os.geteuid(), archive.stat().st_uid) else None
    except OSError:
        return None


def _unpack(archive: Path, folder: Path) -> None:
    """Beside its final name, then renamed: another process never meets half of it. OSError where it can't be done."""
    import shutil
    import tempfile
    import zipfile

    folder.parent.mkdir(exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(part)
        part.chmod(0o755)
        part.rename(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        if not folder.is_dir():  # else another process was first
            raise
