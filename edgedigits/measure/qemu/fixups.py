"""What Debian's maintainer scripts would have done, so that no arm64 code need run to make a userland; and what isn't needed.

The bytes of this file are part of the cached userland's name: change it, and the next use builds a new one.
"""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

USER, USER_ID = "pi", 1000
_DROPPED = (
    *("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/zoneinfo", "usr/share/perl"),
    *("usr/share/bash-completion", "usr/share/i18n", "usr/share/lintian", "usr/lib/aarch64-linux-gnu/perl"),
    *(
        "usr/lib/python3.*/test",
        "usr/lib/python3.*/idlelib",
        "usr/lib/python3.*/lib2to3",
        "usr/lib/python3.*/pydoc_data",
    ),
    *("var/cache/*", "var/lib/apt/lists/*", "usr/lib/systemd", "lib/systemd"),
)
_PASSWD = f"sshd:*:100:65534::/run/sshd:/usr/sbin/nologin\n{USER}:*:{USER_ID}:{USER_ID}:Pi:/home/{USER}:/bin/bash\n"


def mend(root: Path) -> None:
    """Makes an extracted, never configured Debian fit to run sshd and Python; owners are left as they are."""
    _drop(root)
    _accounts(root)
    if not (root / "bin/sh").exists():
        (root / "bin/sh").symlink_to("dash")
    _write(root / "etc/hostname", "raspberrypi\n")
    _write(root / "etc/hosts", "127.0.0.1 localhost\n127.0.1.1 raspberrypi\n")
    for source, target in (
        ("usr/share/openssh/sshd_config", "etc/ssh/sshd_config"),
        ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf"),
        ("usr/share/base-files/profile", "etc/profile"),
    ):
        _copy(root / source, root / target)
    for folder in ("proc", "sys", "dev", "run", "tmp", f"home/{USER}", "var/tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("tmp", "var/tmp"):
        (root / folder).chmod(0o1777)


def _drop(root: Path) -> None:
    """Removes what only people read, and the set-user-id bits: this tree lies in a user's cache."""
    for pattern in _DROPPED:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    converters = root / "usr/lib/aarch64-linux-gnu/gconv"
    for path in converters.glob("*.so"):
        if not path.name.startswith("UTF"):
            path.unlink()
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            path.chmod(stat.S_IMODE(mode) & 0o777)


def _accounts(root: Path) -> None:
    """root and pi can't log in by password; `*` and not `!`, since sshd without PAM refuses a locked account."""
    master = root / "usr/share/base-passwd"
    passwd = (master / "passwd.master").read_text().replace("root::", "root:*:").replace("root:x:", "root:*:")
    _write(root / "etc/passwd", passwd + _PASSWD)
    _write(root / "etc/group", (master / "group.master").read_text() + f"{USER}:x:{USER_ID}:\n")


def _copy(source: Path, target: Path) -> None:
    if source.is_file() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
