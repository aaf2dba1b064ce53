"""`sensitivity`: probes against what is really converted, pruned and narrowed; kept, resumed, drawn; a recipe that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgedigits as ed
from benchmarks.evidence import partly
from edgedigits.backend import keras
from edgedigits.cli.main import cli
from edgedigits.data.images import read_all
from edgedigits.ground.facts import silent
from edgedigits.measure.verify.answers import Answers
from edgedigits.models.graph import fold_batchnorm, walk
from edgedigits.models.graph.narrow import remove_units
from edgedigits.pipeline.export.conversion import convert
from edgedigits.pipeline.sensitivity import confidence
from edgedigits.pipeline.sensitivity.confidence import Finding, plan_looks, sum_up
from edgedigits.pipeline.sensitivity.outcome import FLOAT, HALF, INT8, NAMES
from edgedigits.pipeline.sensitivity.rounded_net import RoundedNet
from edgedigits.pipeline.sensitivity.sensitivity import measure_layers
from edgedigits.pipeline.sensitivity.subject import Asked
from edgedigits.pipeline.sensitivity.thinned_net import Free, ThinnedNet
from edgedigits.pipeline.sensitivity.wiring import Rounded
from edgedigits.stages.prune import prune_smallest
from tests import labelled, nets
from tests.conftest import shapes_npz

L = keras.layers
LAYERS = ("first", "second", "depth", "hidden", "answer")


@cache
def rounded() -> tuple[Any, RoundedNet, np.ndarray]:
    """(the tiny net, the same as it is probed, images of noise); its kernels spread, so that rounding is to be seen."""
    model, rng = nets.classifier(), np.random.default_rng(1)
    for variable in walk.collect_kernels(model).values():
        variable.assign(variable * rng.lognormal(0, 0.7, variable.numpy().shape[-2:]))
    images = rng.random((60, 12, 12, 1), np.float32)
    images[0, 0, 0], images[0, -1, -1] = 0, 1
    return model, RoundedNet(fold_batchnorm.fold(model)[0], [images[:30], images[30:]]), images


def softmax(logits: np.ndarray) -> np.ndarray:
    return Answers("logits").probabilities(logits)


@pytest.fixture(scope="module")
def really() -> tuple[bytes, partly.Ranges]:
    model, _, images = rounded()
    flat = convert(model)
    return flat, partly.calibrate(flat, images)


@pytest.mark.parametrize("others", [False, True])
def test_a_probe_rounds_as_bytes_do_in_which_one_layer_is_int8(really: Any, others: bool) -> None:
    """Not to the last step, for kernels round a sum at once: but far nearer to the bytes than the float net is."""
    _, net, images = rounded()
    flat, ranges = really
    plain, nats = softmax(net.answer(images)), Answers("softmax")
    probed, converted = [], []
    for layer in LAYERS:
        wiring = net.wiring
        wanted = wiring.round_others(layer) if others else wiring.round_only(layer)
        made = partly.answer(partly.convert(flat, ranges, partly.find_scopes(flat, layer), others), images)
        found = softmax(net.answer(images, wanted))
        assert np.abs(found - made).mean() < 0.25 * np.abs(plain - made).mean() + 1 / 512, layer
        probed.append(nats.divergence(plain, found))
        converted.append(nats.divergence(plain, made))
    assert probed == pytest.approx(converted, rel=0.5, abs=1e-4), "the bytes' softmax answers in steps of 1/256"
    if not others:
        assert np.argsort(probed).tolist() == np.argsort(converted).tolist()


def test_which_values_a_layer_rounds() -> None:
    _, net, _ = rounded()
    wiring, every = net.wiring, net.wiring.round_all()

    def ends(layer: str) -> set[tuple[str | None, str | None]]:
        return {(edge.made_by, edge.read_by) for edge in wiring.round_only(layer).edges}

    assert ends("first") == {(None, "first"), ("first", "second"), ("first", "add")}
    assert ends("second") == {("first", "second"), ("second", "add")}, "the addition reads the same in float"
    assert ends("hidden") == {("depth", "hidden"), ("hidden", "answer")}, "through Flatten and Dropout"
    assert wiring.round_others("second").edges == every.edges, "its neighbours are int8"
    assert wiring.round_others("second").kernels == every.kernels - {"second/kernel"}
    assert {edge.tensor for edge in every.edges - wiring.round_others("first").edges} == {walk.ENTRY}
    assert wiring.round_others("answer").edges == every.edges, "softmax reads the logits"
    assert every.edges == set(wiring.edges)


def test_nothing_rounded_is_the_model_itself() -> None:
    model, net, images = rounded()
    net.answer(images, net.wiring.round_all(), {"first/kernel": np.zeros((3, 3, 1, 8), np.float32)})
    assert softmax(net.answer(images, Rounded())) == pytest.approx(np.asarray(model(images)), abs=1e-5)


def plain_net(channels: int = 8) -> Any:
    keras.utils.set_random_seed(2)
    image = keras.Input((12, 12, 1))
    x = L.Conv2D(channels, 3, strides=2, activation="relu", name="one")(image)
    x = L.Conv2D(6, 3, activation="relu", name="two")(x)
    return keras.Model(image, L.Dense(3, activation="softmax", name="end")(L.Flatten()(x)), name="plain")


def test_half_of_the_channels_is_the_model_without_them(shapes: Path) -> None:
    model, data = plain_net(), nets.fit_data(shapes)
    thinned = ThinnedNet(model, data, 50)
    images = read_all(data.validation).astype(np.float32) / 255
    free = thinned.find_free("one")
    assert isinstance(free, Free)
    assert (len(free.units), free.count, free.together) == (8, 4, ())
    gone = free.units[np.argsort(thinned._importance[free.units], kind="stable")[:4]]
    assert thinned.layout is not None
    keep = np.ones(thinned.layout.coupling.count, bool)
    keep[gone] = False
    smaller = remove_units(thinned.layout, keep)
    assert softmax(thinned.answer(images, free)) == pytest.approx(np.asarray(smaller(images)), abs=1e-5)
    assert thinned.share_parameters([free]) == pytest.approx(1 - smaller.count_params() / model.count_params())
    assert thinned.find_free("end") == "makes the answers"


def finding(drop: float, low: float, high: float, nats: float = 0.1, error: float = 0.001) -> Finding:
    return Finding(100, 0.9, drop, low, high, nats, error)


def test_a_probe_ends_when_more_images_would_change_nothing() -> None:
    assert finding(5, 3, 7).judge(0.5) == "hurts"
    assert finding(0.1, -0.2, 0.4).judge(0.5) == "harmless"
    assert finding(0.6, -1, 2).judge(0.5) == "not sure"
    assert finding(5, 3, 7).is_settled(0.5, ranks=False)
    assert not finding(0.6, -1, 2).is_settled(0.5, ranks=False)
    assert finding(0.6, 0.4, 0.8).is_settled(0.5, ranks=False), "narrow"
    assert not finding(5, 3, 7, nats=0.1, error=0.02).is_settled(0.5, ranks=True), "its place is not sure yet"


def test_looks_come_after_twice_as_many_images_each() -> None:
    looks = plan_looks(1900)
    assert [part.stop for part in looks.parts] == [238, 475, 712, 950, 1188, 1425, 1662, 1900]
    assert sorted(looks.after) == [1, 2, 4, 8]
    assert looks.confidence == pytest.approx(1 - 0.05 / 4)
    assert plan_looks(3).parts == [slice(0, 3)]


def test_intervals_hold_though_one_looks_often() -> None:
    """Of equal models, "hurts" at 0 points would be said at some look of 1 in 40, at most."""
    rng, looks, alarms = np.random.default_rng(0), plan_looks(2000), 0
    for _ in range(100):
        before, after = rng.random((2, 2000)) < 0.9
        for number, part in enumerate(looks.parts, 1):
            if number in looks.after:
                end = part.stop
                alarms += sum_up(before[:end], after[:end], np.zeros(end), looks.confidence).low_points > 0
    assert alarms <= 6


def ask(shapes: Path, folder: Path, **more: Any) -> tuple[Any, Any]:
    nets.trained(shapes).model.save(folder / "tiny.keras")
    asked = Asked(model=folder / "tiny.keras", data=str(shapes), scale="0..1", **more)
    return measure_layers(asked, lambda _: None, silent)


@pytest.fixture(scope="module")
def asked(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """Of the trained tiny net, and in a cache of its own."""
    folder = tmp_path_factory.mktemp("asked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEDIGITS_CACHE", str(folder / "cache"))
        yield ask(shapes, folder)


def test_every_layer_has_every_probe_or_says_why(asked: tuple[Any, Any]) -> None:
    outcome, _ = asked
    assert {row.name for row in outcome.layers} == set(LAYERS)
    assert [row.badness for row in outcome.layers] == sorted((row.badness for row in outcome.layers), reverse=True)
    rows = {row.name: row for row in outcome.layers}
    for name, row in rows.items():
        assert tuple(row.found) == NAMES
        assert {probe for probe, one in row.found.items() if isinstance(one, str)} == (
            {HALF} if name == "answer" else set()
        )
    assert rows["answer"].found[HALF] == "makes the answers"
    assert set(rows["first"].together) == {"second", "depth"}, "the addition and the depthwise convolution tie them"
    assert rows["first"].found[HALF] == rows["second"].found[HALF] == rows["depth"].found[HALF]
    assert outcome.images == 18
    assert outcome.float_accuracy > 0.9


def test_pruned_by_hand_it_answers_the_same(asked: tuple[Any, Any], shapes: Path) -> None:
    outcome, _ = asked
    model, data = keras.models.clone_model(nets.trained(shapes).model), nets.fit_data(shapes)
    model.set_weights(nets.trained(shapes).model.get_weights())
    kernel = walk.collect_kernels(model)["hidden/kernel"]
    kernel.assign(kernel * prune_smallest(kernel.numpy(), 0.9))
    right = (
        np.asarray(model(read_all(data.validation).astype(np.float32) / 255)).argmax(axis=1) == data.validation.labels
    )
    (row,) = [row for row in outcome.layers if row.name == "hidden"]
    assert row.found["pruned_90"].accuracy == pytest.approx(right.mean())


def test_what_is_done_is_kept_and_an_interrupted_run_goes_on(shapes: Path, tmp_path: Path, fresh_cache: Path) -> None:
    nets.trained(shapes).model.save(tmp_path / "tiny.keras")
    asked = Asked(model=tmp_path / "tiny.keras", data=str(shapes), scale="0..1", layers=("first", "answer"))

    def stop(what: str, share: float) -> None:
        if what == "answer" and share > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_layers(asked, lambda _: None, stop)
    done = list(fresh_cache.rglob("sensitivity/*/*.json"))
    said: list[str] = []
    done[0].write_text("{}")
    outcome, _ = measure_layers(asked, said.append, silent)
    assert outcome.kept == len(done) - 1
    assert outcome.probes == 2 + 6 + 5
    assert any("damaged" in line for line in said)
    again, _ = measure_layers(asked, lambda _: None, silent)
    assert (again.kept, again.layers) == (again.probes, outcome.layers)


def test_the_recipe_spares_what_hurts_and_runs(asked: tuple[Any, Any], shapes: Path, tmp_path: Path) -> None:
    _, softened = asked
    file = tmp_path / "spared.yaml"
    file.write_text(softened.text)
    assert ed.recipes_check(file)["stages"] == softened.recipe.as_dict()["stages"]
    nets.trained(shapes).model.save(tmp_path / "tiny.keras")
    found = ed.compress(
        tmp_path / "tiny.keras", str(shapes), recipe=file, pixel_range="0..1", out=tmp_path / "out", progress=False
    )
    assert found.accuracy > 0.9
    assert [one["stage"] for one in found.manifest["stages"]][1:] == [name for name, _ in softened.recipe.stages]


def test_a_layer_whose_int8_hurts_comes_first_after_few_images(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One unit is a thousand times as large as the others, and is read so much smaller: the same answers, and no range fits."""
    model = keras.models.clone_model(nets.trained(shapes).model)
    model.set_weights(nets.trained(shapes).model.get_weights())
    hidden, answer = model.get_layer("hidden"), model.get_layer("answer")
    large = np.where(np.arange(16) == int(np.asarray(hidden.bias).argmax()), 1e4, 1.0)
    hidden.set_weights([weight * large for weight in hidden.get_weights()])
    answer.kernel.assign(answer.kernel / large[:, None])
    model.save(tmp_path / "large.keras")
    monkeypatch.setattr(confidence, "BATCH", 10)
    data = str(shapes_npz(tmp_path / "more.npz", per_class=300))
    asked = Asked(model=tmp_path / "large.keras", data=data, scale="0..1", layers=("hidden", "depth"))
    outcome, softened = measure_layers(asked, lambda _: None, silent)
    assert [row.name for row in outcome.layers] == ["hidden", "depth"]
    assert outcome.float_accuracy > 0.9
    assert outcome.hurts(INT8) == [outcome.layers[0]]
    found = outcome.layers[0].finding(INT8)
    assert found is not None
    assert found.images < outcome.images == outcome.int8.images
    assert [name for name, _ in softened.recipe.stages][-1] == "qat"
    assert "where it alone is int8" in softened.reasons["hidden"]
    assert softened.reasons["first"].endswith("was not asked for, so it is not pruned")


