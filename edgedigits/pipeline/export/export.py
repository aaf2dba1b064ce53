"""What an export is, and all that others ask of one: no place but its own file knows an export by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.keras_types import KerasModel
from edgedigits.pipeline.converters.table import DEFAULT, PER_LAYER, ConverterName
from edgedigits.pipeline.mixing.settings import asks_mixed
from edgedigits.tasks.lost_answers import Losses


class Export(Protocol):
    """A frozen dataclass whose fields are its YAML keys; calling it makes the bytes. What others ask of it stands in its class.

    A new one is a file beside this and a row in `recipe.EXPORTS`; `tests/test_export.py` holds each row to all of this.
    """

    integer: ClassVar[bool]
    """Every operator computes in integers: bytes in which one does not are refused."""
    rounds: ClassVar[bool]
    """Weights or activations are rounded to integers, whatever the type of the answers. The manifest tells the runner."""
    limits: ClassVar[Losses]
    """The most that the bytes may lose of the model's answers.

    Of nets with 2 to 1,000 classes, from sure to a first answer of 4 % at the median, good exports lose at most: float32 0,
    float16 1e-6, dynamic 0.0005, int16x8 0.006, int8 0.01 of the answers and 0.02 of the information. A class of weights so large
    that int8 rounds the others away costs 0.06 (2 points of accuracy) to 1.
    """
    rewrites: ClassVar[tuple[str, ...]]
    """Those of its options, true or false, that ask for other bytes of the same model: rows of `tflite/rewrite/apply.py`."""
    lacks: ClassVar[Mapping[str, str]]
    """A kind of layer or an activation, and the operator of it that TFLite can't compute in these numbers."""
    lacks_fused: ClassVar[bool]
    """TFLite lacks operators that the converter makes of several layers too, as HARD_SWISH, so that whole models are tried."""
    coarse: ClassVar[frozenset[str]]
    """Kinds of layers that divide each place by a size of its own. Where these sizes differ much, as over dark and bright places
    of raw pixels, 8 bits for all of them leave nothing of the small ones; so they are tried on the data."""
    multiplies_int8: ClassVar[bool]
    """Its multiply-adds are of int8 by int8, which cores with dot-product instructions do faster."""
    why_zeros_take_time: ClassVar[str]
    """Why a pruned weight takes as long as any other."""
    why_no_faster: ClassVar[str]
    """Why it may be no faster than float32; "" where it should be."""
    why_slower: ClassVar[str]
    """Why it may be slower than float32; "" where `why_no_faster` says it."""

    def __call__(self, model: KerasModel, calibration: Images, scale: Scale) -> bytes: ...


def find_converter(export: Export) -> ConverterName:
    """Which converter makes its bytes; an export without that setting takes the default one, one of several numbers that which
    has rules for single layers."""
    name: ConverterName = getattr(export, "converter", DEFAULT)
    return PER_LAYER if asks_mixed(export) else name


def list_float_layers(export: Export) -> Sequence[str]:
    """Names of layers, or patterns, whose operators may compute in float though the export is an integer one."""
    found: Sequence[str] = getattr(export, "float_layers", ())
    return found


def tries_values(export: Export) -> bool:
    """Whether it refuses a net for the values that it computes, which only a try shows."""
    return getattr(export, "arithmetic", "float32") != "float32"


def list_rewrites(export: Export) -> tuple[str, ...]:
    """The options of the export that are set and ask for other bytes of the same model."""
    return tuple(name for name in export.rewrites if getattr(export, name))


def make_slim(export: Any) -> Any:
    """The export with its option `slim` set, where it has one."""
    return replace(export, slim=True) if "slim" in export.rewrites else export
