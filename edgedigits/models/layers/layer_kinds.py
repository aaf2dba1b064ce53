"""What is known of each kind of layer that a model may have: one row a kind, and nothing of it stands elsewhere.

The loader takes the kinds that have a row; walking, folding, merging, narrowing, pruning, clustering and rounding ask the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from edgedigits.keras_types import KerasLayer

READS, MAKES, WITHIN = "reads", "makes", "within"
"""What an axis of a weight counts: channels read, channels made, or what a depthwise kernel hands to a pointwise one."""


class Passage(Enum):
    """How channels pass through a layer; what that means is written in `graph/channel_rules.py`."""

    MADE = auto()  # new ones, each from all that are read
    DEPTHWISE = auto()
    MERGED = auto()
    CONCATENATED = auto()
    NORMALIZED = auto()
    RESHAPED = auto()
    PERMUTED = auto()
    ACTIVATED = auto()
    PASSED_ON = auto()
    WHOLE = auto()  # all are needed


class Output(Enum):
    """With which scale a layer's output is rounded."""

    OWN = auto()
    INPUTS = auto()  # it holds values of the input
    SHARED = auto()  # one with all inputs: TFLite's operator takes no other


class PixelUse(Enum):
    """What a layer does to plain pixels that it reads."""

    CHANGED = auto()
    HANDED_ON = auto()
    PADDED = auto()  # handed on, with zeros around them


class Setting(Enum):
    """What a setting says of the channels that a layer makes."""

    COUNT = auto()
    SHAPE = auto()  # their count stands last
    VALUES = auto()  # one of each, or one of all


@dataclass(frozen=True)
class Weight:
    """A weight with channels: axis, by its place from the end -> what it counts. Axes that count none are left out."""

    axes: Mapping[int, str]


@dataclass(frozen=True)
class Kernel(Weight):
    """A weight that is multiplied, and so pruned, clustered and rounded to int8.

    filters: the axes, rising, that count its filters together: what batch normalization scales and what has a scale of its own.
    one_scale: all filters have the same scale, as TFLite wants it of fully connected layers.
    """

    filters: tuple[int, ...] = (-1,)
    one_scale: bool = False

    @property
    def depthwise(self) -> bool:
        """True where each filter reads one channel."""
        return MAKES not in self.axes.values()

    @property
    def sums(self) -> bool:
        """True where it is a matrix, at each place, of channels read by channels made."""
        return dict(self.axes) == {-2: READS, -1: MAKES}

    @property
    def reads(self) -> int | None:
        """The axis that counts channels read; None where no axis does."""
        return next((axis for axis, counts in self.axes.items() if counts == READS), None)


@dataclass(frozen=True)
class LayerKind:
    """All that stages and graph rewriting know of a kind of layer.

    weights: attribute -> those that count channels, kernels first, in the order of `get_weights()`; the rest belongs to none.
    settings: what settings of its config say of the channels made.
    folds_batchnorm: a batch normalization behind it goes into its one kernel and its bias, `use_bias`.
    fuses_activation: the converter makes one operator of it and a ReLU behind it.
    spreads: its kernel is multiplied at each place of its input, not of its output.
    """

    channels: Passage
    output: Output
    weights: Mapping[str, Weight] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    folds_batchnorm: bool = False
    fuses_activation: bool = True
    spreads: bool = False
    pixels: PixelUse = PixelUse.CHANGED

    @property
    def kernels(self) -> dict[str, Kernel]:
        """By attribute, in the order in which they are multiplied."""
        return {name: weight for name, weight in self.weights.items() if isinstance(weight, Kernel)}

    @property
    def makes_channels(self) -> bool:
        """True where it makes channels of its own from all that it reads."""
        return self.channels is Passage.MADE

    @property
    def sums(self) -> bool:
        """True where it does no more with channels than one matrix, at each place, does."""
        return self.makes_channels and [kernel.sums for kernel in self.kernels.values()] == [True]

    @property
    def stateless(self) -> bool:
        """True where it holds nothing of a channel: one layer may be used many times, each time for other channels."""
        return not self.weights and not self.settings