def typed(shapes: Path, folder: Path, *more: object) -> Any:
    nets.trained(shapes).model.save(folder / "tiny.keras")
    words = ["sensitivity", "--model", folder / "tiny.keras", "--data", shapes, "--scale", "0..1", *more]
    return CliRunner().invoke(cli, [*map(str, words)], standalone_mode=False)


def test_the_command_writes_what_it_is_asked_for(asked: tuple[Any, Any], shapes: Path, tmp_path: Path) -> None:
    files = {"--figure": "s.svg", "--csv": "s.csv", "--recipe": "s.yaml"}
    done = typed(shapes, tmp_path, *[word for option, name in files.items() for word in (option, tmp_path / name)])
    assert done.exception is None, done.output
    for said in ("layer by layer", "All of it in int8", "Channels that go together", "first", "probes"):
        assert said in done.output
    drawn = (tmp_path / "s.svg").read_text()
    assert all(name in drawn for name in LAYERS)
    assert (tmp_path / "s.csv").read_text().startswith("layer,kind,place,weights,int8_alone_accuracy")
    assert typed(shapes, tmp_path, "--figure", tmp_path / "s.png").exception is None
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layers", "frist"], "--layers frist: no layer with weights is named so; this model has first"),
        (["--figure", "s.gif"], r"--figure s.gif: wanted a file that ends in .png or .svg"),
        (["--figure", "/proc/no/s.svg"], r"/proc/no/s.svg: can't be written"),
        (["--recipe", "s.txt"], r"--recipe s.txt: wanted a file that ends in .yaml or .yml"),
        (["--max-drop", "0"], r"--max-drop: found 0.0; wanted points of accuracy above 0"),
    ],
)
def test_wrong_words_are_answered_in_a_sentence(words: list[str], said: str, shapes: Path, tmp_path: Path) -> None:
    done = typed(shapes, tmp_path, *words)
    assert isinstance(done.exception, ed.InputError), done.output
    assert said in str(done.exception)


