"""What a window was measured under: clocks, temperature, throttling, other work. What a machine does not tell is None.

A tainted window says nothing about the model. Tainted: the firmware throttles, the clock moved, others took the cores.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

CLOCK_MOVED = 0.05

# Share of all cores that other work may take. At a quarter, on the smallest machine that is shared (two cores), others
# hold half a core and one thread still always finds a free one; on a Pi with four, others hold one core of four. Below
# that the alternating windows and their median do the work. Less would void most windows of a shared CI machine, whose
# neighbours take 5 to 20 %.
MOST_LOAD = 0.25

_LEAST_S_FOR_LOAD = (
    0.1  # /proc/stat counts in ticks of 10 ms: in less time than this, one tick is over 5 % of two cores
)
_THROTTLED_NOW = ((1, "under-voltage"), (2, "clock capped"), (4, "throttled"), (8, "soft temperature limit"))
_SINCE_BOOT = 16  # the same four flags, this many bits further up, stay set once it happened


class Sources(NamedTuple):
    """Where a Linux tells its state."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    vcgencmd: str = "vcgencmd"


SYSTEM = Sources()


class Health(NamedTuple):
    """Slow to ask: `celsius` by name of the sensor; `throttled` are the flags of `vcgencmd get_throttled`."""

    governor: str | None
    celsius: dict[str, float] | None
    throttled: int | None


class Pace(NamedTuple):
    """Quick to ask, so nearest to the laps: the clock of every core, and seconds of CPU time spent so far.

    `busy_s` counts all work of every core, stolen time too; `own_s` that of this process alone.
    """

    at_s: float
    clocks_khz: list[int | None] | None
    busy_s: tuple[float, ...] | None
    own_s: float


def health(sources: Sources) -> Health:
    """The state of the board now."""
    return Health(governor(sources), temperatures(sources), throttled(sources))


def pace(sources: Sources) -> Pace:
    """Clocks and CPU time now."""
    return Pace(time.perf_counter(), clocks_khz(sources), busy_seconds(sources), time.process_time())


def clocks_khz(sources: Sources) -> list[int | None] | None:
    """One entry per core, None for a core that is off; None altogether where there is no cpufreq."""
    clocks = [_whole(_line(folder / "cpufreq" / "scaling_cur_freq")) for folder in _cores(sources)]
    return clocks if any(clocks) else None


def governor(sources: Sources) -> str | None:
    """The name, or the names where cores differ."""
    names = {_line(folder / "cpufreq" / "scaling_governor") for folder in _cores(sources)} - {None}
    return ", ".join(sorted(str(name) for name in names)) or None


def temperatures(sources: Sources) -> dict[str, float] | None:
    """Degrees by name of the sensor, the hottest of those that share a name; None where there is none."""
    found: dict[str, float] = {}
    for zone in _numbered(sources.sys / "class" / "thermal", "thermal_zone"):
        thousandths = _whole(_line(zone / "temp"))
        if thousandths is not None:
            name = _line(zone / "type") or zone.name
            found[name] = max(thousandths / 1000, found.get(name, float("-inf")))
    return found or None


def throttled(sources: Sources) -> int | None:
    """The flags as one number; None where there is no vcgencmd, or it may not ask the firmware."""
    program = on_path(sources.vcgencmd)
    if program is None:
        return None
    import subprocess  # here, for most machines have no vcgencmd

    try:
        done = subprocess.run([program, "get_throttled"], capture_output=True, text=True, timeout=5, check=False)
        return int(done.stdout.strip().split("throttled=")[1], 16)
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError):
        return None


def busy_seconds(sources: Sources) -> tuple[float, ...] | None:
    """Seconds every core has worked since boot, time stolen by a hypervisor included; None where not told."""
    try:
        lines = (sources.proc / "stat").read_text(encoding="ascii", errors="replace").splitlines()
        return tuple(_busy(line) for line in lines if line.startswith("cpu") and line[3:4].isdigit()) or None
    except (OSError, ValueError):
        return None


def others(before: Pace, after: Pace) -> float | None:
    """Share of all cores that other work took in between; None where not told, or in too short a time."""
    passed = after.at_s - before.at_s
    if before.busy_s is None or after.busy_s is None or passed < _LEAST_S_FOR_LOAD:
        return None
    worked = sum(after.busy_s) - sum(before.busy_s) - (after.own_s - before.own_s)
    return min(1.0, max(0.0, worked / (passed * len(after.busy_s))))


def taint(healths: tuple[Health, Health], paces: tuple[Pace, Pace]) -> str | None:
    """Why what was measured between these two moments does not count; None where it does."""
    reasons = _throttling(healths[0].throttled, healths[1].throttled)
    reasons += _moved_clocks(*paces)
    load = others(*paces)
    if load is not None and load > MOST_LOAD:
        reasons.append(f"load from others {100 * load:.0f} %")
    return ", ".join(reasons) or None


def as_json(state: Health, at: Pace) -> dict[str, Any]:
    """Both halves of a moment, for the result."""
    return {"clocks_khz": at.clocks_khz, **state._asdict()}


def on_path(program: str) -> str | None:
    """Where a program lies, as a shell would find it."""
    places = [Path(program)] if os.sep in program else [Path(folder) / program for folder in os.get_exec_path()]
    return next((str(place) for place in places if place.is_file() and os.access(place, os.X_OK)), None)


def _throttling(before: int | None, after: int | None) -> list[str]:
    if before is None or after is None:
        return []
    in_between = (after & ~before) >> _SINCE_BOOT
    return [name for flag, name in _THROTTLED_NOW if (before | after | in_between) & flag]


def _moved_clocks(before: Pace, after: Pace) -> list[str]:
    """The first core that worked and changed its clock; an idle core's clock moves as it likes and matters to nobody."""
    if before.clocks_khz is None or after.clocks_khz is None:
        return []
    for core, (was, now) in enumerate(zip(before.clocks_khz, after.clocks_khz)):  # noqa: B905  # Python 3.9
        if was and now and _worked(before, after, core) and abs(now - was) > CLOCK_MOVED * was:
            return [f"clock of core {core} moved from {was / 1000:.0f} to {now / 1000:.0f} MHz"]
    return []


def _worked(before: Pace, after: Pace, core: int) -> bool:
    """Whether a core was busy at least half of the time; taken as given where that is not told."""
    passed = after.at_s - before.at_s
    if before.busy_s is None or after.busy_s is None or core >= len(after.busy_s) or passed < _LEAST_S_FOR_LOAD:
        return True
    return after.busy_s[core] - before.busy_s[core] >= passed / 2


def _busy(line: str) -> float:
    """Of a line of /proc/stat: user, nice, system, irq, softirq and steal; guests are counted in user (proc(5))."""
    ticks = [int(number) for number in line.split()[1:9]]
    ticks += [0] * (8 - len(ticks))
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _cores(sources: Sources) -> list[Path]:
    return _numbered(sources.sys / "devices" / "system" / "cpu", "cpu")


def _numbered(folder: Path, prefix: str) -> list[Path]:
    """prefix0, prefix1, ... in the order of their numbers."""
    try:
        numbers = [entry.name[len(prefix) :] for entry in folder.iterdir() if entry.name.startswith(prefix)]
    except OSError:
        return []
    return [folder / f"{prefix}{number}" for number in sorted(int(n) for n in numbers if n.isdigit())]


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n") or None
    except OSError:
        return None
