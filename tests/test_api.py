"""The Python API: each command both ways, models and data in memory, recipes said in Python, what results show of themselves."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

import edgedigits as ed
from edgedigits.api import progress
from edgedigits.api.calls import LIMITS, command, for_python
from edgedigits.api.given import open_model_file
from edgedigits.api.progress import telling
from edgedigits.cli.main import cli
from edgedigits.data.sources.named import load_data
from edgedigits.ground.artifact_folder import hash_file
from tests import tiny_release
from tests.both_ways import compared
from tests.golden_documents import replayed_report
from tests.sshd import free_port


@dataclass(frozen=True)
class Place:
    """A folder with tiny.keras in it, its data, and an artifact of it."""

    folder: Path
    shapes: Path
    artifact: ed.Artifact

    @property
    def data(self) -> ed.Dataset:
        return load_data(str(self.shapes))


@pytest.fixture(scope="module")
def place(shapes: Path) -> Iterator[Place]:
    """Also the working folder of every test here."""
    made = tiny_release.made(shapes)
    folder = made.parent
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    out = folder / "api"
    found = ed.compress("tiny.keras", shapes, recipe="ptq_int8", pixel_range="0..1", out=out, progress=False)
    yield Place(folder, shapes, found)
    patch.undo()


def words() -> list[str]:
    """Every command that does something, as it is typed."""
    found = []
    for name, one in cli.commands.items():
        inner = getattr(one, "commands", {})
        if not inner or getattr(one, "invoke_without_command", False):
            found.append(name)
        found += [f"{name} {under}" for under in inner]
    return found


def function_of(name: str) -> str:
    """The function of a command."""
    return name.replace(" ", "_").replace("-", "_")


def calls(at: Place) -> dict[str, tuple[list[object], Callable[[], Any]]]:
    """Of each command what is typed after it, and the same said to the API."""
    art, data = at.artifact, str(at.shapes)
    tiny = ["--model", "tiny.keras", "--data", data, "--scale", "0..1"]
    return {
        "train": (
            ["mlp", "--data", data, "--out", "t.keras", "--epochs", 1, "--no-augment"],
            lambda: ed.train("mlp", data, out="t.keras", epochs=1, augment=False, progress=False),
        ),
        "compress": (
            ["--recipe", "ptq_int8", *tiny, "--out", "both"],
            lambda: ed.compress("tiny.keras", data, recipe="ptq_int8", pixel_range="0..1", out="both", progress=False),
        ),
        "advise": (
            ["--recipe", "ptq_int8", *tiny],
            lambda: ed.advise("tiny.keras", data, recipe="ptq_int8", pixel_range="0..1", progress=False),
        ),
        "search": (
            [*tiny, "--target", "pi4", "--max-drop", 100, "--trials", 1, "--out", "s"],
            lambda: ed.search(
                "tiny.keras", data, pixel_range="0..1", target="pi4", max_drop=100, trials=1, out="s", progress=False
            ),
        ),
        "bench": (
            ["--tflite", art.path, "--windows", 1, "--window", 0.05],
            lambda: ed.bench(art, windows=1, window=0.05, progress=False),
        ),
        "verify": (
            [art.path, "--data", data, "--images", 9],
            lambda: ed.verify(art, data=data, images=9, progress=False),
        ),
        "robustness": (
            [art.path, "--data", data, "--only", "shear,fog", "--images", 30],
            lambda: ed.robustness(art, data, only="shear,fog", images=30, progress=False),
        ),
        "sensitivity": (
            [*tiny, "--layers", "answer", "--max-drop", 1],
            lambda: ed.sensitivity("tiny.keras", data, pixel_range="0..1", layers="answer", max_drop=1, progress=False),
        ),
        "compare": (
            [art.path, art.tflite, "--windows", 1, "--window", 0.05, "--gate", "max_bytes=1x"],
            lambda: ed.compare(art, art.tflite, windows=1, window=0.05, gates={"max_bytes": "1x"}, progress=False),
        ),
        "compare-zoo": (
            ["--data", data, "--nets", "mlp", "--recipes", "ptq_int8", "--epochs", 9, "--windows", 1, "--window", 0.05],
            lambda: ed.compare_zoo(
                data, nets=["mlp"], recipes="ptq_int8", epochs=9, windows=1, window=0.05, progress=False
            ),
        ),
        "report": (
            [art.path, "--data", data, "--out", "r.html", "--windows", 1, "--window", 0.05, "--images", 9],
            lambda: ed.report(art, data, out="r.html", windows=1, window=0.05, images=9, progress=False),
        ),
        "card": ([art.path, "--out", "cards/hub"], lambda: ed.card(art, out="cards/hub")),
        "inspect": ([art.tflite, "--slim"], lambda: ed.inspect(art.tflite, slim=True)),
        "pack": ([art.tflite, "--form", "gz", "--out", "p.gz"], lambda: ed.pack(art, form="gz", out="p.gz")),
        "estimate": ([art.tflite, "--device", "pi4"], lambda: ed.estimate(art, device="pi4")),
        "runner": (["--out", "r.pyz"], lambda: ed.runner("r.pyz")),
        "recipes": ([], ed.recipes),
        "recipes show": (["prune80_int8"], lambda: ed.recipes_show("prune80_int8")),
        "recipes check": (["prune80_int8"], lambda: ed.recipes_check("prune80_int8")),
        "fleet bench": (
            ["down.yaml", "--tflite", art.path, "--windows", 1, "--window", 0.05, "--out", "kept"],
            lambda: ed.fleet_bench("down.yaml", art, windows=1, window=0.05, out="kept", progress=False),
        ),
        "instructions": ([art.tflite, "--cpu", "cortex-a76"], lambda: ed.instructions(art, cpu="cortex-a76")),
        "cycles": ([art.tflite, "--cpu", "cortex-a76"], lambda: ed.cycles(art, cpu="cortex-a76")),
        "profile": (
            [art.tflite, "--windows", 1, "--window", 0.05],
            lambda: ed.profile(art, windows=1, window=0.05, progress=False),
        ),
        "demo": (["--out", "d"], lambda: ed.demo("d", progress=False)),
    }


@pytest.fixture
def quick(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes, QEMU or a device, by less: the demo's artifact is there, and it and the fleet are measured already; a
    count that QEMU has come to (`test_instructions` lets it); a fleet whose device is down (`test_device_bench` has one up)."""
    from edgedigits.api import compress
    from edgedigits.data.sources import named
    from edgedigits.devices import fleet
    from edgedigits.measure import bench_job
    from edgedigits.measure.cost.memory import BOARDS
    from edgedigits.measure.cycles import cycles
    from edgedigits.measure.qemu import instructions
    from edgedigits.pipeline import prepare

    def prepare_job(recipe: ed.Recipe, wish: prepare.Wish, *_: Any) -> SimpleNamespace:
        assert (wish.zoo, wish.data, recipe.name) == ("cnn", "digits", "prune80_int8")
        return SimpleNamespace(with_recipe=lambda other: SimpleNamespace(recipe=other))

    def compress_job(job: Any, out: Path, _told: Any) -> ed.Artifact:
        assert str(out) == "d"
        return place.artifact

    def lack() -> Path:
        raise ed.DataError("no MNIST, and nothing is fetched")

    def count(file: Path, cpu: str, runtime: Any, say: Any) -> instructions.Count:
        return instructions.Count(7, (7, 6, 8), cpu, runtime, "2.3.0", "fast", hash_file(file), "8.2")

    def count_cycles(files: list[Path], cpu: str, runtime: Any, say: Any) -> list[cycles.Cycles]:
        (file,), boards = files, tuple(cycles._time(board, 4e6, None) for board in BOARDS[cpu])
        own = (
            cycles.OperatorCycles(0, "CONV_2D", "ab", 7, 4, 0),
            cycles.OperatorCycles(1, "IF", "", None, None, 0, "no"),
        )
        versions = (runtime, "2.3.0", hash_file(file), "8.2", "19.1.7", "neoverse-n1")
        return [cycles.Cycles(cpu, 8, 5, 1, 1, own, boards, None, (), 0.0, *versions)]

    report = replayed_report()
    monkeypatch.setattr(cycles, "count_cycles", count_cycles)
    monkeypatch.setattr(named, "find_mnist", lack)
    monkeypatch.setattr(prepare, "prepare_job", prepare_job)
    monkeypatch.setattr(compress, "compress_job", compress_job)
    monkeypatch.setattr(bench_job, "bench_artifacts", lambda paths, _: [report] * len(paths))
    monkeypatch.setattr(fleet, "bench_here", lambda task, _: replace(report, windows=task.settings.windows))
    monkeypatch.setattr(instructions, "count", count)
    down = {"host": "pi@127.0.0.1", "name": "down", "port": free_port()}
    Path("down.yaml").write_text(json.dumps({"hosts": [down]}))


