"""Advice before training: bytes as they then come out, timings kept, reasons, boards. Nothing depends on how fast anything is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from click.testing import CliRunner
from edgedigits_runner.kept import sealed

from edgedigits.backend import keras
from edgedigits.cli.main import cli
from edgedigits.data.images import read_all
from edgedigits.errors import DataError, EdgeDigitsError, InputError, ModelError, RecipeError
from edgedigits.measure.cost.cycle_model import foretell
from edgedigits.measure.cost.operator_latency import Timings, measure_timings
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.runtimes.environments import find_python_for
from edgedigits.pipeline import loop, prepare
from edgedigits.pipeline.advise import reasons
from edgedigits.pipeline.advise.advice import ADVISED_BOARDS, advise
from edgedigits.pipeline.advise.dry_run import cut_short, imitate_training
from edgedigits.pipeline.advise.question import IMAGES, Asked, ask_question
from edgedigits.pipeline.export.export import Export
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.prepare import Wish
from edgedigits.pipeline.recipe import EXPORTS, load_recipe, parse
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.fragments import cut, nearly_nothing
from tests.nets import fit_data, trained

QUICK_S = 0.001


@pytest.fixture(scope="module")
def net(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained tiny classifier: 12x12x1, three classes, one dense kernel large enough to prune."""
    path = tmp_path_factory.mktemp("net") / "tiny.keras"
    trained(shapes).model.save(path)
    return path


