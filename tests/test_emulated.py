"""The emulated Pi itself: what it shows, that it is shut in, that nothing of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.emulated_pi.pi import booted
from edgedigits.errors import InputError
from edgedigits.measure.qemu import requirements
from edgedigits.measure.qemu.boards import EMULATED_BOARDS, find_board, find_board_with, write_cpuinfo
from edgedigits.measure.qemu.rootfs import build_rootfs

if TYPE_CHECKING:
    from tests.pi import Boot, Reached


def traces() -> set[str]:
    """Network interfaces, mounts and processes of emulated Pis on this machine."""
    links = {path.name for path in Path("/sys/class/net").glob("edgepi*")}
    mounts = {line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if "edgedigits-pi-" in line}
    commands = [path.read_bytes().decode(errors="replace") for path in processes() if path.exists()]
    return links | mounts | {command for command in commands if "edgedigits-pi-" in command}


def processes() -> list[Path]:
    return list(Path("/proc").glob("[0-9]*/cmdline"))


@pytest.mark.parametrize("name", EMULATED_BOARDS)
def test_cpuinfo_names_board_and_core_for_each_of_four_cores(name: str) -> None:
    board = EMULATED_BOARDS[name]
    text = write_cpuinfo(board)
    assert text.count("processor\t") == 4
    assert text.count(f"CPU part\t: {board.part}\n") == 4
    assert text.endswith(f"Model\t\t: {board.model}\n")
    assert ("asimddp" in text) == (name == "pi5")


def test_unknown_board_core_and_suite_are_refused_with_the_choices() -> None:
    with pytest.raises(InputError, match="board pi6: unknown; choose from pi3, zero2, pi4, pi5"):
        find_board("pi6")
    with pytest.raises(InputError, match="--cpu max: unknown; choose from cortex-a53, cortex-a72, cortex-a76"):
        find_board_with("max")
    with pytest.raises(InputError, match="suite sid: unknown; choose from bookworm, trixie"):
        build_rootfs("sid", print)  # type: ignore[arg-type]


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    reason = requirements.explain_lack_for_counting()
    assert reason is not None
    assert "qemu-aarch64" in reason
    assert "apt-get install --no-install-recommends gcc mmdebstrap qemu-user" in reason


def test_it_is_the_board_it_was_booted_as(bookworm: Reached) -> None:
    code = "import json, os, platform, sys; print(json.dumps([platform.machine(), sys.version_info[:2], os.getuid()]))"
    assert json.loads(bookworm.run(f"python3 -c '{code}'")) == ["aarch64", [3, 11], 1000]
    assert "Raspberry Pi 4 Model B" in bookworm.run("cat /proc/cpuinfo")
    assert bookworm.run("cat /sys/firmware/devicetree/base/model").startswith("Raspberry Pi 4 Model B")
    assert bookworm.run("echo $QEMU_CPU; pwd; command -v rsync || echo none").split() == [
        "cortex-a72",
        "/home/pi",
        "none",
    ]


def test_trixie_has_python_3_13_and_rsync(trixie: Reached) -> None:
    assert trixie.run("python3 --version").startswith("Python 3.13")
    assert trixie.run("command -v rsync") == "/usr/bin/rsync\n"
    assert trixie.run("echo $QEMU_CPU") == "cortex-a76\n"


def test_it_reaches_nothing_and_its_writes_stay_its_own(bookworm: Reached) -> None:
    assert "unreachable" in bookworm.run("(echo > /dev/tcp/192.0.2.1/80) 2>&1; true")
    bookworm.run("echo mine > ~/note; echo mine > /tmp/note")
    tree = build_rootfs("bookworm", print)
    assert not (tree / "home/pi/note").exists()
    assert not (tree / "tmp/note").exists()


def test_dropped_connections_end_at_once_and_new_ones_are_taken(bookworm: Reached) -> None:
    with subprocess.Popen(
        ["ssh", *bookworm.options, bookworm.host, "echo up; sleep 60"], stdout=subprocess.PIPE
    ) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"up\n"
        bookworm.pi.drop()
        assert session.wait(10) == 255
    assert bookworm.run("echo again") == "again\n"


def test_an_unplugged_pi_does_not_answer_until_it_is_plugged_in(bookworm: Reached) -> None:
    command = ["ssh", *bookworm.options, "-o", "ConnectTimeout=1", bookworm.host, "true"]
    with bookworm.pi.unplugged():
        assert subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 255
    assert bookworm.run("echo again") == "again\n"


def test_its_disk_can_be_full(boot: Boot) -> None:
    reached = boot("bookworm", "pi4", disk_mib=8)
    assert "No space left" in reached.run("head -c 20000000 /dev/zero 2>&1 > big; true")


def test_two_at_once_have_addresses_and_host_keys_of_their_own(bookworm: Reached, boot: Boot) -> None:
    other = boot("bookworm", "pi5")
    assert other.pi.address != bookworm.pi.address
    assert other.pi.known_hosts.split()[2] != bookworm.pi.known_hosts.split()[2]
    assert [reached.run("echo $QEMU_CPU") for reached in (bookworm, other)] == ["cortex-a72\n", "cortex-a76\n"]


def test_without_power_nothing_of_it_is_left(boot: Boot) -> None:
    before = traces()
    reached = boot("bookworm", "zero2")
    reached.pi.kill()
    assert traces() <= before


def test_nothing_stays_after_an_error_in_the_block(identity: Path) -> None:
    before = traces()
    during: set[str] = set()
    with pytest.raises(ZeroDivisionError), booted("bookworm", "pi4", identity.with_suffix(".pub"), print):  # noqa: PT012
        during = traces()
        1 / 0  # noqa: B018
    assert during > before
    assert traces() <= before


def test_nothing_stays_when_the_program_that_booted_it_is_killed(identity: Path, tmp_path: Path) -> None:
    before = traces()
    code = f"""
import time
from pathlib import Path
from benchmarks.emulated_pi.pi import booted
with booted("bookworm", "pi4", Path({str(identity) + ".pub"!r}), lambda _: None):
    print("up", flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.kill()
    deadline = time.monotonic() + 10
    while traces() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert traces() <= before
