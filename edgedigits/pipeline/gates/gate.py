"""A gate: a name and a limit, out of a recipe's `gates:` or of `--gate NAME=LIMIT`. All is checked before any work.

    gates:
      max_accuracy_drop_points: 0.5
      max_bytes: 60 KiB
      min_speedup: 2x

`x` makes of a limit a multiple of what the float form has, or the old one of two that are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from edgedigits.errors import InputError, RecipeError
from edgedigits.ground.yaml_files import check_known, describe_kind, show_value
from edgedigits.pipeline.gates.amounts import BYTES, CYCLES, MICROSECONDS, POINTS, SHARE, TIMES, parse_amount

CORES: Final = ("cortex-a53", "cortex-a72", "cortex-a76")
"""Whose cycles can be foretold: of a Pi 3 or Zero 2 W, a Pi 4, a Pi 5."""
DEFAULT_CORE: Final = "cortex-a72"
NONE: Final = "none"
"""On the command line: without that gate of the recipe."""

CORRUPTION_DROP: Final = "max_corruption_drop_points"
"""The mean over all corruptions of what is lost against the other form."""

Form = Literal["plain", "times", "share"]
"""What a limit is: of the gate's own unit; a multiple of what the other form has; a share of the images."""
Said = int | float | str


@dataclass(frozen=True)
class Gate:
    """What must hold. `limit` is in the unit of its `form`; `said` is how it was written; `core`: of cycles, whose."""

    name: str
    limit: float
    form: Form
    said: Said
    core: str = ""

    @property
    def needs_other(self) -> bool:
        """Whether it is about two forms: nothing can be said of it without the float one, or the old one."""
        return self.form == "times" or self.name in (
            "max_accuracy_drop_points",
            CORRUPTION_DROP,
            "min_speedup",
            "max_flips",
        )

    @property
    def needs_times(self) -> bool:
        """Whether something must be timed for it."""
        return self.name in ("max_p50_us", "min_speedup")

    @property
    def needs_corruptions(self) -> bool:
        """Whether corrupted images must be answered for it."""
        return self.name == CORRUPTION_DROP


@dataclass(frozen=True)
class Kind:
    """How one gate is written: its units, and of which form each makes it; the least limit and the most of every form."""

    wanted: str
    units: Mapping[str, tuple[Form, float]]
    ends: Mapping[Form, tuple[float, float]]


def _units(form: Form, units: Mapping[str, float]) -> dict[str, tuple[Form, float]]:
    return {unit: (form, factor) for unit, factor in units.items()}


_TIMES: Final[Mapping[str, tuple[Form, float]]] = {TIMES: ("times", 1.0)}
_ANY: Final = float("inf")
GATES: Final[Mapping[str, Kind]] = {
    "max_accuracy_drop_points": Kind(
        "points, as 0.5, or a multiple of the float form's accuracy, as 0.01x",
        {**_units("plain", POINTS), **_TIMES},
        {"plain": (0, 100), "times": (0, 1)},
    ),
    CORRUPTION_DROP: Kind("points, as 0.3", _units("plain", POINTS), {"plain": (0, 100)}),
    "max_bytes": Kind(
        "bytes of at least 1,024, as 60000 or 60 KiB, or a multiple of the float form's, as 0.25x",
        {**_units("plain", BYTES), **_TIMES},
        {"plain": (1024, _ANY), "times": (1e-6, _ANY)},
    ),
    "max_p50_us": Kind(
        "microseconds above 0, as 40 or 0.04 ms, or a multiple of the float form's, as 0.5x",
        {"": ("plain", 1.0), **_units("plain", MICROSECONDS), **_TIMES},
        {"plain": (1e-6, _ANY), "times": (1e-6, _ANY)},
    ),
    "max_cycles": Kind(
        f"cycles above 0, as 400000 or 400k, or a multiple of the float form's, as 0.5x; a core may follow, as on {CORES[2]}",
        {**_units("plain", CYCLES), **_TIMES},
        {"plain": (1, _ANY), "times": (1e-6, _ANY)},
    ),
    "min_speedup": Kind(
        "how many times as fast as the float form, above 0, as 2 or 2x, or how much less time a call takes, as 20 us",
        {"": ("times", 1.0), **_TIMES, **_units("plain", MICROSECONDS)},
        {"plain": (-_ANY, _ANY), "times": (1e-6, _ANY)},
    ),
    "max_flips": Kind(
        "a whole number of the images at hand, as 20, or a share of all such images up to 100 %, as 0.5 %",
        {"": ("plain", 1.0), "images": ("plain", 1.0), "%": ("share", 0.01)},
        {"plain": (0, _ANY), "share": (0, 1)},
    ),
    "min_class_recall": Kind(
        "a share from 0 to 1, as 0.9 or 90 %, or a multiple of the float form's recall of that class up to 1, as 0.95x",
        {**_units("plain", SHARE), **_TIMES},
        {"plain": (0, 1), "times": (0, 1)},
    ),
}