@pytest.mark.parametrize("name", [name for name in words() if name != "deploy"])
def test_every_command_and_its_function_give_the_same(name: str, place: Place, request: pytest.FixtureRequest) -> None:
    """`deploy` needs a device: `test_deploy` has one."""
    if name in ("demo", "fleet bench", "instructions", "cycles"):
        request.getfixturevalue("quick")
    typed, call = calls(place)[name]
    assert function_of(name) in ed.__all__
    done = CliRunner().invoke(cli, [*name.split(), *map(str, typed), "--json"], standalone_mode=False)
    assert done.exception is None, done.output
    assert done.return_value == (1 if name == "fleet bench" else None)
    found = call()
    own = compared(json.loads(json.dumps(found if isinstance(found, dict) else found.as_json())), name)
    assert own == compared(json.loads(done.stdout), name)
    assert len(own) > 3


def wrong_calls(at: Place) -> dict[str, tuple[list[object], Callable[[], Any]]]:
    """Of each command that takes something one call that can't be done, both ways."""
    art = at.artifact
    return {
        "train": (["no", "--out", "t.keras"], lambda: ed.train("no", out="t.keras", progress=False)),
        "compress": (["--recipe", "ptq"], lambda: ed.compress(recipe="ptq", progress=False)),
        "advise": (
            ["--recipe", "ptq_int8", "--model", "no.keras"],
            lambda: ed.advise("no.keras", recipe="ptq_int8", progress=False),
        ),
        "search": (
            ["--target", "pi9", "--max-drop", 1],
            lambda: ed.search(target="pi9", max_drop=1, progress=False),
        ),
        "bench": (["--tflite", "no"], lambda: ed.bench("no", progress=False)),
        "verify": (["no"], lambda: ed.verify("no", progress=False)),
        "robustness": (
            [art.path, "--only", "rain"],
            lambda: ed.robustness(art, only="rain", progress=False),
        ),
        "sensitivity": (["--figure", "s.gif"], lambda: ed.sensitivity(figure="s.gif", progress=False)),
        "compare": (
            [art.path, art.path, "--gate", "max_byte=1x"],
            lambda: ed.compare(art, art, gates={"max_byte": "1x"}, progress=False),
        ),
        "compare-zoo": (["--nets", "mpl"], lambda: ed.compare_zoo(nets="mpl", progress=False)),
        "report": ([], lambda: ed.report([], progress=False)),
        "card": (["no"], lambda: ed.card("no")),
        "inspect": (["no"], lambda: ed.inspect("no")),
        "pack": (["no"], lambda: ed.pack("no")),
        "estimate": (["no", "--device", "pi4"], lambda: ed.estimate("no", device="pi4")),
        "runner": (["--out", art.path], lambda: ed.runner(art.path)),
        "recipes show": (["ptq"], lambda: ed.recipes_show("ptq")),
        "recipes check": (["ptq"], lambda: ed.recipes_check("ptq")),
        "deploy": ([art.path, "pi@host", "--service", "ftp"], lambda: ed.deploy(art, "pi@host", service="ftp")),
        "fleet bench": (["no.yaml", "--tflite", art.path], lambda: ed.fleet_bench("no.yaml", art)),
        "instructions": (["no.tflite"], lambda: ed.instructions("no.tflite")),
        "cycles": (["no.tflite"], lambda: ed.cycles("no.tflite")),
        "profile": (["no.tflite"], lambda: ed.profile("no.tflite", progress=False)),
        "demo": (["--out", art.tflite], lambda: ed.demo(art.tflite)),
    }