def test_a_model_without_weights_and_data_of_more_classes_are_refused(shapes: Path, tmp_path: Path) -> None:
    image = keras.Input((12, 12, 1))
    flat = L.Flatten()(L.AveragePooling2D((4, 12))(image))
    keras.Model(image, L.Softmax()(flat), name="bare").save(tmp_path / "bare.keras")
    with pytest.raises(ed.ModelError, match="bare: has no layer with weights"):
        ed.sensitivity(tmp_path / "bare.keras", str(shapes), pixel_range="0..1", progress=False)
    with pytest.raises(ed.DataError, match="has 10 classes"):
        ed.sensitivity(nets.trained(shapes).model, "digits", pixel_range="0..1", resize=(12, 12), progress=False)


def test_several_labels_and_layers_of_other_kinds(tmp_path: Path) -> None:
    keras.utils.set_random_seed(6)
    image = keras.Input((8, 16, 1))
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu", name="up")(image)
    x = L.BatchNormalization(name="apart")(L.MaxPooling2D(2)(x))
    inner = keras.Sequential([keras.Input((8, 16, 4)), L.SeparableConv2D(6, 3, name="apart_and_on")], name="inner")
    x = L.Reshape((6, 84))(inner(x))
    shared = L.Conv1D(84, 3, padding="same", name="shared")
    x = L.Flatten()(L.Add()([shared(x), shared(L.LayerNormalization(name="even")(x))]))
    keras.Model(image, L.Dense(4, activation="sigmoid", name="labels")(x), name="several").save(tmp_path / "m.keras")
    data = labelled.folder(tmp_path / "pairs", *labelled.pairs(60), ["a", "b", "c", "d"])
    found = ed.sensitivity(tmp_path / "m.keras", str(data), pixel_range="0..1", progress=False).as_json()
    rows = {row["layer"]: row["probes"] for row in found["layers"]}
    assert set(rows) >= {"up", "apart", "shared", "even", "labels"}
    assert rows["apart"]["pruned_50"] == {"why": "has no kernel"}
    assert "why" in rows["apart"][FLOAT]
    assert "kl_nats" in rows["apart"][INT8]
    assert "why" in rows["shared"][HALF]
    assert all("kl_nats" in rows[name]["pruned_90"] for name in ("up", "shared", "labels"))
    assert json.dumps(found)


