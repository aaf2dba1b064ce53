"""Process 1 of an emulated Pi, on this machine's own Python, already in namespaces of its own; no part of the toolkit.

    guest_init.py CONFIG.json

Mounts, waits for its address on standard input (the cable is laid then), starts sshd, then reaps and obeys: "drop" ends every
session. It ends when standard input closes, and the kernel then ends and unmounts all the rest: nothing outlives the
process that started it, however that one ends. QEMU must not be process 1 itself: a crash would hang.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}


def run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, timeout=20)


def mount_root(config: dict[str, Any]) -> Path:
    """The userland below, never written to; what the guest writes goes to a file system in memory, of limited size."""
    place, tree = Path(config["place"]), Path(config["tree"])
    run("mount", "-t", "tmpfs", "-o", f"size={config['disk_mib']}m,mode=755", "tmpfs", place)
    for name in ("upper", "work", "root"):
        (place / name).mkdir()
    os.chdir(place)  # short relative paths: no character of a longer one can be taken for an option
    Path("lower").symlink_to(tree)
    run("mount", "-t", "overlay", "-o", "lowerdir=lower,upperdir=upper,workdir=work", "overlay", "root")
    return place / "root"


def mount_system(root: Path, shown: dict[str, str]) -> None:
    """/proc, /sys, /dev and /run; over them the files of the board."""
    run("mount", "-t", "proc", "proc", root / "proc")
    run("mount", "-t", "sysfs", "-o", "ro", "sysfs", root / "sys")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "run")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root / "dev")
    for name in _DEVICES:
        (root / "dev" / name).touch()
        run("mount", "--bind", f"/dev/{name}", root / "dev" / name)
    for name, target in _LINKS.items():
        (root / "dev" / name).symlink_to(target)
    (root / "dev/ptmx").symlink_to("pts/ptmx")
    for name, kind, options in (("pts", "devpts", "newinstance,ptmxmode=0666"), ("shm", "tmpfs", "mode=1777")):
        (root / "dev" / name).mkdir()
        run("mount", "-t", kind, "-o", options, kind, root / "dev" / name)
    (root / "run/shown").mkdir()
    for number, (path, text) in enumerate(shown.items()):
        source = root / "run/shown" / str(number)
        source.write_text(text)
        run("mount", "--bind", source, root / path)


def settle(root: Path, config: dict[str, Any]) -> None:
    """Keys, the user's home, the device tree with the board's name."""
    (root / "run/sshd").mkdir(mode=0o755)
    for path, text, mode in config["files"]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(mode)
    home = root / "home" / config["user"]
    for path in (home, *home.rglob("*")):
        os.chown(path, config["uid"], config["uid"])
    firmware = root / "sys/firmware"
    if firmware.is_dir():
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", firmware)
        (firmware / "devicetree/base").mkdir(parents=True)
        (firmware / "devicetree/base/model").write_text(config["model"] + "\0")


def connect(address: str) -> None:
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", address, "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")


def start_sshd(root: Path, config: dict[str, Any]) -> subprocess.Popen[bytes]:
    guest = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", f"QEMU_CPU={config['cpu']}"]
    options = [word for option in config["sshd"] for word in ("-o", option)]
    command = [
        shutil.which("chroot") or "chroot",
        str(root),
        "/usr/bin/env",
        "-i",
        *guest,
        "/usr/sbin/sshd",
        "-D",
        "-e",
    ]
    log = Path(config["log"]).open("wb")  # noqa: SIM115
    return subprocess.Popen([*command, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def drop(listener: int) -> None:
    """Ends every process but this one and the listening sshd: each connection is cut at once."""
    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        if pid not in (1, listener):
            os.kill(pid, signal.SIGKILL)


def serve(sshd: subprocess.Popen[bytes]) -> None:
    """Until standard input closes or sshd ends."""
    while sshd.poll() is None:
        ready, _, _ = select.select([0], [], [], 0.5)
        if ready:
            said = os.read(0, 100)
            if not said:
                return
            drop(sshd.pid)
        reap(sshd.pid)


def reap(listener: int) -> None:
    """Takes in orphans that have ended; sshd's own end is left for its Popen to see."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) not in (1, listener):
            try:
                os.waitpid(int(path.name), os.WNOHANG)
            except ChildProcessError:
                continue


def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    run("mount", "-t", "proc", "proc", "/proc")
    run("hostname", "raspberrypi")
    root = mount_root(config)
    mount_system(root, config["shown"])
    settle(root, config)
    print("mounted", flush=True)
    if address := os.read(0, 100).decode().strip():
        connect(address)
        serve(start_sshd(root, config))


if __name__ == "__main__":
    main()
