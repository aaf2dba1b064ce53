"""Nets that find objects, as far as the scores and boxes of their anchors, with random weights: see `published_nets.py`.

Apart from them the operator that sorts the boxes, which was in what was timed: it is no network, and how long it takes depends on
the answers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.published_nets import lite_features


@dataclass(frozen=True)
class Lite:
    """A row of EfficientDet-Lite's table (github.com/google/automl, efficientdet/hparams_config.py): the backbone's width and
    depth; the channels of the pyramid, how often it is gone through, and the layers of each head."""

    width: float
    depth: float
    filters: int
    cells: int
    head: int = 3


LITES: Final = {
    "EfficientDetLite0": Lite(1.0, 1.0, 64, 3),
    "EfficientDetLite1": Lite(1.0, 1.1, 88, 4),
    "EfficientDetLite2": Lite(1.1, 1.2, 112, 5),
}
_ANCHORS, _CLASSES = 9, 90
_FIRST, _LEVELS = 3, 5
"""The first level of the pyramid, and how many follow one another, each half as large as the one before."""


@dataclass(frozen=True)
class Sorting:
    """TFLite_Detection_PostProcess: which of the `anchors` hold an object of one of the `classes`, at most `detections`. Before
    the scores of the classes may stand one of none of them, the `background`."""

    anchors: int
    classes: int
    detections: int
    background: int = 0

    @property
    def file(self) -> str:
        """The name of a file that holds it alone."""
        return f"sorting-{self.anchors}-{self.classes}-{self.detections}"


def find_sorting(net: str, size: int) -> Sorting | None:
    """That of a net for images of `size` times `size`; None for one that finds no objects.

    EfficientDet's defaults are google/automl's (`tflite_max_detections`), SSDLite's those of the object detection API
    (`export_tflite_ssd_graph.py`, `max_detections`).
    """
    if net in LITES:
        places = sum((-(-size // 2**level)) ** 2 for level in range(_FIRST, _FIRST + _LEVELS))
        return Sorting(_ANCHORS * places, _CLASSES, 100)
    if net == "SSDLiteMobileNetV2":
        sides = [-(-size // 2**level) for level in range(4, 10)]
        return Sorting(sum((3 if at == 0 else 6) * side**2 for at, side in enumerate(sides)), _CLASSES, 10, 1)
    return None


def make_sorting(sorting: Sorting) -> bytes:
    """The .tflite file of the operator alone, with random anchors and no threshold."""
    from edgedigits.backend import tf

    settings = {
        "max_detections": f"i: {sorting.detections}",
        "max_classes_per_detection": "i: 1",
        "use_regular_nms": "b: false",
        "nms_score_threshold": "f: 0.0",
        "nms_iou_threshold": "f: 0.5",
        **{f"{side}_scale": "f: 1.0" for side in "yxhw"},
        "num_classes": f"i: {sorting.classes}",
    }
    attributes = [f'attr {{ key: "{key}" value {{ {value} }} }}' for key, value in settings.items()]
    rng, count = np.random.default_rng(0), sorting.anchors
    anchors = np.concatenate([rng.random((count, 2)), 0.05 + 0.2 * rng.random((count, 2))], 1).astype(np.float32)

    @tf.function(experimental_implements=" ".join(['name: "TFLite_Detection_PostProcess"', *attributes]))  # type: ignore[untyped-decorator]
    def sort(boxes: Any, scores: Any, anchors: Any) -> Any:  # noqa: ARG001  # named by what implements it
        shapes = [(1, sorting.detections, 4), (1, sorting.detections), (1, sorting.detections), (1,)]
        return tuple(tf.constant(0.0, tf.float32, shape) for shape in shapes)

    shapes = [(1, count, 4), (1, count, sorting.classes + sorting.background)]
    specifications = [tf.TensorSpec(shape, tf.float32) for shape in shapes]

    @tf.function(input_signature=specifications)  # type: ignore[untyped-decorator]
    def whole(boxes: Any, scores: Any) -> Any:
        return {f"output_{at}": output for at, output in enumerate(sort(boxes, scores, tf.constant(anchors)))}

    module = tf.Module()
    module.whole, module.sort = whole, sort
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=whole.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.allow_custom_ops = True
        return bytes(converter.convert())


def make_efficientdet_lite(name: str, size: int) -> Any:
    """EfficientDet-Lite (https://arxiv.org/abs/1911.09070, with ReLU6 and plain sums)."""
    from edgedigits.backend import keras

    lite = LITES[name]
    image = keras.Input((size, size, 3))
    stages = lite_features(keras, image, lite.width, lite.depth)
    levels = [stages[2], stages[4], stages[6]]
    levels.append(_pool(keras, _project(keras, levels[2], lite.filters)))
    levels.append(_pool(keras, levels[3]))
    for _ in range(lite.cells):
        levels = _fuse_levels(keras, levels, lite.filters)
    scores = _predict(keras, levels, lite, _ANCHORS * _CLASSES, _CLASSES)
    boxes = _predict(keras, levels, lite, _ANCHORS * 4, 4)
    return keras.Model(image, [boxes, keras.layers.Activation("sigmoid")(scores)])


def _fuse_levels(keras: Any, levels: Sequence[Any], filters: int) -> list[Any]:
    """Once down the pyramid and once up."""
    down = [levels[-1]]
    for level in reversed(levels[:-1]):
        larger = keras.layers.Resizing(*level.shape[1:3], interpolation="nearest")(down[0])
        down.insert(0, _combine(keras, [_project(keras, level, filters), larger], filters))
    up = [down[0]]
    for at in range(1, len(levels)):
        inputs = [_project(keras, levels[at], filters)]
        if at + 1 < len(levels):
            inputs.append(down[at])
        up.append(_combine(keras, [*inputs, _pool(keras, up[-1])], filters))
    return up


def _combine(keras: Any, inputs: Sequence[Any], filters: int) -> Any:
    layers = keras.layers
    x = inputs[0]
    for other in inputs[1:]:
        x = layers.Add()([x, other])
    return layers.BatchNormalization()(layers.SeparableConv2D(filters, 3, padding="same")(layers.ReLU(6.0)(x)))


def _project(keras: Any, x: Any, filters: int) -> Any:
    if x.shape[-1] == filters:
        return x
    return keras.layers.BatchNormalization()(keras.layers.Conv2D(filters, 1)(x))


def _pool(keras: Any, x: Any) -> Any:
    return keras.layers.MaxPooling2D(3, 2, padding="same")(x)


def _predict(keras: Any, levels: Sequence[Any], lite: Lite, outputs: int, each: int) -> Any:
    """The levels have their convolutions in common, and each a normalization of its own."""
    layers = keras.layers
    shared = [layers.SeparableConv2D(lite.filters, 3, padding="same") for _ in range(lite.head)]
    last = layers.SeparableConv2D(outputs, 3, padding="same")
    found = []
    for level in levels:
        x = level
        for convolution in shared:
            x = layers.ReLU(6.0)(layers.BatchNormalization()(convolution(x)))
        found.append(layers.Reshape((-1, each))(last(x)))
    return layers.Concatenate(axis=1)(found)


def make_ssdlite_mobilenet_v2(size: int) -> Any:
    """SSDLite on MobileNetV2 (https://arxiv.org/abs/1801.04381, 6.2) for 91 classes, as the object detection API has it."""
    from edgedigits.backend import keras

    layers = keras.layers
    backbone = keras.applications.MobileNetV2(input_shape=(size, size, 3), weights=None, include_top=False)
    levels = [backbone.get_layer("block_13_expand_relu").output, backbone.get_layer("out_relu").output]
    for narrow, wide in ((256, 512), (128, 256), (128, 256), (64, 128)):
        x = _activate(keras, layers.Conv2D(narrow, 1, use_bias=False)(levels[-1]))
        x = _activate(keras, layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x))
        levels.append(_activate(keras, layers.Conv2D(wide, 1, use_bias=False)(x)))
    outputs = [
        layers.Concatenate(axis=1)(
            [_anchors(keras, level, 3 if at == 0 else 6, each) for at, level in enumerate(levels)]
        )
        for each in (4, 91)
    ]
    return keras.Model(backbone.input, [outputs[0], layers.Activation("sigmoid")(outputs[1])])


def _anchors(keras: Any, level: Any, anchors: int, each: int) -> Any:
    layers = keras.layers
    x = _activate(keras, layers.DepthwiseConv2D(3, padding="same", use_bias=False)(level))
    return layers.Reshape((-1, each))(layers.Conv2D(anchors * each, 1)(x))


def _activate(keras: Any, x: Any) -> Any:
    return keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(x))
