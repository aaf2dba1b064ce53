"""The contract of every stage, and what each is for."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgedigits.backend import keras, tf
from edgedigits.errors import RecipeError
from edgedigits.models.graph import walk
from edgedigits.models.graph.fold_batchnorm import fold, make_convolutions
from edgedigits.models.layers.layer_kinds import list_kernels
from edgedigits.pipeline import recipe
from edgedigits.pipeline.advise import reasons
from edgedigits.pipeline.advise.dry_run import Step
from edgedigits.pipeline.advise.outlay import Cost, Effect
from edgedigits.pipeline.checks.judging import compute_outputs_of_bytes
from edgedigits.pipeline.export.checks import check_kept, check_masks
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.cluster import group_values
from edgedigits.stages.fake_quantize import FakeQuantized
from edgedigits.stages.finetune import Finetune
from edgedigits.stages.prune import Prune, prune_smallest
from edgedigits.stages.qat import Qat
from edgedigits.tasks.scoring import compute_outputs, score
from edgedigits.tflite.flatbuffer import read
from tests.examples import example
from tests.nets import L, classifier, fit_data, trained

QUICK: dict[str, Any] = {"epochs": 0.1, "min_steps": 25, "rate": 2e-3, "batch": 32}
SETTINGS: dict[str, dict[str, Any]] = {
    "prune": {"sparsity": 0.8, "min_weights": 100, "every_steps": 5},
    "cluster": {"clusters": 8, "min_weights": 100},
    "shrink": {"remove_parameters": 0.5, "multiple": 2, "min_steps": 300},
    "distil": {"augment": False, "min_steps": 300},
}
"""What the net is too small for otherwise, or what a stage has no default for; the others are tried as they are.

The net begins with made-up statistics of batches: where a stage moves it far, they take hundreds of steps to catch up.
"""


def quick(name: str) -> Any:
    """The stage of a recipe's word, its training cut short."""
    kind: Any = recipe.STAGES[name]
    known = {field.name for field in fields(kind)}
    settings = {key: value for key, value in QUICK.items() if key in known} | SETTINGS.get(name, {})
    return example(f"stage {name!r}", "SETTINGS in tests/test_stages.py", kind, **settings)


STAGES: dict[str, Any] = {
    **{name: quick(name) for name in recipe.STAGES},
    "constant": Prune(sparsity=0.5, schedule="constant", min_weights=100, **QUICK),
}
"""Every stage that a recipe can name: a new row of the table can't go past the contract."""


@pytest.fixture(scope="module")
def start(shapes: Path) -> Candidate:
    made = trained(shapes)
    return replace(made, original=made.model)


@pytest.fixture(scope="module")
def pruned(start: Candidate, shapes: Path) -> Candidate:
    after: Candidate = STAGES["prune"](start, fit_data(shapes))[0]
    return after


def accuracy(candidate: Candidate, path: Path) -> float:
    data = fit_data(path)
    return score(
        compute_outputs(candidate.model, data.validation, data.scale), data.validation.labels, logits=False
    ).accuracy


@pytest.mark.parametrize("name", STAGES)
def test_contract(name: str, pruned: Candidate, shapes: Path) -> None:
    stage, data = STAGES[name], fit_data(shapes)
    before = [weight.copy() for weight in pruned.model.get_weights()]
    after, facts = example(f"stage {name!r}", "SETTINGS in tests/test_stages.py", stage, candidate=pruned, data=data)
    assert all((a == b).all() for a, b in zip(before, pruned.model.get_weights(), strict=True)), "the input was changed"
    assert (after.model.input_shape, after.model.output_shape) == (pruned.model.input_shape, pruned.model.output_shape)
    assert json.loads(json.dumps(facts)) == facts
    assert ("class_weights" in facts) == ("epochs" in {field.name for field in fields(stage)}), "what trains says how"
    assert set(pruned.masks) <= set(after.masks)
    check_masks(after, name)
    check_kept(pruned, after, name)
    again, _ = stage(pruned, data)
    for one, other in zip(after.model.get_weights(), again.model.get_weights(), strict=True):
        assert (one == other).all(), "the same seed gave other weights"
    assert accuracy(after, shapes) > 0.9
    assert walk.ends_in_softmax(after.model)
    assert {layer.compute_dtype for layer in after.model.layers} == {"float32"}


