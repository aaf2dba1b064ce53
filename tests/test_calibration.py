"""How ranges are found: rules on numbers, what both converters write, and whether two halves of the images agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras
from edgedigits.data.images import ArrayImages
from edgedigits.errors import RecipeError
from edgedigits.pipeline.calibration.ranges import Counts, find_range
from edgedigits.pipeline.calibration.rule import Rule
from edgedigits.pipeline.calibration.stability import MOST_TIMES, compare_halves, tell_unstable
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.export.int16x8 import Int16x8
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.flatbuffer import read
from tests.nets import classifier, fit_data

L = keras.layers


def counted(values: np.ndarray) -> Counts:
    counts = Counts(float(values.min()), float(values.max()))
    counts.add(values.astype(np.float32))
    return counts


def test_percentile_holds_its_share_and_minmax_everything() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    counts = counted(values)
    assert find_range(counts, Rule(), 255) == (values.min(), values.max())
    for percentile in (50.0, 99.0, 99.9):
        low, high = find_range(counts, Rule("percentile", percentile), 255)
        assert ((values >= low) & (values <= high)).mean() == pytest.approx(percentile / 100, abs=0.002)
    low, high = find_range(counts, Rule("percentile", 100.0), 255)
    assert (low, high) == pytest.approx((values.min(), values.max()), abs=0.01)


@pytest.mark.parametrize("sign", [1, -1])
def test_mse_is_the_range_of_the_least_error(sign: int) -> None:
    """Against rounding itself, tried on many ends; with few steps, so that the tail is worth cutting off."""
    values = sign * np.random.default_rng(1).exponential(size=20_000)

    def error(end: float) -> float:
        step = abs(end) / 15
        return float((((np.clip(np.round(np.abs(values) / step), 0, 15) * step) - np.abs(values)) ** 2).sum())

    low, high = find_range(counted(values), Rule("mse"), 15)
    found, best = max(-low, high), min(np.linspace(0.5, 10, 200), key=error)
    assert min(-low, high) == 0, "no value is on the other side"
    assert error(found) < 1.05 * error(best)
    assert found < 0.8 * np.abs(values).max()


def test_zeros_are_values_and_a_range_of_nothing_stays() -> None:
    values = np.concatenate([np.zeros(9_900), np.linspace(0.01, 1, 100)])
    _, high = find_range(counted(values), Rule("percentile", 99.0), 255)
    assert 0.4 < high < 0.6, "half of one percent goes at this end"
    assert find_range(counted(np.zeros(5)), Rule("mse"), 255) == (0.0, 0.0)


def widths(contents: Contents) -> list[float]:
    """Of each operator's output."""
    outputs = [contents.tensor(operator.outputs[0]) for operator in contents.operators if operator.name != "QUANTIZE"]
    return [255 * float(tensor.scales[0]) for tensor in outputs]


@pytest.mark.parametrize("converter", ["tf", "litert"])
def test_both_converters_write_the_ranges_of_the_rule(converter: Any, shapes: Path) -> None:
    if converter == "litert":
        pytest.importorskip("ai_edge_quantizer")
    data, net = fit_data(shapes), classifier()
    export = Int8(converter=converter)
    whole, cut, least = (
        read(replace(export, calibration=rule, percentile=90.0)(net, data.calibration, data.scale), "int8")
        for rule in ("minmax", "percentile", "mse")
    )
    for file in (cut, least):
        assert len(widths(file)) == len(widths(whole))
        assert all(one <= 1.001 * other for one, other in zip(widths(file), widths(whole), strict=True))
        assert file.inputs[0].scales == whole.inputs[0].scales, "every pixel is held"
        assert widths(file)[-2:] == pytest.approx(widths(whole)[-2:]), "what answers is not cut off"
    assert sum(one < 0.8 * other for one, other in zip(widths(cut), widths(whole), strict=True)) >= 3


def test_int16_takes_the_rules_where_its_converter_can(shapes: Path) -> None:
    data, net = fit_data(shapes), classifier()
    with pytest.raises(RecipeError, match="int16x8: calibration percentile: TensorFlow's converter"):
        Int16x8(calibration="percentile")(net, data.calibration, data.scale)
    pytest.importorskip("ai_edge_quantizer")
    export = Int16x8(converter="litert", percentile=90.0)
    (one, other) = (
        widths(read(replace(export, calibration=rule)(net, data.calibration, data.scale), "int16x8"))
        for rule in ("minmax", "percentile")
    )
    assert sum(other) < 0.9 * sum(one)


def images(bright: int, count: int = 40) -> ArrayImages:
    """Dark noise, and so many images that are bright."""
    pixels = np.random.default_rng(0).integers(0, 30, (count, 12, 12, 1)).astype(np.uint8)
    pixels[:bright] += 220
    return ArrayImages(pixels, np.zeros(count, np.int32))


def test_ranges_that_hang_on_one_image_are_told() -> None:
    net = classifier()
    steady = compare_halves(net, images(0), "0..1", Int8())
    assert steady["images"] == [20, 20]
    assert steady["unstable"] == []
    assert tell_unstable(steady, 40, Int8()) == ""
    shaky = compare_halves(net, images(1), "0..1", Int8())
    assert shaky["worst"]["times"] > MOST_TIMES
    said = tell_unstable(shaky, 100, Int8())
    assert f"layer {shaky['worst']['layer']} reaches" in said
    assert "take calibration_images up to 100 or take calibration: percentile or mse" in said
    cut = compare_halves(net, images(1), "0..1", Int8(calibration="percentile", percentile=90.0))
    assert cut["worst"]["times"] < MOST_TIMES, "a few peaks don't move it"
    assert compare_halves(net, images(0, 1), "0..1", Int8()) == {}


def test_more_images_than_there_are_are_all_there_are() -> None:
    assert compare_halves(classifier(), images(0), "0..1", Int8(calibration_images=5000))["images"] == [20, 20]