@pytest.fixture(scope="module")
def told(net: Path, shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The JSON of advice on two recipes, by recipe."""
    return {name: asked("--recipe", name, "--model", net, "--data", shapes) for name in ("ptq_int8", "prune80_int8")}


def asked(*words: object) -> dict[str, Any]:
    """The JSON that the command prints."""
    done = CliRunner().invoke(cli, ["advise", *map(str, words), "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def flats(net: Path, shapes: Path) -> dict[str, bytes]:
    """The net exported each way, and as int8 with all its weights halved."""
    from edgedigits.models.importer.loading import load

    data, model = fit_data(shapes), load(net).model
    exports: dict[str, Export] = {name: kind() for name, kind in EXPORTS.items()} | {
        "int8": Int8(calibration_images=20)
    }
    made = {name: export(model, data.calibration, data.scale) for name, export in exports.items()}
    model.set_weights([0.5 * weight for weight in model.get_weights()])
    return made | {"halved": exports["int8"](model, data.calibration, data.scale)}


def test_bytes_are_foretold_as_training_makes_them(
    net: Path, shapes: Path, told: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """The recipe is trained in earnest, if not for as long as on real data."""
    wish, recipe = Wish(model=net, data=str(shapes), scale="0..1"), load_recipe("prune80_int8")
    cut: dict[str, Any] = {"min_steps": 40, "batch": 32}
    stages = tuple((name, replace(one, **cut) if hasattr(one, "min_steps") else one) for name, one in recipe.stages)  # type: ignore[type-var]
    made = loop.run(prepare.prepare_job(replace(recipe, stages=stages), wish, lambda _: None), tmp_path, lambda _: None)
    before, after = told["prune80_int8"]["before"], told["prune80_int8"]["after"]
    export = made.manifest["export"]
    assert after["raw_bytes"] == pytest.approx(export["size_bytes"], rel=0.03)
    assert after["gzip_bytes"] == pytest.approx(export["gzip_bytes"], rel=0.03)
    assert before["raw_bytes"] == pytest.approx(made.manifest["float"]["size_bytes"], rel=0.03)


def test_bytes_are_foretold_where_there_is_no_training(
    flats: dict[str, bytes], told: dict[str, dict[str, Any]]
) -> None:
    after = told["ptq_int8"]["after"]
    assert after["raw_bytes"] == pytest.approx(len(flats["int8"]), rel=0.03)
    assert after["gzip_bytes"] == pytest.approx(len(gzip.compress(flats["int8"], 9, mtime=0)), rel=0.03)


def test_pruning_that_cannot_pay_says_why(told: dict[str, dict[str, Any]]) -> None:
    (prune,) = [row for row in told["prune80_int8"]["verdict"] if row["setting"] == "80 % unstructured, int8"]
    assert abs(prune["raw"]) < 0.01
    assert prune["gzip"] < -0.1
    assert prune["time"] == 0, "the same operators, so the same timings"
    assert prune["cycles"] == dict.fromkeys(("zero2", "pi3", "pi4", "pi5"), 0)
    assert "no sparse int8 kernel" in prune["reason"]
    assert "every zero takes its place in the file" in prune["reason"]
    (qat,) = [row for row in told["prune80_int8"]["verdict"] if row["setting"] == "qat"]
    assert (qat["raw"], qat["gzip"], qat["time"]) == (0, 0, 0)
    assert "accuracy" in qat["reason"]


def test_the_parts_add_up(told: dict[str, dict[str, Any]]) -> None:
    for found in told.values():
        layers, after = found["layers"], found["after"]
        assert sum(layer["raw_bytes"] for layer in layers) + found["rest"]["raw_bytes"] == after["raw_bytes"]
        assert sum(layer["macs"] for layer in layers) == after["macs"]
        names = [layer["name"] for layer in layers if layer["macs"]]
        assert {"first", "hidden", "answer"} <= set(names)
        hidden = next(layer for layer in layers if layer["name"] == "hidden")
        assert hidden["parameters"] == hidden["macs"] + 16
        assert hidden["raw_bytes"] == hidden["macs"] + 4 * 16
        assert [row["kind"] for row in found["verdict"]][-1] == "all"


def test_what_would_pay_is_named(net: Path) -> None:
    """Without data the bundled digits stand in, whatever the model's classes."""
    recipe = parse({"stages": [{"prune": {"sparsity": 0.8}}], "export": "float32"}, "test", "mine")
    found = advise(ask_question(recipe, Asked(model=net)), lambda _: None)
    said = "\n".join(found.would_pay)
    assert "`int8` export: -" in said
    assert "`shrink` (fewer channels)" in said
    assert "shipping it packed" in said
    prune = found.effects[0]
    assert "sparse float kernels run only 1x1 convolutions" in prune.reason
    assert found.before.raw_bytes == found.after.raw_bytes


def test_all_of_named_data_is_there_and_some_of_the_stand_in(net: Path, tmp_path: Path) -> None:
    """Which channels `shrink` takes depends on the images."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (900, 12, 12, 1)).astype(np.uint8), np.arange(900) % 3
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=pixels, y_train=labels, x_test=pixels[:30], y_test=labels[:30])
    recipe = load_recipe("ptq_int8")
    own = ask_question(recipe, Asked(model=net, data=str(path))).data
    other = ask_question(recipe, Asked(model=net)).data
    counts = [len(data.fit) + len(data.validation) + len(data.calibration) for data in (own, other)]
    assert counts == [900, IMAGES]


def test_images_are_resized_and_turned_grey_as_they_are_for_compress(net: Path, tmp_path: Path) -> None:
    """A model that takes any size is asked of at the size that was said; one of its own takes no other."""
    layers = [
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3),
    ]
    keras.Sequential([keras.layers.Input((None, None, 3)), *layers]).save(tmp_path / "open.keras")
    pixels, labels = np.random.default_rng(0).integers(0, 256, (60, 12, 12, 3)).astype(np.uint8), np.arange(60) % 3
    np.savez(tmp_path / "c.npz", x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    recipe = load_recipe("ptq_int8")
    for data in (str(tmp_path / "c.npz"), None):
        wish = Asked(model=tmp_path / "open.keras", data=data, resize=(16, 10), grey=True)
        question = ask_question(recipe, wish)
        assert question.model.input_shape == (None, 16, 10, 3)
        images = read_all(question.data.validation)
        assert images.shape[1:] == (16, 10, 3)
        assert (images == images[..., :1]).all()
    words = ["advise", "--recipe", "ptq_int8", "--model", str(net), "--grey", "--resize"]
    wrong = CliRunner().invoke(cli, [*words, "9x9"]).exception
    assert isinstance(wrong, DataError)
    assert str(wrong) == "tiny: takes images of 12x12, to which they are brought; pass --resize 12x12 or nothing"


def test_the_tables_hold_what_the_json_holds(fresh_cache: Path) -> None:
    """Of a net that does not ship: it is advised on untrained."""
    words = ["advise", "--recipe", "dynamic_int8", "--zoo", "lenet5"]
    done = CliRunner().invoke(cli, words, catch_exceptions=False, color=False)
    assert done.exit_code == 0
    for text in ("Foretold, not measured", "dynamic export", "-73 %", "What would pay", "`int8` export", "Pi Zero 2 W", "Pi 4",
                 "2.4 GHz", "conv2d", "rest of the file", "at worst"):  # fmt: skip
        assert text in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert list((fresh_cache / "timings").glob("litert-*.json"))


def test_timings_are_measured_once_and_damage_is_measured_again(flats: dict[str, bytes], fresh_cache: Path) -> None:
    parts = cut(flats["float32"])

    def now() -> Timings:
        return measure_timings(parts, "litert", lambda line: said.append(line) if "damaged" in line else None, QUICK_S)

    said: list[str] = []
    first = now()
    different = {part.signature for part in parts}
    assert first.measured == len(different)
    assert first.file.is_relative_to(fresh_cache)
    kept, stamp = first.file.read_bytes(), first.file.stat().st_mtime_ns
    again = now()
    assert (again.measured, again.operators, again.base_us) == (0, first.operators, first.base_us)
    assert (first.file.read_bytes(), first.file.stat().st_mtime_ns) == (kept, stamp)
    for damage in (b"[]", kept[: len(kept) // 2], kept.replace(b'"base_us"', b'"base"')):
        first.file.write_bytes(damage)
        assert now().measured == len(different)
    assert len(said) == 3
    assert "kept timings are damaged, so they are set aside and measured anew" in said[0]
    document = json.loads(first.file.read_text())
    place = min(document["operators"])
    for wrong in ({"us": 1e-9, "reason": ""}, {"us": -1, "reason": ""}, {"us": 10**400, "reason": ""}):
        changed = {**document, "operators": {**document["operators"], place: wrong}}
        first.file.write_text(json.dumps(changed))
        assert now().measured == len(different), "a changed time is seen"
    first.file.write_text(json.dumps(sealed({**document, "operators": []})))
    assert now().measured == len(different), "so is one of another form"
    assert now().measured == 0


def test_what_cannot_run_alone_is_said_and_the_rest_is_timed(tmp_path: Path) -> None:
    (tmp_path / "good.tflite").write_bytes(nearly_nothing())
    (tmp_path / "bad.tflite").write_bytes(nearly_nothing()[:40])
    job = {"runtime": "litert", "files": ["good.tflite", "bad.tflite"], "windows": 1, "window_s": QUICK_S}
    runner = RunnerProcess(find_python_for("litert", print), tmp_path, lambda _: None)
    good, bad = runner.run("timings", job)["files"]
    assert good["ns"] > 0
    assert bad["ns"] is None
    assert "not a whole .tflite file" in bad["reason"]
    with pytest.raises(InputError, match=r"files: found .*; give a list of at least one path"):
        runner.run("timings", {**job, "files": []})


@pytest.mark.parametrize("export", EXPORTS)
def test_fragments_in_a_row_answer_as_the_whole(export: str, flats: dict[str, bytes]) -> None:
    flat = flats[export]
    whole = Interpreter(model_content=flat, num_threads=1)
    whole.allocate_tensors()
    source = whole.get_input_details()[0]
    rng = np.random.default_rng(0)
    image = rng.integers(-128, 127, source["shape"]).astype(source["dtype"])
    whole.set_tensor(source["index"], image)
    whole.invoke()
    contents = read(flat, "made")
    values = {contents.inputs[0].index: image}
    for part, operator in zip(cut(flat), contents.operators, strict=True):
        assert part.kind == operator.name
        if part.unpacks:
            assert (part.flat, part.stored) == (b"", b"")
            continue
        alone = Interpreter(model_content=part.flat, num_threads=1)
        alone.allocate_tensors()
        ends = [end for end in dict.fromkeys(operator.inputs) if end in values]
        for detail, end in zip(alone.get_input_details(), ends, strict=True):
            alone.set_tensor(detail["index"], values[end])
        alone.invoke()
        values[operator.outputs[0]] = alone.get_tensor(alone.get_output_details()[0]["index"])
    answer = whole.get_tensor(whole.get_output_details()[0]["index"])
    if EXPORTS[export].integer:
        assert np.array_equal(values[contents.outputs[0].index], answer)
    else:
        assert np.allclose(values[contents.outputs[0].index], answer, atol=1e-6)


def test_weights_do_not_change_signatures_but_types_do(flats: dict[str, bytes]) -> None:
    assert flats["int8"] != flats["halved"]
    assert [part.signature for part in cut(flats["int8"])] == [part.signature for part in cut(flats["halved"])]
    of_floats = {part.signature for part in cut(flats["float32"])}
    assert not {part.signature for part in cut(flats["int8"])} & of_floats


def test_kernels_as_drawn_are_drawn_again_and_trained_ones_stay() -> None:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    net = keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(32), layers.Dense(3)])
    image = keras.Input((8, 8, 1))
    net = keras.Model(image, net.layers[2](net.layers[1](net.layers[0](image))))
    before = net.layers[2].kernel.numpy()
    net.layers[2].kernel.assign_add(np.resize([0.02, -0.02], before.shape))  # as far as one step of Adam goes
    after = imitate_training(net, 0).layers[2].kernel.numpy()
    assert after.std() == pytest.approx(before.std(), rel=0.1)
    assert np.abs(after).max() > 1.3 * np.abs(before).max(), "a normal distribution has longer tails"
    net.layers[2].kernel.assign(2 * before)
    assert imitate_training(net, 0) is net


def test_training_is_cut_to_one_step() -> None:
    for _, stage in load_recipe("prune80_cluster16_int8").stages:
        short = cut_short(stage)
        assert (short.epochs, short.min_steps) == (1e-6, 1)
        assert type(short) is type(stage)


@pytest.fixture(scope="module")
def counted_nets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    from benchmarks.instructions import make

    jobs = [("cnn", "float32"), ("cnn", "ptq_int8"), ("nano", "ptq_int8")]
    return {name: path.read_bytes() for name, path in make(jobs, tmp_path_factory.mktemp("nets")).items()}


def test_what_int8_buys_by_board_is_said_where_it_differs() -> None:
    cycles = {"pi4": -0.41, "pi5": -0.7, "zero2": -0.35}
    effect: Any = SimpleNamespace(time=-0.5, cycles=cycles)
    (said,) = reasons._why_export(effect, Int8(), no_time=False)
    for share in ("70 %", "41 %", "35 %"):
        assert share in said
    cycles["pi4"] = -0.65
    assert not list(reasons._why_export(effect, Int8(), no_time=False))


def test_foretold_cycles_are_near_those_that_are_kept(counted_nets: dict[str, bytes]) -> None:
    kept = json.loads((Path(__file__).parent.parent / "benchmarks/results/cycles.json").read_text())["models"]["kept"]
    for name, flat in counted_nets.items():
        contents = read(flat, name)
        for board in ADVISED_BOARDS:
            found = foretell(contents, board)
            assert found.cycles == pytest.approx(kept[name][found.cpu], rel=0.3), (name, board)


def test_boards_know_that_int8_takes_far_fewer_cycles_on_a_pi_5_fewer_on_a_pi_4_and_as_many_on_a_pi_3(
    counted_nets: dict[str, bytes],
) -> None:
    gone = {}
    for board in ADVISED_BOARDS:
        plain, int8 = (foretell(read(counted_nets[name], name), board) for name in ("cnn/float32", "cnn/ptq_int8"))
        gone[board] = 1 - int8.cycles / plain.cycles
        assert plain.ms == pytest.approx(plain.cycles / plain.clock_ghz / 1e6)
        assert (plain.memory_ms > 0, int8.memory_ms) == (board != "pi5", 0.0)  # 1.3 MB against the board's last cache
    assert -0.25 < gone["zero2"] == gone["pi3"] < 0.1  # the kernel multiplies four values a cycle in either
    assert 1 / 3 < gone["pi4"] < 2 / 3 < gone["pi5"]


def test_four_boards_are_foretold_and_say_so(told: dict[str, dict[str, Any]]) -> None:
    for found in told.values():
        assert [board["board"] for board in found["boards"]] == ["zero2", "pi3", "pi4", "pi5"]
        zero2, pi3 = found["boards"][:2]
        assert zero2["recipe"]["cycles"] == pi3["recipe"]["cycles"]
        assert zero2["recipe"]["ms"] == pytest.approx(1.2 * pi3["recipe"]["ms"])
        for board in found["boards"]:
            assert board["basis"] == "foretold"
            assert board["change"] == board["recipe"]["cycles"] / board["float32"]["cycles"] - 1


def test_cycles_that_are_counted_take_the_place_of_foretold_ones(net: Path) -> None:
    asked_for: list[str] = []

    def count(flats: Sequence[bytes], core: str) -> list[int]:
        asked_for.append(core)
        return [1000 * (number + 1) for number, _ in enumerate(flats)]

    question = ask_question(load_recipe("ptq_int8"), Asked(model=net, count=count))
    found = advise(question, lambda _: None)
    assert asked_for == ["cortex-a53", "cortex-a72", "cortex-a76"]
    assert found.counted_now
    assert {cost.cycles for cost in found.before.boards.values()} == {1000}
    assert found.effects[-1].cycles == dict.fromkeys(ADVISED_BOARDS, 1.0)


def test_wrong_calls_are_refused_in_one_sentence(net: Path, shapes: Path, tmp_path: Path) -> None:
    for words, kind, sentence in (
        (("--recipe", "prune8"), RecipeError, "no such file, and no shipped recipe"),
        (("--recipe", "ptq_int8", "--zoo", "resnet"), InputError, "--zoo resnet: no such net"),
        (("--recipe", "ptq_int8", "--zoo", "cnn", "--model", net), InputError, "both were given"),
        (("--recipe", "ptq_int8", "--model", tmp_path / "none.keras"), ModelError, "no such file"),
        (
            ("--recipe", "ptq_int8", "--model", net, "--data", "digits"),
            DataError,
            "has 10 classes (labels 0..9), the model answers 3",
        ),
    ):
        error = CliRunner().invoke(cli, ["advise", *map(str, words)]).exception
        assert isinstance(error, kind)
        assert isinstance(error, EdgeDigitsError)
        assert error.exit_code == 2
        assert sentence in str(error)