@pytest.mark.parametrize("name", [name for name in words() if name != "recipes"])
def test_every_command_and_its_function_refuse_the_same(name: str, place: Place) -> None:
    typed, call = wrong_calls(place)[name]
    done = CliRunner().invoke(cli, [*name.split(), *map(str, typed)])
    with pytest.raises(ed.InputError) as refused:
        call()
    assert isinstance(done.exception, ed.InputError), done.output
    assert (type(done.exception), for_python(str(done.exception))) == (type(refused.value), str(refused.value))


@pytest.mark.parametrize("name", words())
def test_every_option_is_an_argument_with_the_same_limits(name: str) -> None:
    import inspect

    renamed = {"scale": "pixel_range", "recipe_name": "recipe", "no_augment": "augment", "as_json": None, "csv": None}
    function = getattr(ed, function_of(name))
    arguments = inspect.signature(function).parameters
    one: click.Command = cli
    for word in name.split():
        one = one.commands[word]  # type: ignore[attr-defined]
    for option in one.params:
        argument = renamed.get(str(option.name), option.name)
        assert argument is None or argument in arguments, option.name
        kind = option.type
        if isinstance(kind, (click.IntRange, click.FloatRange)) and option.name != "threads":
            limit = LIMITS[str(option.name)]
            assert (kind.min, kind.max, kind.min_open) == (limit.least, limit.most, limit.above)
    assert function.__doc__
    assert ">>> " in function.__doc__


