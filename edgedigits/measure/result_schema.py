"""What each kind of result of the device runner holds: models of pydantic, strict, and closed to unknown keys.

What a model kept of its answers depends on its task and is looked at in `result_check.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from edgedigits.ground.facts import JsonObject
from edgedigits.ground.foreign_json import Mismatch, shorten

_MOST_KEYS = 1000
_One = TypeVar("_One")

Name = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text of one line."""
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Number = Annotated[float, Field(ge=-1e18, le=1e18, allow_inf_nan=False)]
"""Not so large that arithmetic with it could overflow."""
Positive = Annotated[float, Field(gt=0, le=1e18, allow_inf_nan=False)]
Load = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Celsius = Annotated[float, Field(gt=-300, lt=1000, allow_inf_nan=False)]
Some = Annotated[list[_One], Field(min_length=1, fail_fast=True)]
"""A list of one at least; of a long list of wrong ones only the first is told."""


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _not_wide(cls, value: Any) -> Any:
        """Each unknown key would be an error of its own."""
        if isinstance(value, dict) and len(value) > _MOST_KEYS:
            raise PydanticCustomError("wide", "an object of too many keys")
        return value


class Packed(_Object):
    """An array, as `edgedigits_runner.arrays.encode` packs it."""

    dtype: str
    shape: Annotated[list[Any], Field(max_length=32)]
    zlib_base64: str


class Environment(_Object):
    python: Name
    platform: Name
    machine: Name
    numpy: Name
    runtime: Name
    runtime_version: Name
    board: Name | None
    cpu: Name | None
    instruction_sets: Annotated[list[Name], Field(max_length=100, fail_fast=True)] | None = None
    governor: Name | None
    cpus: Count
    load_average: Annotated[list[Load], Field(min_length=3, max_length=3, fail_fast=True)]
    clock_khz: Whole | None
    timer_ns: Whole


class Form(_Object):
    tensor: Whole
    dtype: Name
    step: Number
    zero_point: Number


class Input(Form):
    height: Count
    width: Count
    channels: Count
    channels_first: bool
    tensor_shape: Annotated[list[Count], Field(min_length=1, max_length=8, fail_fast=True)]


class Output(Form):
    classes: Count


class FirstModel(_Object):
    """A model in results of schema 1, all of them of classification."""

    name: Name
    sha256: Hash
    input: Input
    output: Output
    answers: JsonObject


class Model(FirstModel):
    task: JsonObject
    scores: Annotated[dict[Name, Share], Field(max_length=100)]


class State(_Object):
    clocks_khz: Annotated[list[Whole | None], Field(max_length=10_000, fail_fast=True)] | None
    governor: Name | None
    celsius: Annotated[dict[Name, Celsius], Field(max_length=1000)] | None
    throttled: Whole | None


class Window(_Object):
    laps_ns: Packed
    call_p50_ns: Positive
    calls_ns: Positive
    before: State
    after: State
    load: Share | None
    void: Name | None
    tries: Count


class Timed(_Object):
    name: Name
    delegated: bool | None
    windows: Some[Window]


class Latency(_Object):
    threads: Count
    models: Some[Timed]


class Probe(_Object):
    schema_: Whole = Field(alias="schema")
    kind: Name
    environment: Environment
    model_sha256: Hash
    threads: Count
    pin: Whole | None
    cold: bool
    model_resident_share: Share | None
    load_ns: Positive
    first_ns: Positive
    peak_kib: Positive
    imported_kib: Positive | None
    steady_kib: Positive | None
    peak_source: Name


class NamedProbe(Probe):
    name: Name


class _Data(_Object):
    schema_: Whole = Field(alias="schema")
    kind: Name
    environment: Environment
    eval_sha256: Hash
    labels: Packed
    image_shape: Annotated[list[Count], Field(min_length=3, max_length=3, fail_fast=True)]


class Evaluate(_Data):
    models: Some[Model]


class Bench(Evaluate):
    """By hand on the device, memory and first inference come in the same file, as `probes`."""

    pin: Whole | None
    latency: Some[Latency]
    probes: Annotated[list[NamedProbe], Field(fail_fast=True)] = []


class FirstEvaluate(_Data):
    models: Some[FirstModel]


class FirstBench(Bench):
    models: Some[FirstModel]  # type: ignore[assignment]  # as schema 1 had it


class Triable(_Object):
    """A file that was tried: why it can't be run, "" where it can; the operators that XNNPACK takes, None where not told."""

    reason: Name
    taken: Annotated[list[Whole], Field(max_length=100_000, fail_fast=True)] | None


class Turns(_Object):
    """A window in which all files took turns."""

    rounds: Count
    median_ns: Some[Positive]
    before: State
    after: State
    load: Share | None
    void: Name | None
    tries: Count


class Profile(_Object):
    """`timed` are the places of the files that run, in the order of each window's medians."""

    schema_: Whole = Field(alias="schema")
    kind: Name
    environment: Environment
    pin: Whole | None
    files: Some[Triable]
    timed: Some[Whole]
    windows: Some[Turns]


class Tries(_Object):
    schema_: Whole = Field(alias="schema")
    kind: Name
    files: Some[Triable]


SCHEMAS: dict[str, dict[int, type[_Object]]] = {
    "evaluate": {1: FirstEvaluate, 2: Evaluate},
    "bench": {1: FirstBench, 2: Bench},
    "probe": {1: Probe},
    "profile": {1: Profile},
    "tries": {1: Tries},
}
"""By kind, then by schema."""


def look(value: Any, shape: type[_Object], place: str = "") -> None:
    """Mismatch, with the place of the first fault, unless the value is what `shape` says."""
    try:
        shape.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        raise Mismatch(place + _place(fault["loc"], bool(place)), _what(fault["type"], fault["input"])) from None


def _place(steps: tuple[int | str, ...], inside: bool) -> str:
    """models[0].answers; of a key from elsewhere what can be shown of it."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step != "[key]":
            text += f"{'.' if text or inside else ''}{shorten(step).strip(chr(39))}"
    return text


def _what(kind: str, found: Any) -> str:
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        return "unknown"
    if kind in ("model_type", "dict_type"):
        return f"found {shorten(found)}, an object was expected"
    if kind == "list_type" or found == []:
        return f"found {shorten(found)}, a list was expected"
    return f"found {shorten(found)}"
