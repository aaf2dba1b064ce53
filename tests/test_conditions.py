"""What a window was measured under, read from folders that look like a Raspberry Pi's; tainted windows; page cache."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgedigits_runner.arrays import decode
from edgedigits_runner.conditions import (
    MOST_LOAD,
    SYSTEM,
    Health,
    Pace,
    Sources,
    busy_seconds,
    clocks_khz,
    governor,
    health,
    others,
    pace,
    taint,
    temperatures,
    throttled,
)
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.model_file import ModelFile
from edgedigits_runner.pages import drop, resident_share
from edgedigits_runner.pinning import pin
from edgedigits_runner.preprocess import prepare
from edgedigits_runner.scaling import NAMED
from edgedigits_runner.session import Session, open_session
from edgedigits_runner.timer import timer_ns
from edgedigits_runner.windows import REPEATS, Repeats, laps, window

Ready = tuple[Session, list[Any]]
GOLDEN = Path(__file__).parent / "golden" / "int8.tflite"
PI_STAT = """\
cpu  4705 150 1120 1621900 520 0 240 30 0 0
cpu0 1705 50 320 405300 130 0 140 10 0 0
cpu1 1000 50 300 405500 130 0 50 10 0 0
cpu2 1000 25 250 405500 130 0 25 5 0 0
cpu3 1000 25 250 405600 130 0 25 5 0 0
intr 1839203 0 0
ctxt 4096
btime 1700000000
"""


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def board(tmp_path: Path) -> Sources:
    """A Pi 4: one clock for four cores, one sensor, a vcgencmd that says what it is told."""
    for core in range(4):
        cpu = tmp_path / "sys" / "devices" / "system" / "cpu" / f"cpu{core}" / "cpufreq"
        put(cpu / "scaling_cur_freq", "1500000\n")
        put(cpu / "scaling_governor", "ondemand\n")
    put(tmp_path / "sys" / "devices" / "system" / "cpu" / "cpuidle" / "current_driver", "none\n")
    zone = tmp_path / "sys" / "class" / "thermal" / "thermal_zone0"
    put(zone / "type", "cpu-thermal\n")
    put(zone / "temp", "48686\n")
    put(tmp_path / "proc" / "stat", PI_STAT)
    says(tmp_path, "throttled=0x0")
    return Sources(tmp_path / "sys", tmp_path / "proc", str(tmp_path / "vcgencmd"))


def says(folder: Path, line: str, code: int = 0) -> None:
    program = folder / "vcgencmd"
    program.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] && echo "{line}"\nexit {code}\n')
    program.chmod(0o755)


def test_a_pi_tells_everything(board: Sources) -> None:
    assert clocks_khz(board) == [1_500_000] * 4
    assert health(board) == Health("ondemand", {"cpu-thermal": 48.686}, 0)
    ticks = os.sysconf("SC_CLK_TCK")
    assert busy_seconds(board) == tuple(n / ticks for n in (1705 + 50 + 320 + 140 + 10, 1410, 1305, 1305))


def test_what_a_machine_lacks_is_absent(tmp_path: Path) -> None:
    nothing = Sources(tmp_path / "sys", tmp_path / "proc", str(tmp_path / "vcgencmd"))
    assert health(nothing) == Health(None, None, None)
    assert (clocks_khz(nothing), busy_seconds(nothing)) == (None, None)
    assert others(pace(nothing), pace(nothing)) is None
    assert taint((health(nothing),) * 2, (pace(nothing), pace(nothing))) is None


def test_what_cannot_be_read_is_absent(board: Sources, tmp_path: Path) -> None:
    cpu = tmp_path / "sys" / "devices" / "system" / "cpu"
    (cpu / "cpu2" / "cpufreq" / "scaling_cur_freq").unlink()
    put(cpu / "cpu3" / "cpufreq" / "scaling_cur_freq", "<unknown>\n")
    put(cpu / "cpu1" / "cpufreq" / "scaling_governor", "performance\n")
    assert clocks_khz(board) == [1_500_000, 1_500_000, None, None]
    assert governor(board) == "ondemand, performance"
    put(tmp_path / "sys" / "class" / "thermal" / "thermal_zone1" / "temp", "")
    put(tmp_path / "sys" / "class" / "thermal" / "thermal_zone2" / "temp", "-1500\n")
    assert temperatures(board) == {"cpu-thermal": 48.686, "thermal_zone2": -1.5}
    put(tmp_path / "proc" / "stat", "cpu0 lots\n")
    assert busy_seconds(board) is None


@pytest.mark.parametrize(
    ("line", "code", "flags"),
    [
        ("throttled=0x50005", 0, 0x50005),
        ("throttled=0x0", 0, 0),
        ("VCHI initialization failed", 255, None),
        ("throttled=", 0, None),
    ],
)
def test_flags_of_the_firmware(board: Sources, tmp_path: Path, line: str, code: int, flags: int | None) -> None:
    says(tmp_path, line, code)
    assert throttled(board) == flags


def test_vcgencmd_is_found_on_path(board: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(tmp_path, "throttled=0x8")
    monkeypatch.setenv("PATH", f"{tmp_path / 'none'}{os.pathsep}{tmp_path}")
    assert throttled(board._replace(vcgencmd="vcgencmd")) == 8


def healths(before: int = 0, after: int = 0) -> tuple[Health, Health]:
    return Health(None, None, before), Health(None, None, after)


def paces(
    seconds: float = 1.0,
    clocks: tuple[tuple[int | None, ...], tuple[int | None, ...]] = ((1_500_000,) * 2, (1_500_000,) * 2),
    busy: tuple[tuple[float, ...], tuple[float, ...]] = ((0.0, 0.0), (1.0, 0.0)),
    own: float = 1.0,
) -> tuple[Pace, Pace]:
    was, now = (list(each) for each in clocks)
    return Pace(5.0, was, busy[0], 2.0), Pace(5.0 + seconds, now, busy[1], 2.0 + own)


def test_a_quiet_window_counts() -> None:
    assert taint(healths(), paces()) is None
    assert taint(healths(0x50000, 0x50000), paces()) is None  # long ago


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((healths(0, 0x50004), paces()), "under-voltage, throttled"),
        ((healths(2, 0), paces()), "clock capped"),
        ((healths(8, 8), paces()), "soft temperature limit"),
        ((healths(0, 0x10000), paces()), "under-voltage"),  # it came and went in between
        (
            (healths(), paces(clocks=((1_500_000,) * 2, (600_000, 1_500_000)))),
            "clock of core 0 moved from 1500 to 600 MHz",
        ),
        ((healths(), paces(busy=((0.0, 0.0), (1.0, 0.68)))), "load from others 34 %"),
        ((healths(1, 1), paces(busy=((0.0, 0.0), (1.0, 0.68)))), "under-voltage, load from others 34 %"),
    ],
)
def test_a_tainted_window_says_why(found: tuple[tuple[Health, Health], tuple[Pace, Pace]], said: str) -> None:
    assert taint(*found) == said


def test_small_changes_are_no_taint() -> None:
    assert taint(healths(), paces(clocks=((1_500_000,) * 2, (1_430_000, 1_500_000)))) is None
    assert taint(healths(), paces(clocks=((1_500_000,) * 2, (1_500_000, 600_000)))) is None  # an idle core
    assert taint(healths(), paces(clocks=((1_500_000, None), (None, 600_000)))) is None
    assert taint(healths(), paces(busy=((0.0, 0.0), (1.0, 2 * MOST_LOAD - 0.02)))) is None


def test_load_is_not_judged_in_less_time_than_ticks_can_tell() -> None:
    assert others(*paces(seconds=0.05, busy=((0.0, 0.0), (1.0, 1.0)))) is None
    assert others(*paces(seconds=0.2, busy=((0.0, 0.0), (0.2, 0.2)), own=0.2)) == pytest.approx(0.5)
    assert others(*paces(busy=((0.0, 0.0), (0.5, 0.0)))) == 0  # ticks are coarse; less than nothing is nothing


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts in /proc/stat, which only Linux has")
def test_own_work_is_not_others_work() -> None:
    before = pace(SYSTEM)
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        pass
    after = pace(SYSTEM)
    assert after.own_s - before.own_s > 0.05
    with_own = others(before, after._replace(own_s=before.own_s))
    without = others(before, after)
    assert with_own is not None
    assert without is not None
    assert without <= with_own <= 1


@pytest.fixture(scope="module")
def ready() -> Ready:
    """A session of the golden model, and an image for it."""
    model = ModelFile("m", str(GOLDEN), hashlib.sha256(GOLDEN.read_bytes()).hexdigest(), NAMED["0..1"], None)
    session = open_session(load_runtime("litert"), model, 1, (8, 8, 1))
    return session, list(prepare(np.zeros((2, 8, 8, 1), np.uint8), session.source, "0..1"))


def test_a_window_keeps_its_laps_and_conditions(ready: Ready, board: Sources) -> None:
    found = window(*ready, 0.02, Repeats(5), board)
    assert (found["void"], found["tries"], found["load"]) == (None, 1, None)
    assert found["before"] == {
        "clocks_khz": [1_500_000] * 4,
        "governor": "ondemand",
        "celsius": {"cpu-thermal": 48.686},
        "throttled": 0,
    }
    assert len(decode(found["laps_ns"])) >= 10
    assert found["calls_ns"] >= decode(found["laps_ns"]).sum()


def test_a_tainted_window_is_repeated_then_void(ready: Ready, board: Sources, tmp_path: Path) -> None:
    says(tmp_path, "throttled=0x4")
    found = window(*ready, 0.01, Repeats(5), board)
    assert (found["void"], found["tries"]) == ("throttled", 1 + REPEATS)
    assert len(decode(found["laps_ns"])) >= 10


def test_a_taint_that_passes_is_forgotten(ready: Ready, board: Sources, tmp_path: Path) -> None:
    """This vcgencmd throttles once."""
    script = (
        f'#!/bin/sh\nif mkdir "{tmp_path}/asked" 2>/dev/null; then echo throttled=0x4; else echo throttled=0x0; fi\n'
    )
    (tmp_path / "vcgencmd").write_text(script)
    found = window(*ready, 0.01, Repeats(5), board)
    assert (found["void"], found["tries"]) == (None, 2)


def test_repeats_have_a_budget(ready: Ready, board: Sources, tmp_path: Path) -> None:
    says(tmp_path, "throttled=0x4")
    repeats = Repeats(3)
    assert [window(*ready, 0.01, repeats, board)["tries"] for _ in range(3)] == [3, 2, 1]


def test_laps_are_at_least_ten(ready: Ready) -> None:
    invoke, call = laps(*ready, 0.0)
    assert len(invoke) == len(call) == 10
    assert all(0 < alone <= whole for alone, whole in zip(invoke, call, strict=True))


def test_the_timer_costs_little() -> None:
    assert 0 <= timer_ns() < 20_000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system can't keep a process on a core")
def test_pinning_stays_on_one_core() -> None:
    cores = os.sched_getaffinity(0)
    try:
        pin(None)
        assert os.sched_getaffinity(0) == cores
        pin(max(cores))
        assert os.sched_getaffinity(0) == {max(cores)}
    finally:
        os.sched_setaffinity(0, cores)
    with pytest.raises(RunnerError, match="pin: found core 4000, which this process can't use; choose from ") as caught:
        pin(4000)
    assert caught.value.kind == "job"


def test_pages_of_a_file_that_was_just_written(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(os.urandom(100_000))
    before = resident_share(path)
    if before is None:
        pytest.skip("this system does not tell which pages it holds")
    assert before == 1
    drop(path)
    assert resident_share(path) in (0, 1)  # 1 where the folder is in memory itself, as tmpfs is
    path.read_bytes()
    assert resident_share(path) == 1


def test_pages_of_no_file(tmp_path: Path) -> None:
    drop(tmp_path / "none")
    assert resident_share(tmp_path / "none") is None
    (tmp_path / "empty").write_bytes(b"")
    assert resident_share(tmp_path / "empty") is None