def test_all_is_what_it_says() -> None:
    from edgedigits.pipeline.recipe import EXPORTS, STAGES

    classes = {one.__name__ for one in (*STAGES.values(), *EXPORTS.values())}
    errors = {name for name in dir(importlib.import_module("edgedigits.errors")) if name.endswith("Error")}
    functions = {function_of(name) for name in words()} | {"load_data"}
    results = {
        "Advice",
        "Artifact",
        "Bench",
        "Card",
        "Compared",
        "ComparedZoo",
        "Cycles",
        "Demo",
        "Deployment",
        "DeviceBench",
        "Estimate",
        "FleetBench",
        "Inspection",
    }
    results |= {
        "Instructions",
        "Packing",
        "Profile",
        "Recipes",
        "Report",
        "Runner",
        "Search",
        "Sensitivity",
        "Training",
    }
    results |= {"Bearing", "Verification"}
    assert set(ed.__all__) == {*classes, *errors, *functions, *results, "Dataset", "Recipe", "Scaling", "__version__"}
    assert all(getattr(ed, name) is not None for name in ed.__all__)
    assert set(ed.__all__) <= set(dir(ed))
    with pytest.raises(AttributeError, match="has no attribute 'compres'"):
        ed.compres  # type: ignore[attr-defined]  # noqa: B018


def test_importing_is_light() -> None:
    heavy = "{'tensorflow', 'keras', 'tf_keras', 'numpy', 'scipy', 'pandas', 'rich', 'pydantic', 'cv2', 'click'}"
    script = (
        "import sys, time; began = time.perf_counter(); import edgedigits; took = time.perf_counter() - began\n"
        f"import edgedigits as ed; ed.__all__; print(took, sorted({heavy} & set(sys.modules)))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in range(3)
    ]
    took, found = min(run.stdout.split(" ", 1) for run in runs)
    assert found == "[]\n"
    assert float(took) < 0.1


MODULES = (
    *("advise", "bench", "compare.compare", "compress", "demo.demo", "devices", "evidence.card", "evidence.report"),
    *("evidence.robustness", "evidence.sensitivity", "evidence.verify", "files", "recipes"),
    "search.search",
    "train",
    "zoo.compare_zoo",
)