def parse_gates(document: Any, where: str) -> tuple[Gate, ...]:
    """The gates of what YAML or Python holds: limits by name. Raises RecipeError, which begins with `where`."""
    if not isinstance(document, Mapping):
        raise RecipeError(f"{where}: wanted gates as name: limit, found {describe_kind(document)}")
    check_known(where, "gate", document, GATES, RecipeError)
    return tuple(_parse(name, value, f"{where}.{name}", RecipeError) for name, value in document.items())


def overlay(gates: Iterable[Gate], given: Mapping[str, Any] | Sequence[str]) -> tuple[Gate, ...]:
    """Gates with those that a call says, as name=limit or in a mapping, in place of those of that name; `none` takes one away.

    Raises InputError for what is no gate, and for one that is said twice.
    """
    found = {gate.name: gate for gate in gates}
    for name, value in _split(given).items():
        check_known("--gate", "gate", [name], GATES, InputError)
        if value is None or value == NONE:
            found.pop(name, None)
        else:
            found[name] = _parse(name, value, f"--gate {name}", InputError)
    return tuple(found.values())


def _split(given: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, Any] = {}
    for one in [given] if isinstance(given, str) else given:
        name, equals, value = str(one).partition("=")
        if not equals:
            raise InputError(f"--gate: found {show_value(one)}; wanted NAME=LIMIT, as max_bytes=60000")
        if name.strip() in found:
            raise InputError(f"--gate {name.strip()}: is given twice; give one limit")
        found[name.strip()] = value.strip()
    return found


def _parse(name: str, value: Any, where: str, error: type[InputError]) -> Gate:
    kind, (text, core) = GATES[name], _split_core(name, value)
    if core and core not in CORES:
        raise error(f"{where}: found {show_value(value)}; choose a core from {', '.join(CORES)}")
    amount = parse_amount(text)
    if amount is not None and amount.unit in kind.units:
        form, factor = kind.units[amount.unit]
        limit, (least, most) = amount.number * factor, kind.ends[form]
        if least <= limit <= most and not (name == "max_flips" and form == "plain" and limit != int(limit)):
            return Gate(name, limit, form, value, core or (DEFAULT_CORE if name == "max_cycles" else ""))
    raise error(f"{where}: found {show_value(value)}; wanted {kind.wanted}")


def _split_core(name: str, value: Any) -> tuple[Any, str]:
    """(the amount, the core) of "400k on cortex-a76"."""
    if name != "max_cycles" or not isinstance(value, str):
        return value, ""
    text, _, core = value.partition(" on ")
    return text, core.strip()


def check_measurable(gates: Iterable[Gate], *, other: str | None) -> None:
    """Raises InputError for a gate on what will not be there: `other` says how to get a second form, None where there is one."""
    for gate in gates:
        if gate.needs_other and other is not None:
            raise InputError(f"--gate {gate.name}={gate.said}: there is nothing to hold it against; {other}")


def list_said(gates: Iterable[Gate]) -> dict[str, Said]:
    """Limits by name, as they were written: what `parse_gates` makes the same gates of."""
    return {gate.name: gate.said for gate in gates}