class Shifted(L.Layer):  # type: ignore[misc,name-defined]
    """A reader's own, with a weight."""

    def build(self, shape: Any) -> None:
        self.shift = self.add_weight(shape=(shape[-1],), name="shift")

    def call(self, values: Any) -> Any:
        return values + self.shift


def test_what_is_not_known_of_a_layer_of_the_readers_own_is_said(shapes: Path, tmp_path: Path) -> None:
    image = keras.Input((12, 12, 1))
    x = Shifted(name="own")(L.Conv2D(4, 3, strides=2, name="conv")(image))
    keras.Model(image, L.Dense(3, name="end")(L.Flatten()(x)), name="m").save(tmp_path / "m.keras")
    given: dict[str, Any] = {"pixel_range": "0..1", "custom": [Shifted], "images": 9, "progress": False}
    found = ed.sensitivity(tmp_path / "m.keras", str(shapes), **given).as_json()
    rows = {row["layer"]: row["probes"] for row in found["layers"]}
    assert tuple(rows["own"]) == NAMES
    assert all(set(one) == {"why"} for one in rows["own"].values())
    assert rows["own"][INT8]["why"] == "Shifted is a kind that is not known here"
    assert "can't be followed" in rows["conv"][HALF]["why"]
    assert rows["conv"][INT8]["images"] == 9