@pytest.mark.parametrize(
    "name", [*(f"api.{one}" for one in MODULES), "data.dataset", "data.sources.named", "pipeline.recipe"]
)
def test_examples_run(name: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.keras").write_bytes((place.folder / "tiny.keras").read_bytes())
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(f"edgedigits.{name}")
    known = {"ed": ed, "data": place.data, "artifact": place.artifact}
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner, examples = doctest.DocTestRunner(optionflags=flags), 0
    for one in doctest.DocTestFinder().find(module, globs=known):
        examples += len(one.examples)
        runner.run(one)
    assert examples
    assert runner.summarize(verbose=False).failed == 0


def test_a_model_in_memory_is_taken_as_its_file_is(place: Place, tmp_path: Path) -> None:
    import keras
    import tf_keras

    def build(library: Any) -> Any:
        layers = library.layers
        found = library.Sequential(
            [
                layers.InputLayer((12, 12, 1), name="image"),
                layers.Flatten(name="flat"),
                layers.Dense(3, activation="softmax", name="answer"),
            ],
            name="mine",
        )
        found.set_weights(
            [np.random.default_rng(3).normal(size=(144, 3))[:, [1, 2, 0]] / 9, np.zeros(3)]
        )  # these tell shapes
        return found

    new, old = build(keras), build(tf_keras)
    before = [weight.copy() for weight in old.get_weights()]
    with open_model_file(new) as one, open_model_file(new) as other:
        assert one is not None
        assert other is not None
        assert one.read_bytes() == other.read_bytes(), "the same model is the same file"
        assert one.name == "mine.keras"
    found, like = (
        ed.compress(net, place.data, recipe="ptq_int8", pixel_range="0..1", out=tmp_path / name, progress=False)
        for net, name in ((old, "old"), (new, "new"))
    )
    assert found.tflite.read_bytes() == like.tflite.read_bytes()
    assert all(np.array_equal(one, other) for one, other in zip(before, old.get_weights(), strict=True))
    advice = ed.advise(new, place.data, recipe="ptq_int8", pixel_range="0..1", progress=False)
    assert advice.as_json()["model"] == "mine"


def test_models_that_are_none_are_refused(place: Place) -> None:
    import keras

    with pytest.raises(ed.ModelError, match="found int; wanted a keras"):
        ed.compress(42, place.data, recipe="ptq_int8", pixel_range="0..1", progress=False)
    two = keras.Sequential([keras.layers.Input((12, 12, 1)), keras.layers.Conv2D(3, 3)], name="open")
    with pytest.raises(ed.ModelError, match=r"^model open: the model answers with shape"):
        ed.compress(two, place.data, recipe="ptq_int8", pixel_range="0..1", progress=False)

    class Mine(keras.layers.Layer):  # type: ignore[misc]
        pass

    with pytest.raises(ed.InputError, match="stands in no module"):
        ed.compress(two, place.data, recipe="ptq_int8", pixel_range="0..1", custom=[Mine], progress=False)


def test_arrays_are_a_data_set(place: Place) -> None:
    with np.load(place.shapes) as file:
        x, y, x_test, y_test = (file[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    found = ed.Dataset.from_arrays(x, y, x_test, y_test)
    assert (found.fingerprint, found.classes, found.shape) == (place.data.fingerprint, ("0", "1", "2"), (12, 12, 1))
    assert ed.Dataset.from_arrays(x, y, x_test, y_test, classes=["a", "b", "c"]).classes == ("a", "b", "c")
    with pytest.raises(ed.DataError, match=r"x_train: found float32; wanted uint8.*astype\('uint8'\)"):
        ed.Dataset.from_arrays(x.astype(np.float32), y, x_test, y_test)
    with pytest.raises(ed.DataError, match="images, y_test"):
        ed.Dataset.from_arrays(x, y, x_test, y_test[:5])
    assert repr(found) == "<Dataset arrays: 180 training and 90 test images of 12x12x1, 3 classes>"
    small = ed.load_data(place.shapes, resize=(9, 9))
    with pytest.raises(ed.DataError, match=r"pass resize=\(12, 12\)"):
        ed.compress("tiny.keras", small, recipe="ptq_int8", pixel_range="0..1", progress=False)
    with pytest.raises(ed.InputError, match="the data is read already"):
        ed.bench(place.artifact, found, background="black", progress=False)


def test_a_recipe_in_yaml_and_in_python_are_the_same(tmp_path: Path) -> None:
    from edgedigits.pipeline.artifact_writer import list_settings
    from edgedigits.pipeline.stage_cache import chain_key

    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nstages:\n  - prune: {sparsity: 0.7}\n  - qat:\nexport: {int8: {slim: true}}\n")
    told = ed.recipes_show(path)
    said = ed.Recipe("mine", stages=[ed.Prune(sparsity=0.7), ed.Qat()], export=ed.Int8(slim=True))
    assert said == told
    assert said.hash == told.hash != ed.recipes_show("prune80_int8").hash
    keys = [
        [chain_key("", stage=name, settings=list_settings(stage)) for name, stage in one.stages] for one in (told, said)
    ]
    assert keys[0] == keys[1]
    for wrong, says in (
        (lambda: ed.Prune(sparsity=80), "Prune.sparsity: found 80; input should be less than 1"),
        (lambda: ed.Prune(sparsty=0.8), "Prune: unknown setting 'sparsty'; nearest: sparsity"),  # type: ignore[call-arg]
        (
            lambda: ed.Recipe(stages=[ed.Qat()]),
            "Recipe: export: wanted one export, found nothing; choose from Float32()",
        ),
        (lambda: ed.Recipe(stages=[ed.Int8()], export=ed.Int8()), "Recipe: stages[0]: wanted one stage, found Int8"),  # type: ignore[list-item]
    ):
        with pytest.raises(ed.RecipeError) as caught:
            wrong()
        assert str(caught.value).startswith(says)


def test_progress_is_shown_kept_quiet_or_told(place: Place, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []

    def compress(progress: Any) -> None:
        ed.compress("tiny.keras", place.data, recipe="ptq_int8", pixel_range="0..1", out=tmp_path, progress=progress)

    compress(lambda what, share: told.append((what, share)))
    assert told[0] == ("load", 0.0)
    assert told[-1] == ("done", 1.0)
    assert all(0 <= share <= 1 for _, share in told)
    assert capsys.readouterr() == ("", "")

    def stop(what: str, share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ed.compress("tiny.keras", place.data, recipe="ptq_int8", pixel_range="0..1", out=tmp_path / "n", progress=stop)
    assert not list((tmp_path / "n").glob("*")), "nothing is half-written"
    with telling(None) as shown:
        shown.say("a line")
    assert capsys.readouterr().err == "a line\n"
    with pytest.raises(ed.InputError, match="progress: found 'no'"), telling("no"):  # type: ignore[arg-type]
        pass


def test_off_a_terminal_a_line_is_said_now_and_then_and_each_warning_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgedigits.pipeline import loop

    clock = iter(range(0, 10**6, 4))
    early, late = "the model is shy", "a class is gone"
    monkeypatch.setattr(loop, "check_scale", lambda *_: [early])
    monkeypatch.setattr(loop, "tell_classes", lambda *_: late)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    Path("quick.yaml").write_text("export: float16\n")
    words = ["compress", "--recipe", "quick.yaml", "--model", "tiny.keras", "--data", str(place.shapes)]
    done = CliRunner().invoke(cli, [*words, "--scale", "0..1", "--out", "warned"])
    assert done.exit_code == 0, done.output
    lines = done.stderr.splitlines()
    assert lines == [f"warning: {early}", "test: 70 %", f"warning: {late}"], "of three shares that are told, one"
    assert [done.output.count(one) for one in (early, late)] == [1, 1], "in all that is written"
    assert ed.Artifact.open(next(Path("warned").iterdir())).warnings == (early, late)


def test_an_interrupt_is_one_whatever_a_library_makes_of_it() -> None:
    @command()
    def work() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ValueError("the file is closed") from error

    with pytest.raises(KeyboardInterrupt):
        work()


def test_errors_name_arguments_in_python_and_options_on_the_command_line(place: Place) -> None:
    with pytest.raises(ed.InputError, match=r"^pixel_range= is missing"):
        ed.compress("tiny.keras", place.data, recipe="ptq_int8", progress=False)
    done = CliRunner().invoke(
        cli, ["compress", "--recipe", "ptq_int8", "--model", "tiny.keras", "--data", str(place.shapes)]
    )
    assert str(done.exception).startswith("--scale is missing")
    with pytest.raises(ed.InputError, match=r"^windows=: found 0; wanted a whole number from 1"):
        ed.bench(place.artifact, windows=0)
    with pytest.raises(ed.InputError, match=r"^runtime='x': unknown; choose from"):
        ed.bench(place.artifact, runtime="x")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--model no.keras: no such file or folder", "model='no.keras': no such file or folder"),
        ("--model my nets/no.keras: none", "model='my nets/no.keras': none"),
        ("--model and --zoo: both were given", "model= and zoo=: both were given"),
        ("--scale is missing: say", "pixel_range= is missing: say"),
        ("--mean: needs --scale, as --scale -1..1 or --scale 0..255", None),
        ("--service http:80: '80' is no port", "service='http:80': '80' is no port"),
        (
            "--dir: empty; give a folder, as in --dir edgedigits",
            "directory=: empty; give a folder, as in directory= edgedigits",
        ),
        ("images are 8x8; pass --resize 12x12, or more", "images are 8x8; pass resize=(12, 12), or more"),
        ("pass --mean 0.5,-1 and --std 2.", "pass mean=(0.5, -1) and std=2."),
        ("say which one with --host USER@HOST", "say which one with host='USER@HOST'"),
        (
            "use --runtime litert; pass --skip-bad to use the rest",
            "use runtime='litert'; pass skip_bad=True to use the rest",
        ),
        ("`edgedigits train cnn --out cnn.keras`, apt-get install --no-install-recommends x", ""),
    ],
)
def test_what_the_command_line_calls_an_option(typed: str, said: str | None) -> None:
    if said is None:
        said = "mean=: needs pixel_range=, as pixel_range='-1..1' or pixel_range='0..255'"
    assert all(callable(getattr(ed, name)) for name in ("bench", "deploy", "compress"))
    assert for_python(typed) == (said or typed)


def test_a_path_that_is_missing_is_said_first(place: Place, tmp_path: Path) -> None:
    for wrong, baseline in (("no.tflite", None), ("no", None), (str(tmp_path), None), (place.artifact, "no")):
        with pytest.raises(ed.TfliteError, match=r"(no|no\.tflite|model\.tflite): no such file; give a \.tflite file"):
            ed.bench(wrong, baseline=baseline, progress=False)
    with pytest.raises(ed.ModelError, match=r"^model='no\.keras': no such file or folder$"):
        ed.compress("no.keras", recipe="ptq_int8", progress=False)


def test_results_show_themselves(place: Place, tmp_path: Path) -> None:
    art = place.artifact
    found = ed.inspect(art)
    assert repr(art).startswith("<Artifact: tiny-ptq_int8-")
    assert "of 90 test images" in repr(art)
    assert "accuracy" in str(art)
    assert "Where every byte goes" in str(found)
    assert list(art.to_frame()["stage"]) == ["load"]
    assert list(art.to_frame("classes")["class"]) == ["0", "1", "2"]
    assert len(found.to_frame()) == len(found.contents.tensors)
    assert found.to_frame("bytes")["raw_bytes"].sum() == found.contents.size_bytes
    assert ed.Artifact.open(art.path) == art
    with pytest.raises(ed.InputError, match="to_frame: found 'x'; choose from stages, classes"):
        art.to_frame("x")
    for one in (art, found, ed.recipes()):
        shown = one._repr_html_()
        assert shown.startswith('<div class="edgedigits">')
        assert all((f">{name}<" in shown) == bool(len(one.to_frame(name))) for name in one.FRAMES)
        assert ("<svg " in shown) == (one.DRAWN is not None)
    csv = tmp_path / "tensors.csv"
    done = CliRunner().invoke(cli, ["inspect", str(art.tflite), "--csv", str(csv)])
    assert done.exit_code == 0, done.output
    assert csv.read_text().splitlines()[0].startswith("subgraph,index,name,role,dtype")


def test_html_is_escaped() -> None:
    from edgedigits.api.files import Packing

    facts = {"out": "<script>alert(1)</script>", "out_bytes": 1, "model_bytes": 2, "form": "plain"}
    assert "<script>" not in Packing(facts)._repr_html_()
    assert "&lt;script&gt;" in Packing(facts)._repr_html_()


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the line that goes to a device."""
    import keras
    from PIL import Image

    from benchmarks import pages

    (code,) = pages.blocks(pages.read(pages.README), "python")
    lines = [line for line in code.splitlines(keepends=True) if not line.startswith("ed.deploy(")]
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 120, (90, 96, 96, 3)).astype(np.uint8)
    labels = np.arange(90) % 3
    colours[np.arange(90), :, :, labels] += 100
    for at, (picture, label) in enumerate(zip(colours, labels, strict=True)):
        folder = tmp_path / "photos" / f"kind{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{at}.png")
    layers = [
        keras.layers.Input((96, 96, 3)),
        keras.layers.Conv2D(24, 5, strides=8, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    keras.utils.set_random_seed(0)
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(colours / 255, labels, epochs=20, verbose=0)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"model": model}
    exec(compile("".join(lines).replace("windows=3", "windows=3, window=0.05"), "README.md", "exec"), names)
    assert names["artifact"].accuracy > 0.9
    assert names["artifact"].tflite.is_file()
