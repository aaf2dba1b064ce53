"""The input and the answer of a model made those of a classifier of images, where that is exact; what was done is said in
sentences.

An input open to images of any size takes the data's size; one of [height, width] gets a channel. A softmax before layers that
only reshape its one place goes behind them: stages look for it at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgedigits.backend import keras
from edgedigits.errors import ModelError, OpenSizeError
from edgedigits.keras_types import KerasModel
from edgedigits.models.graph import walk

Size = tuple[int, int]
SizeOf = Callable[[], Size]


def image_shape(given: Sequence[int | None], size: Size | None) -> tuple[tuple[int, int, int], str]:
    """(height, width, channels) of the images for an input of shape `given`, the batch left out, and what to say about it.

    `size` is (height, width) of the data, which an open input gets. Raises ModelError for an input that no grey or RGB image
    fits, OpenSizeError for an open one without `size`.
    """
    if len(given) not in (2, 3) or (len(given) == 3 and given[2] is None):
        raise ModelError(
            f"the model takes input of shape {[None, *given]}, not images [None, height, width, 1 or 3]; put "
            "an Input and a Reshape layer in front of it."
        )
    height, width, channels = (*given, 1)[:3]
    if channels not in (1, 3):
        raise ModelError(
            f"the model takes input of shape {[None, *given]}, so {channels} channels, and the images that can be read are "
            "grey (1) or RGB (3); build it for one of those and train it again."
        )
    if height and width:
        said = f"its input [{height}, {width}] takes grey images without a channel; a Reshape in front drops it"
        return (height, width, channels), said if len(given) == 2 else ""
    if size is None:
        raise OpenSizeError(
            f"the model takes images of any size ({[None, *given]}), and that of a .tflite file is fixed; name data, whose "
            "size it then gets, or save it with an input of fixed size."
        )
    found = (height or size[0], width or size[1])
    said = f"it takes images of any size; its input is now {found[0]}x{found[1]}, the data's"
    return (*found, channels), said


def move_closing(model: KerasModel, name: str) -> tuple[KerasModel, str]:
    """A flat model whose softmax or sigmoid stands last, in a layer `name`, and what to say; as it is where that would be another
    model, or is so already."""
    calls = list(walk.list_calls(model))
    at = len(calls) - 1
    while at and isinstance(calls[at].layer, (keras.layers.Flatten, keras.layers.Reshape)):
        at -= 1
    last, shape = calls[at].layer, tuple(calls[at].use.made[0].shape)
    closing = walk.find_closing_of(last)
    along = getattr(last, "axis", -1) in (-1, len(shape) - 1)
    in_a_row = all(after.inputs == before.outputs for before, after in zip(calls[at:], calls[at + 1 :], strict=False))
    once = sum(call.layer is last for call in calls) == 1
    if closing is None or at == len(calls) - 1 or not (along and in_a_row and once) or set(shape[1:-1]) - {1}:
        return model, ""

    plain = walk.clone_opened(model, last)
    answer = keras.layers.Activation(closing, name=name)(plain.outputs[0])
    moved: KerasModel = keras.Model(plain.inputs[0], answer, name=model.name)
    return moved, f"its {closing} stands before '{calls[-1].layer.name}', which only reshapes; here it comes last"