_BIAS: Final[dict[str, Weight]] = {"bias": Weight({-1: MAKES})}
_MATRIX = Kernel({-2: READS, -1: MAKES})
_CONV: Final[dict[str, Weight]] = {"kernel": _MATRIX, **_BIAS}
_TRANSPOSED: Final[dict[str, Weight]] = {"kernel": Kernel({-1: READS, -2: MAKES}, filters=(-2,)), **_BIAS}
_FILTERS = Kernel({-2: READS}, filters=(-2, -1))
_SEPARABLE: Final[dict[str, Weight]] = {
    "depthwise_kernel": _FILTERS,
    "pointwise_kernel": Kernel({-2: WITHIN, -1: MAKES}),
    **_BIAS,
}
_BATCHNORM = {name: Weight({-1: MAKES}) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
_COUNT, _VALUES = {"filters": Setting.COUNT}, {"scale": Setting.VALUES, "offset": Setting.VALUES}
_OWN, _INPUTS, _SHARED = Output.OWN, Output.INPUTS, Output.SHARED
_PASSED_ON, _MERGED = Passage.PASSED_ON, Passage.MERGED
_HANDED_ON, _PADDED = PixelUse.HANDED_ON, PixelUse.PADDED

KINDS: Final[dict[str, LayerKind]] = {
    "Activation": LayerKind(Passage.ACTIVATED, _OWN),
    "Add": LayerKind(_MERGED, _OWN),
    "AlphaDropout": LayerKind(_PASSED_ON, _INPUTS),
    "Average": LayerKind(_MERGED, _OWN),
    "AveragePooling1D": LayerKind(_PASSED_ON, _SHARED),
    "AveragePooling2D": LayerKind(_PASSED_ON, _SHARED),
    "BatchNormalization": LayerKind(Passage.NORMALIZED, _OWN, _BATCHNORM),
    "CenterCrop": LayerKind(_PASSED_ON, _INPUTS),
    "Concatenate": LayerKind(Passage.CONCATENATED, _SHARED, fuses_activation=False),
    "Conv1D": LayerKind(Passage.MADE, _OWN, _CONV, _COUNT, folds_batchnorm=True),
    "Conv1DTranspose": LayerKind(Passage.MADE, _OWN, _TRANSPOSED, _COUNT, spreads=True),
    "Conv2D": LayerKind(Passage.MADE, _OWN, _CONV, _COUNT, folds_batchnorm=True),
    "Conv2DTranspose": LayerKind(Passage.MADE, _OWN, _TRANSPOSED, _COUNT, spreads=True),
    "Cropping1D": LayerKind(_PASSED_ON, _INPUTS),
    "Cropping2D": LayerKind(_PASSED_ON, _INPUTS, pixels=_HANDED_ON),
    "Dense": LayerKind(
        Passage.MADE,
        _OWN,
        {"kernel": Kernel({-2: READS, -1: MAKES}, one_scale=True), **_BIAS},
        {"units": Setting.COUNT},
        folds_batchnorm=True,
    ),
    "DepthwiseConv1D": LayerKind(Passage.DEPTHWISE, _OWN, {"kernel": _FILTERS, **_BIAS}, folds_batchnorm=True),
    "DepthwiseConv2D": LayerKind(Passage.DEPTHWISE, _OWN, {"kernel": _FILTERS, **_BIAS}, folds_batchnorm=True),
    "Dropout": LayerKind(_PASSED_ON, _INPUTS, pixels=_HANDED_ON),
    "ELU": LayerKind(_PASSED_ON, _OWN),
    "Flatten": LayerKind(Passage.RESHAPED, _INPUTS, pixels=_HANDED_ON),
    "GaussianDropout": LayerKind(_PASSED_ON, _INPUTS),
    "GaussianNoise": LayerKind(_PASSED_ON, _INPUTS),
    "GlobalAveragePooling1D": LayerKind(_PASSED_ON, _OWN),
    "GlobalAveragePooling2D": LayerKind(_PASSED_ON, _OWN),
    "GlobalMaxPooling1D": LayerKind(_PASSED_ON, _INPUTS),
    "GlobalMaxPooling2D": LayerKind(_PASSED_ON, _INPUTS),
    "GroupNormalization": LayerKind(Passage.WHOLE, _OWN),
    "LayerNormalization": LayerKind(Passage.WHOLE, _OWN),
    "LayerScale": LayerKind(_PASSED_ON, _OWN, {"gamma": Weight({-1: MAKES})}),  # of Keras' ConvNeXt
    "LeakyReLU": LayerKind(_PASSED_ON, _OWN),
    "MatMul": LayerKind(
        Passage.WHOLE, _OWN
    ),  # of two computed tensors; it is ours, as Pad, ReciprocalRoot, Reduce, Slice
    "MaxPooling1D": LayerKind(_PASSED_ON, _INPUTS),
    "MaxPooling2D": LayerKind(_PASSED_ON, _INPUTS),
    "Maximum": LayerKind(_MERGED, _SHARED),
    "Minimum": LayerKind(_MERGED, _SHARED),
    "Multiply": LayerKind(_MERGED, _OWN),
    "Normalization": LayerKind(Passage.WHOLE, _OWN),
    "PReLU": LayerKind(_PASSED_ON, _OWN, {"alpha": Weight({-1: MAKES})}),
    "Pad": LayerKind(_PASSED_ON, _INPUTS),
    "Permute": LayerKind(Passage.PERMUTED, _INPUTS),
    "PlaceBias": LayerKind(_PASSED_ON, _OWN, _BIAS),  # ours: of an EinsumDense with a bias for each place
    "RMSNormalization": LayerKind(Passage.WHOLE, _OWN),
    "ReLU": LayerKind(_PASSED_ON, _OWN),
    "ReciprocalRoot": LayerKind(_PASSED_ON, _OWN),
    "Reduce": LayerKind(_PASSED_ON, _OWN),
    "Rescaling": LayerKind(_PASSED_ON, _OWN, settings=_VALUES),
    "Reshape": LayerKind(Passage.RESHAPED, _INPUTS, settings={"target_shape": Setting.SHAPE}),
    "Resizing": LayerKind(_PASSED_ON, _SHARED),
    "SeparableConv1D": LayerKind(Passage.MADE, _OWN, _SEPARABLE, _COUNT),
    "SeparableConv2D": LayerKind(Passage.MADE, _OWN, _SEPARABLE, _COUNT),
    "Slice": LayerKind(_PASSED_ON, _INPUTS),
    "Softmax": LayerKind(Passage.WHOLE, _OWN),
    "SpatialDropout1D": LayerKind(_PASSED_ON, _INPUTS),
    "SpatialDropout2D": LayerKind(_PASSED_ON, _INPUTS, pixels=_HANDED_ON),
    "Subtract": LayerKind(_MERGED, _OWN),
    "ThresholdedReLU": LayerKind(_PASSED_ON, _OWN),  # ours: Keras 3 has it as a setting of ReLU
    "UnitNormalization": LayerKind(Passage.WHOLE, _OWN),
    "UpSampling2D": LayerKind(_PASSED_ON, _SHARED),
    "ZeroPadding1D": LayerKind(_PASSED_ON, _INPUTS),
    "ZeroPadding2D": LayerKind(_PASSED_ON, _INPUTS, pixels=_PADDED),
}
"""By the name of the layer's class, as Keras has it."""


def find_kind(layer: KerasLayer) -> LayerKind | None:
    """The row of a layer; None where its kind has none."""
    return KINDS.get(type(layer).__name__)


def list_kernels(layer: KerasLayer) -> dict[str, Kernel]:
    """The kernels of a layer by attribute; none where its kind has no row."""
    kind = find_kind(layer)
    return {} if kind is None else kind.kernels
