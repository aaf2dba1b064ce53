"""A real sshd on a free port of 127.0.0.1, with keys, known_hosts and ssh configuration of its own.

Run by root, it stands in a private mount namespace whose /etc/passwd has an ordinary user `pi` more, so that nothing of this
machine changes; run by anyone else, the login is one's own. Either way `home` is a fresh folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_UID = 4711

# Paths come as arguments. A small disk stands at ~/small, for what happens when it is full.
_NAMESPACE = r"""
set -e
mount --make-rprivate /
mount --bind "$1/passwd" /etc/passwd
mount -t tmpfs -o mode=755 tmpfs /home
mkdir /home/pi
mount --bind "$1/home" /home/pi
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p -m 755 /run/sshd /run/systemd/system /run/systemd/unit-root /run/user
mkdir -m 700 "/run/user/$3"
mkdir /home/pi/small
mount -t tmpfs -o size=6m,mode=755 tmpfs /home/pi/small
chown "$3:$3" "/run/user/$3" /home/pi/small
exec "$2" -D -e -f "$1/sshd_config"
"""


def why_not() -> str:
    """Why there can be no sshd here; "" when there can."""
    if SSHD is None or shutil.which("ssh") is None:
        return "needs OpenSSH's sshd and ssh (apt install openssh-server)"
    if os.getuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "root without the right to a mount namespace: no ordinary user to log in as"
    return ""


@dataclass
class Sshd:
    """`home` is the login's home as the device sees it, `seen` the same folder as this test sees it."""

    folder: Path
    process: subprocess.Popen[bytes]
    port: int
    user: str
    home: str

    @property
    def target(self) -> str:
        return f"{self.user}@127.0.0.1"

    @property
    def config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def key(self) -> Path:
        return self.folder / "id"

    @property
    def seen(self) -> Path:
        return Path(f"/proc/{self.process.pid}/root{self.home}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def start(folder: Path) -> Sshd:
    """Starts it and waits until it listens; stop() ends it."""
    assert SSHD is not None
    root = os.getuid() == 0
    user, uid = ("pi", _UID) if root else (os.environ.get("USER") or "me", os.getuid())
    home = folder / "home"
    home.mkdir(parents=True)
    port = free_port()
    _keys(folder)
    _configure(folder, port, user, root)
    log = (folder / "log").open("wb")
    if root:
        (folder / "passwd").write_text(Path("/etc/passwd").read_text() + f"pi:*:{uid}:{uid}:Pi:/home/pi:/bin/bash\n")
        os.chown(home, uid, uid)
        command = ["unshare", "--mount", "bash", "-c", _NAMESPACE, "namespace", str(folder), SSHD, str(uid)]
    else:
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    log.close()
    _wait(process, port, folder / "log")
    return Sshd(folder, process, port, user, "/home/pi" if root else str(home))


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _keys(folder: Path) -> None:
    for name in ("host_key", "id", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    kind, public, *_ = (folder / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"the-device {kind} {public}\n")
    shutil.copy(folder / "id.pub", folder / "authorized_keys")


def _configure(folder: Path, port: int, user: str, root: bool) -> None:
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PidFile none",
        "MaxStartups 100",
        *([] if root else [f"SetEnv HOME={folder}/home"]),
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    if root:  # sshd reads the keys as `pi`, who can't enter pytest's folders
        (folder / "home" / ".ssh").mkdir()
        shutil.copy(folder / "authorized_keys", folder / "home" / ".ssh")
        text = (folder / "sshd_config").read_text()
        (folder / "sshd_config").write_text(text.replace(f"{folder}/authorized_keys", ".ssh/authorized_keys"))
    mine = ["Host *", f"UserKnownHostsFile {folder}/known_hosts", "GlobalKnownHostsFile none", f"User {user}"]
    mine += [
        f"Port {port}",
        "HostKeyAlias the-device",
        f"IdentityFile {folder}/id",
        "IdentitiesOnly yes",
        "IdentityAgent none",
    ]
    (folder / "ssh_config").write_text("\n".join(mine) + "\n")


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")


# The login's own systemd, as logind would start it: its cgroup, then the manager as that user.
_MANAGER = r"""
set -e
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$1" "/sys/fs/cgroup/$1/init"
chown -R "$2:$2" "/sys/fs/cgroup/$1"
echo $$ > "/sys/fs/cgroup/$1/init/cgroup.procs"
exec env -i PATH=/usr/bin:/bin HOME=/home/pi USER=pi "XDG_RUNTIME_DIR=/run/user/$2" \
    setpriv --reuid "$2" --regid "$2" --clear-groups /lib/systemd/systemd --user
"""
_REST = r"""
for folder in $(find "/sys/fs/cgroup/$1" -depth -type d); do rmdir "$folder" || { sleep 0.3; rmdir "$folder"; }; done
"""


@dataclass
class Manager:
    """A running `systemd --user` of the login."""

    server: Sshd
    process: subprocess.Popen[bytes]
    group: str

    def systemctl(self, *arguments: str) -> str:
        runtime = f"/run/user/{_UID}"
        variables = [f"XDG_RUNTIME_DIR={runtime}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus"]
        user = ["setpriv", "--reuid", str(_UID), "--regid", str(_UID), "--clear-groups"]
        command = ["env", *variables, *user, "systemctl", "--user", *arguments]
        return subprocess.run(
            [*_enter(self.server), *command], capture_output=True, text=True, check=False
        ).stdout.strip()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        subprocess.run(
            [*_enter(self.server), "bash", "-c", _REST, "rest", self.group], capture_output=True, check=False
        )


def start_manager(server: Sshd) -> Manager | str:
    """The login's systemd, or why there is none."""
    if os.getuid() != 0 or not Path("/lib/systemd/systemd").exists() or shutil.which("dbus-daemon") is None:
        return "needs root, systemd and dbus-user-session"
    group = f"edgedigits-test-{os.getpid()}"
    log = (server.folder / "systemd.log").open("wb")
    command = [*_enter(server), "bash", "-c", _MANAGER, "manager", group, str(_UID)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    log.close()
    manager = Manager(server, process, group)
    end = time.monotonic() + 15
    while time.monotonic() < end and process.poll() is None:
        if manager.systemctl("is-system-running") in ("running", "degraded"):
            return manager
        time.sleep(0.1)
    manager.stop()
    return f"systemd --user does not run here: {(server.folder / 'systemd.log').read_text().strip()[-200:]}"


def _enter(server: Sshd) -> list[str]:
    return ["nsenter", f"--mount=/proc/{server.process.pid}/ns/mnt", "--"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A running one, with a home of its own."""
    if reason := why_not():
        pytest.skip(reason)
    running = start(tmp_path_factory.mktemp("sshd"))
    yield running
    running.stop()
