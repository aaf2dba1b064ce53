"""What travels from stage to stage."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Protocol, TypeVar, cast

import numpy as np
import pydantic
import pydantic.dataclasses
from typing_extensions import dataclass_transform

from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.ground.yaml_files import check_known, tell_first_fault
from edgedigits.keras_types import KerasModel

_Settings = TypeVar("_Settings")

STRICT = pydantic.ConfigDict(extra="forbid", strict=True)
"""Settings are taken as written: no unknown keys, no strings for numbers."""


@dataclass_transform(frozen_default=True, field_specifiers=(pydantic.Field,))
def make_settings_class(cls: type[_Settings]) -> type[_Settings]:
    """A frozen dataclass of settings, as stages and exports are: a wrong one raises RecipeError, in YAML and in Python alike."""
    made: Any = pydantic.dataclasses.dataclass(frozen=True, config=STRICT)(cls)
    checked = made.__init__

    def __init__(self: Any, *given: Any, **settings: Any) -> None:
        check_known(cls.__name__, "setting", settings, [one.name for one in fields(made)], RecipeError)
        try:
            checked(self, *given, **settings)
        except pydantic.ValidationError as error:
            raise RecipeError(f"{cls.__name__}{tell_first_fault(error)}") from error

    __init__.__signature__ = inspect.signature(made)  # type: ignore[attr-defined]
    made.__init__ = __init__
    return cast(type[_Settings], made)


@dataclass(frozen=True)
class Candidate:
    """A flat Keras model and what later stages must keep.

    masks: kernel path -> bool array of the kernel's shape, False where the weight is pruned; {} means dense.
    clusters: kernel path -> int32 array of the kernel's shape, the number of the shared value; -1 where pruned.
    kept: kernel path -> for each of its axes the places, int64, that a stage which removed channels has kept of the kernel it
        was given; {} where no channels went.
    summed: kernel path -> int64, for each channel that the kernel read the one it became, where a stage made copies of one tensor
        one and added up what read them (`duplicate_inputs.sum_copies`); `kept` counts from there.
    corrections: layer name -> float32 [channels], what is added to its bias when bytes are made: rounding takes as much away.
    original: the model the recipe began with, whose answers a stage may train towards; None where there is none.
    made: what each stage before has made; the last is `model`; () before the first stage.
    custom: the user's own layer classes, "module:Class", which other models that a stage reads may need too.
    """

    model: KerasModel
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    clusters: Mapping[str, np.ndarray] = field(default_factory=dict)
    kept: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
    summed: Mapping[str, np.ndarray] = field(default_factory=dict)
    corrections: Mapping[str, np.ndarray] = field(default_factory=dict)
    original: KerasModel | None = None
    made: tuple[KerasModel, ...] = ()
    custom: Sequence[str] = ()

    def after(self, before: Candidate) -> Candidate:
        """This candidate as what a stage made of `before`."""
        return replace(self, original=before.original, made=(*before.made, self.model), custom=before.custom)


class Stage(Protocol):
    """A frozen dataclass whose fields are its YAML keys: Keras in, Keras out. What an advice asks of it stands in its class.

    A new one is a file in this room and a row in `recipe.STAGES`; `tests/test_stages.py` holds each row to all of this. What
    few have is asked of those that have it: the files it reads (`reads()`), the number of stages that must come before it
    (`latest_stage`), whether it ends in another net than the candidate (`makes_another_net`).
    """

    makes_zeros: ClassVar[bool]
    """Kernels keep their shapes and hold more zeros: whether these cost time is the export's matter."""
    why_no_gain: ClassVar[str]
    """Why bytes, or of a stage that makes no zeros bytes and time, may stay; "" where it leaves less to store and to compute."""

    @property
    def in_words(self) -> str:
        """As people say it, as `80 % unstructured`; "" where its name in the recipe says it."""

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]: ...