@pytest.mark.parametrize("name", STAGES)
def test_an_advice_says_of_every_stage_what_it_may_not_buy(name: str) -> None:
    stage, none = STAGES[name], {"pi4": 0.0, "pi5": 0.0}
    effect = Effect("", "stage", 0.0, 0.0, 0.0, none, "", Cost(1, 1, None, 0, {}))
    step = Step(name, stage, b"", changed=True)
    assert type(stage.makes_zeros) is bool
    assert reasons.word_setting(step, "int8") == (f"{stage.in_words}, int8" if stage.in_words else name)
    for export in recipe.EXPORTS.values():
        said = reasons.explain(effect, step, export())
        assert stage.why_no_gain in said
        assert (export.why_zeros_take_time in said) == stage.makes_zeros
    unchanged = reasons.explain(effect, replace(step, changed=False), Int8())
    assert unchanged, "that nothing changes is said"


def test_another_seed_gives_other_weights(start: Candidate, shapes: Path) -> None:
    one, _ = STAGES["finetune"](start, fit_data(shapes, seed=0))
    two, _ = STAGES["finetune"](start, fit_data(shapes, seed=1))
    assert any((a != b).any() for a, b in zip(one.model.get_weights(), two.model.get_weights(), strict=True))


def test_dropout_draws_what_the_seed_says(start: Candidate, shapes: Path) -> None:
    """Keras gives each layer that draws a start of its own, which no seed of ours has set."""
    stage, data = Finetune(epochs=0.1, min_steps=4, batch=16), fit_data(shapes)
    once, again = (stage(start, data)[0].model for _ in range(2))
    assert any(isinstance(layer, keras.layers.Dropout) for layer in once.layers)
    for one, other in zip(once.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_prune_hits_its_share_exactly_and_says_what_it_left(pruned: Candidate, start: Candidate, shapes: Path) -> None:
    kernels = walk.collect_kernels(pruned.model)
    assert set(pruned.masks) == {"second/kernel", "hidden/kernel"}
    for path in pruned.masks:
        zeros = int((kernels[path].numpy() == 0).sum())
        assert zeros == round(0.8 * kernels[path].numpy().size)
    stage = Prune(sparsity=0.8, layers={"hid*": 0.5}, skip_layers=["first"], min_weights=1, spare_output=False, **QUICK)
    after, facts = stage(start, fit_data(shapes))
    assert facts["sparsity"]["hidden/kernel"] == 0.5
    assert facts["left_whole"] == {
        "first/kernel": "named in skip_layers",
        "depth/kernel": "DepthwiseConv2D is in skip_kinds",
    }
    assert set(after.masks) == {"second/kernel", "hidden/kernel", "answer/kernel"}
    spared, facts = Prune(sparsity=0.8, min_weights=1, **QUICK)(start, fit_data(shapes))
    assert set(spared.masks) == {"first/kernel", "second/kernel", "hidden/kernel"}
    assert "answer/kernel" in facts["left_whole"]


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        (Prune(skip_layers=["hiden"]), "no layer with a kernel is named 'hiden'; this model has hidden"),
        (Prune(layers={"nothing*": 0.5}), "prune.layers: no layer with a kernel is named 'nothing*'"),
        (Prune(skip_kinds=["Conv3D"]), "'Conv3D' is no kind of layer with kernels"),
        (Prune(min_weights=10**9), "no kernel of this model is left to work on"),
        (Qat(skip_layers=["answers"]), "qat.skip_layers: no layer with a kernel is named 'answers'"),
    ],
)
def test_settings_that_fit_no_layer_are_refused(stage: Any, says: str, start: Candidate, shapes: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        stage(start, fit_data(shapes))
    assert says in str(caught.value)


def test_schedules_are_those_of_the_reference_toolkit() -> None:
    tfmot = pytest.importorskip("tensorflow_model_optimization").sparsity.keras
    steps = 201
    stage = Prune(sparsity=0.8, initial_sparsity=0.2, ramp=0.5)
    reference = tfmot.PolynomialDecay(0.2, 0.8, begin_step=0, end_step=100, power=3)
    for step in range(0, steps, 10):
        assert stage.share_at(step, steps, 0.8) == pytest.approx(float(reference(tf.constant(step))[1]), abs=1e-6)
    assert Prune(sparsity=0.6, schedule="constant").share_at(0, steps, 0.6) == 0.6


def test_masks_are_those_of_the_reference_toolkit() -> None:
    pytest.importorskip("tensorflow_model_optimization")
    from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl, pruning_schedule

    kernel = np.random.default_rng(0).normal(size=(7, 11, 13)).astype(np.float32)
    pruner = pruning_impl.Pruning(lambda: tf.constant(0), [], pruning_schedule.ConstantSparsity(0.8, 0), (1, 1), "AVG")
    _, reference = pruner._update_mask(tf.constant(kernel))
    assert (prune_smallest(kernel, 0.8) == reference.numpy().astype(bool)).all()


def test_ties_are_pruned_to_the_exact_share() -> None:
    assert prune_smallest(np.zeros((10, 10), np.float32), 0.8).sum() == 20


def test_clusters_are_few_and_kept_by_the_stages_after(pruned: Candidate, shapes: Path) -> None:
    data = fit_data(shapes)
    clustered, facts = STAGES["cluster"](pruned, data)
    assert set(facts["clusters"]) == {"second/kernel", "hidden/kernel"}
    for after in (clustered, STAGES["finetune"](clustered, data)[0], STAGES["qat"](clustered, data)[0]):
        kernels = walk.collect_kernels(after.model)
        dense = kernels["hidden/kernel"].numpy()
        assert len(np.unique(dense[dense != 0])) <= 8
        conv = kernels["second/kernel"].numpy()
        for channel in range(conv.shape[-1]):
            values = conv[..., channel]
            assert len(np.unique(values[values != 0])) <= 8
        check_masks(after, "test")


def test_grouping_is_monotone_and_spares_pruned_weights() -> None:
    kernel = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    mask = np.abs(kernel) > 0.5
    groups = group_values(kernel, 4, mask)
    assert (groups[~mask] == -1).all()
    order = np.argsort(kernel[mask])
    assert (np.diff(groups[mask][order]) >= 0).all()
    assert set(np.unique(groups)) == {-1, 0, 1, 2, 3}


def test_folding_keeps_the_answers() -> None:
    net = classifier()
    flat, names = fold(net)
    images = np.random.default_rng(0).random((16, 12, 12, 1)).astype(np.float32)
    assert names == ["first", "second"]
    assert not any("norm" in layer.name for layer in flat.layers)
    assert np.abs(net(images).numpy() - flat(images).numpy()).max() < 1e-5


def test_folding_leaves_what_it_must_not_touch() -> None:
    layers = keras.layers
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(4, 1, name="shared")
    a = layers.BatchNormalization(name="after_shared")(shared(image))
    b = shared(layers.Activation("relu")(image))
    branched = layers.Conv2D(4, 1, name="branched")(image)
    c = layers.BatchNormalization(name="after_branched")(branched)
    curved = layers.Conv2D(4, 1, activation="relu", name="curved")(image)
    d = layers.BatchNormalization(name="after_curved")(curved)
    x = layers.GlobalAveragePooling2D()(layers.Concatenate()([a, b, branched, c, d]))
    net = keras.Model(image, layers.Dense(2, activation="softmax")(x))
    flat, names = fold(net)
    assert names == []
    images = np.random.default_rng(0).random((4, 8, 8, 3)).astype(np.float32)
    assert np.abs(net(images).numpy() - flat(images).numpy()).max() == 0


def test_normalization_that_nothing_takes_in_is_one_operator_of_the_bytes(shapes: Path) -> None:
    """Behind a pooling, a concatenation and the image itself, with a channel that is switched off and one turned round."""
    layers, rng = keras.layers, np.random.default_rng(0)
    image = keras.Input((12, 12, 1))
    x = layers.Conv2D(6, 3, name="taken_in")(layers.BatchNormalization(name="of_pixels")(image))
    x = layers.ReLU()(layers.BatchNormalization(name="gone")(x))
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    x = layers.Flatten()(layers.ReLU()(layers.BatchNormalization(name="behind")(x)))
    net = keras.Model(image, layers.Dense(3, activation="softmax")(layers.BatchNormalization(name="of_a_line")(x)))
    for layer in net.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = (rng.uniform(0.5, 1.5, one.shape) for one in layer.get_weights())
            gamma[:2] = (0.0, -1.0)[: len(gamma)] if layer.name == "behind" else gamma[:2]
            layer.set_weights([gamma, beta, mean, variance])
    data = fit_data(shapes)
    turned = make_convolutions(net)
    kinds = {layer.name: type(layer).__name__ for layer in turned.layers}
    assert kinds["of_pixels"] == kinds["behind"] == "DepthwiseConv2D"
    assert kinds["gone"] == kinds["of_a_line"] == "BatchNormalization", "one folds, one is of no image"
    wanted = compute_outputs(net, data.validation, data.scale)
    np.testing.assert_allclose(compute_outputs(turned, data.validation, data.scale), wanted, atol=1e-5)
    for export in (Int8(), Int8(converter="litert")):
        flat = export(net, data.calibration, data.scale)
        names = [operator.name for operator in read(flat, "the bytes").operators]
        assert names.count("DEPTHWISE_CONV_2D") == 2
        assert names.count("MUL") <= 1, "of the line"
        assert np.abs(compute_outputs_of_bytes(flat, data.validation, data.scale) - wanted).max() < 0.05
    assert make_convolutions(classifier()).layers[1].name == classifier().layers[1].name, "all of its fold"


def test_training_rounds_with_one_scale_what_has_one_in_the_bytes(shapes: Path) -> None:
    """Concatenations and their like have one for all that they read and make; a sigmoid keeps its own and is turned over."""
    layers = keras.layers
    image = keras.Input((12, 12, 1))
    small, large = layers.Conv2D(4, 3, padding="same", name="small"), layers.Conv2D(4, 3, padding="same", name="large")
    a, b = small(image), large(image)
    pooled = layers.UpSampling2D(2)(layers.AveragePooling2D(2)(a))
    gate = layers.Activation("sigmoid", name="gate")(layers.Conv2D(4, 1)(image))
    x = layers.Concatenate(name="all")([layers.MaxPooling2D(1)(a), b, layers.Maximum()([a, b]), pooled, gate])
    x = layers.LeakyReLU(negative_slope=0.1, name="bent")(
        layers.Concatenate()([x, layers.Conv2D(4, 1, name="last")(x)])
    )
    net = keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    small.set_weights([small.get_weights()[0] / 100, np.zeros(4, np.float32)])
    data = fit_data(shapes)
    rounded = FakeQuantized(walk.clone(net, logits=True), ())
    rounded.observe(data)
    names = {call.outputs[0]: call.layer.name for call in walk.list_calls(net)}
    ours = {names[number]: float(np.ptp(ranges)) / 255 for number, ranges in rounded.ranges.items()}
    flat = read(Int8(calibration_images=len(data.calibration))(net, data.calibration, data.scale), "the bytes")
    shared = {"AVERAGE_POOL_2D", "CONCATENATION", "MAXIMUM", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR"}
    ends = [end for one in flat.operators if one.name in shared for end in (*one.inputs, *one.outputs)]
    scales = {flat.tensor(end).scales[0] for end in ends if flat.tensor(end).dtype == "INT8"}
    assert len(scales) == 1
    for name in ("small", "large", "all", "last"):
        assert ours[name] == pytest.approx(max(scales), rel=0.02), name
    assert ours["gate"] < ours["bent"] != ours["last"]


def test_qat_names_what_it_leaves_to_the_converter(shapes: Path) -> None:
    class Mirror(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x[:, ::-1]

    layers = keras.layers
    image = keras.Input((12, 12, 1))
    x = Mirror(name="unknown")(layers.Conv2D(8, 3, activation="swish", name="curvy")(image))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, name="left")(x))
    net = keras.Model(image, layers.Dense(3, activation="softmax")(x))
    after, facts = Qat(skip_layers=["left"], **QUICK)(Candidate(net), fit_data(shapes))
    assert facts["left_to_converter"] == {
        "unknown": "Mirror: this stage does not know it",
        "left": "named in skip_layers",
    }
    assert after.model.output_shape == (None, 3)


def test_qat_rounds_kernels_as_the_converter_does(start: Candidate, shapes: Path) -> None:
    """The fake-quantized kernels are, to the step, what ends up in the bytes."""
    from ai_edge_litert.interpreter import Interpreter

    from edgedigits.stages.fake_quantize import round_kernel

    data = fit_data(shapes)
    after, _ = STAGES["qat"](start, data)
    net = Interpreter(model_content=Int8()(after.model, data.calibration, data.scale))
    net.allocate_tensors()
    stored = {}
    for detail in net.get_tensor_details():
        if detail["dtype"] == np.int8 and detail["name"] and detail["quantization_parameters"]["scales"].size:
            try:
                values = net.get_tensor(detail["index"])
            except ValueError:
                continue
            stored[values.shape] = (values, detail["quantization_parameters"])
    for name, shape, back in (
        ("first", (8, 3, 3, 1), (1, 2, 3, 0)),
        ("hidden", (16, 200), (1, 0)),
        ("depth", (1, 3, 3, 8), (1, 2, 3, 0)),
    ):
        values, quantization = stored[shape]
        axis = quantization["quantized_dimension"]
        scales = quantization["scales"]
        spread = [1] * values.ndim
        spread[axis] = -1
        in_bytes = (values * scales.reshape(spread)).transpose(back)
        layer = after.model.get_layer(name)
        (attribute,) = list_kernels(layer)
        rounded = round_kernel(getattr(layer, attribute), layer, attribute).numpy()
        assert np.abs(rounded - in_bytes.reshape(rounded.shape)).max() < 1e-6, name


def test_logits_models_train_too(shapes: Path) -> None:
    candidate = trained(shapes, softmax=False)
    data = fit_data(shapes)
    after, _ = STAGES["qat"](STAGES["prune"](candidate, data)[0], data)
    assert not walk.ends_in_softmax(after.model)
    answers = compute_outputs(after.model, data.validation, data.scale)
    assert score(answers, data.validation.labels, logits=True).accuracy > 0.9


def test_a_convolution_in_groups_is_weighed_by_what_each_group_reads(start: Candidate, shapes: Path) -> None:
    """And goes through all stages that take kernels; ConvNeXt's are such."""
    from edgedigits.stages.weight_importance import measure_input_sizes

    image = keras.Input((12, 12, 1))
    x = L.Conv2D(6, 3, strides=2, activation="relu", name="before")(image)
    x = L.Conv2D(9, 3, groups=3, activation="relu", name="grouped")(x)
    model = keras.Model(image, L.Dense(3, activation="softmax")(L.Flatten()(x)))
    data = fit_data(shapes)
    found = measure_input_sizes(model, data)["grouped/kernel"]
    pixels = data.calibration.read(np.arange(len(data.calibration))).astype(np.float32) / 255
    read = np.sqrt((model.get_layer("before")(pixels).numpy() ** 2).mean(axis=(0, 1, 2)))
    assert (found.shape, model.get_layer("grouped").kernel.shape) == ((2, 9), (3, 3, 2, 9))
    for made in range(9):
        assert found[:, made] == pytest.approx(read[made // 3 * 2 : made // 3 * 2 + 2], rel=1e-5)
    candidate = Candidate(model)
    for name in ("prune", "cluster", "qat"):
        settings = {"importance": "activation"} if name == "prune" else {}
        limits = {} if name == "qat" else {"min_weights": 100}
        candidate, _ = type(STAGES[name])(**settings, **limits, **QUICK)(candidate, data)
    assert candidate.masks["grouped/kernel"].mean() == pytest.approx(0.2, abs=0.01)


def test_importance_by_activation_spares_what_meets_a_live_input(start: Candidate, shapes: Path) -> None:
    """A kernel row that meets an input which is always zero goes first, however large its weights are."""
    from edgedigits.stages.weight_importance import measure_input_sizes

    data = fit_data(shapes)
    model = walk.clone(start.model)
    sizes = measure_input_sizes(model, data)
    assert sizes["first/kernel"].shape == (1, 1)
    assert sizes["hidden/kernel"].shape == (200, 1)
    pixels = data.calibration.read(np.arange(len(data.calibration))) / 255
    assert sizes["first/kernel"][0, 0] == pytest.approx(np.sqrt((pixels**2).mean()), rel=1e-5)
    depth = model.get_layer("depth")
    kernel, bias = depth.get_weights()
    kernel[..., 3, :], bias[3] = 0, -1.0
    depth.set_weights([kernel, bias])
    hidden = walk.collect_kernels(model)["hidden/kernel"]
    dead = np.arange(200) % 8 == 3
    weights = hidden.numpy()
    weights[dead] *= 100
    hidden.assign(weights)
    stage = Prune(sparsity=0.5, importance="activation", schedule="constant", min_weights=3000, **QUICK)
    after, _ = stage(Candidate(model), data)
    assert not after.masks["hidden/kernel"][dead].any()
    by_size, _ = Prune(sparsity=0.5, schedule="constant", min_weights=3000, **QUICK)(Candidate(model), data)
    assert by_size.masks["hidden/kernel"][dead].mean() > 0.9
