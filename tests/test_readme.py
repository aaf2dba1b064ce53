"""The README and the pages of docs/ hold what they say: commands run in order, options exist, tables are as they are made."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
from edgedigits_runner.command_line import _COMMANDS

from benchmarks.pages import DOCS, README, ROOT, commands, files, pages, programs, read
from benchmarks.tables import MARKED, filled, tables
from edgedigits.cli.main import cli
from edgedigits.devices.hosts import read_hosts
from edgedigits.pipeline.recipe import load_recipe
from tests.pages import STROKES, draw, shade
from tests.warm import edgedigits, shell_function

PAGES = [page for page in pages() if page != README]
TEXTS = {page.relative_to(ROOT).as_posix(): read(page) for page in pages()}
SAID = [command for text in TEXTS.values() for command in commands(text)]

ON_A_DEVICE = "needs a device; test_deploy.py, test_device_bench.py and make pi have one"
SEARCHED = "takes an hour; test_search_study.py and test_search_cluster.py search with tiny nets"
NOT_RUN = {
    "make demo": "minutes of work, and needs MNIST; its parts are run below on small data",
    "make test": "runs this very test",
    "make docs": "test_docs.py builds the pages",
    "make lint": "runs ruff and mypy, which need no test",
    "make bench": "minutes of measuring, and needs MNIST",
    ". .venv/bin/activate": "the tests run in that environment already",
    "edgedigits compress --recipe ptq_int8 --model mine.keras --scale 0..1 --custom my_layers:Patches --data photos "
    "--resize 96x96": "needs a layer class of the reader's; test_keras_models.py tests --custom",
    "edgedigits compress --recipe prune80_int8 --zoo cnn": "needs MNIST",
    "edgedigits train cnn --epochs 40 --rate 0.002 --out models/cnn.keras": "needs MNIST, and trains for long",
    "edgedigits train mobilenet_v2 --data photos --size 96 --alpha 0.35 --weights imagenet --scale -1..1 "
    "--out models/photos.keras": "downloads ImageNet weights",
    "edgedigits train mobilenet_v2 --data photos --size 96 --alpha 0.35 --weights imagenet "
    "--out models/photos.keras": "downloads ImageNet weights",
    "edgedigits train resnet18 --data mnist --stem small --out models/resnet18.keras": "needs MNIST, and trains for long",
    "edgedigits compress --recipe distil_ensemble_int8 --model models/voted.keras --data digits --out out": "trains for minutes; "
    "test_ensembles.py runs it cut short",
    "edgedigits bench --tflite out/lenet5-prune80_int8-* --runtime tflite-runtime": "downloads tflite-runtime",
    "edgedigits deploy out/lenet5-prune80_int8-* pi@raspberrypi.local": ON_A_DEVICE,
    "edgedigits deploy out/lenet5-prune80_int8-* pi@raspberrypi.local --no-network --service http:8765": ON_A_DEVICE,
    "edgedigits bench --tflite out/lenet5-prune80_int8-* --host pi@raspberrypi.local": ON_A_DEVICE,
    "edgedigits bench --tflite out/lenet5-prune80_int8-* --host pi@raspberrypi.local --window 10 --pin 3 --cold "
    "--threads 1,2,4": ON_A_DEVICE,
    "edgedigits bench --tflite out/lenet5-prune80_int8-* --host pi@raspberrypi.local --windows 9 "
    "--gate max_p50_us=4ms": ON_A_DEVICE,
    "edgedigits fleet bench hosts.yaml --tflite out/lenet5-prune80_int8-*": ON_A_DEVICE,
    "edgedigits instructions out/lenet5-prune80_int8-*/model.tflite --cpu cortex-a72": "needs QEMU; part of make pi",
    "edgedigits cycles out/lenet5-prune80_int8-*/model.tflite --cpu cortex-a72": "needs QEMU and LLVM; in make device",
    "edgedigits search --zoo cnn --data mnist --target pi4 --max-drop 0.3 --time 60m --out found": SEARCHED,
    "edgedigits compress --recipe found/best.yaml --zoo cnn --data mnist": SEARCHED,
    "edgedigits search --model mine.keras --data photos --scale 0..1 --target pi5 --max-drop 1 --max-bytes 100K --max-ms 2 "
    "--workers 2 --out found": SEARCHED,
    "edgedigits search --model mine.keras --data photos --scale 0..1 --target pi5 --max-drop 1 --cluster tcp://scheduler:8786 "
    "--storage postgresql://me@database/search --out found": SEARCHED,
    "edgedigits compare-zoo --data mnist --out build/zoo": "needs MNIST, and trains for hours; test_compare_zoo.py compares",
    "make zoo": "hours; test_compare_zoo.py judges a small one",
    "make pi": "boots emulated Pis, for minutes",
    "make device": "tests of their own",
    "make attack": "a quarter of an hour; test_attack.py does a part of it",
}
"""Commands of the pages that the stories below leave out, and why. Those of edgedigits are parsed all the same."""


def test_what_is_not_run_is_on_a_page() -> None:
    assert set(NOT_RUN) <= set(SAID)


def test_every_command_is_either_run_or_named_with_a_reason() -> None:
    strange = [command for command in SAID if not command.startswith("edgedigits ") and command not in NOT_RUN]
    assert not strange


@pytest.mark.parametrize("line", [line for line in NOT_RUN if line.startswith("edgedigits ")])
def test_commands_that_are_not_run_are_parsed(line: str) -> None:
    command: click.Command = cli
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    assert command.make_context(command.name, words).params


def test_a_readers_story_runs_in_order(readme_done: Path) -> None:
    """The README's commands, word for word, in one folder on small data; `edgedigits` is this checkout's."""
    assert {path.name for path in next((readme_done / "out").glob("lenet5-*")).iterdir()} == artifact_files()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_goes_on_where_the_readme_ends(page: Path, readme_done: Path, tmp_path: Path) -> None:
    """Each in a folder of its own, so that no page needs what another did."""
    done = {*NOT_RUN, *commands(TEXTS["README.md"])}
    if to_run := [command for command in commands(read(page)) if command not in done]:
        shutil.copytree(readme_done, tmp_path / "folder", symlinks=True)
        run(to_run, tmp_path / "folder", readme_done / "cache")


@pytest.mark.parametrize("page", [page for page in PAGES if programs(read(page))], ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_where_the_readme_ends(
    page: Path, readme_done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its blocks in order, as one program; the model and the stages are those of the README's commands. The README's own are run
    in `test_api`."""
    shutil.copytree(readme_done / "models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(readme_done / "cache"))
    names: dict[str, Any] = dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays_of_two_classes(), strict=True))
    for code in programs(read(page)):
        exec(compile(code, page.name, "exec"), names)
    assert names["artifact"].manifest["stages"][1]["cached"], "this takes no training"
    assert names["data"].classes == ("cat", "dog")
    assert names["mine"].steps == "prune > qat > int8"


def arrays_of_two_classes() -> tuple[np.ndarray, ...]:
    """Images and labels as a reader has them in memory, for training and for the test."""
    images, labels = np.zeros((40, 8, 8, 3), np.uint8), np.arange(40) % 2
    return images, labels, images[:10] + np.uint8(1), labels[:10]


def run(lines: list[str], folder: Path, cache: Path) -> None:
    """The commands in order; each ends well and prints something, as JSON where that is asked for."""
    environment = {key: value for key, value in os.environ.items() if key != "EDGEDIGITS_DATA"}
    environment |= {"EDGEDIGITS_CACHE": str(cache), "COLUMNS": "100"}
    own = shell_function()
    for command in lines:
        done = subprocess.run(
            ["sh", "-c", f"{own}\n{command}"], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, command
        assert done.stdout.strip(), command
        if " --json" in command:
            json.loads(done.stdout)


@pytest.fixture(scope="module")
def readme_done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has run the README's commands."""
    folder = tmp_path_factory.mktemp("story")
    prepare(folder)
    run([command for command in commands(TEXTS["README.md"]) if command not in NOT_RUN], folder, folder / "cache")
    return folder


def prepare(folder: Path) -> None:
    """What a reader has: the files that the pages show, folders of photos and of digits, a Keras 2 model from elsewhere."""
    for text in TEXTS.values():
        for name, body in files(text).items():
            (folder / name).write_text(body, encoding="utf-8")
    rng = np.random.default_rng(3)
    for label, name in enumerate(("cat", "dog", "owl")):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(12):
            size = (20 + number, 24, 3)
            photo = rng.integers(0, 80, size) + 60 * label
            cv2.imwrite(str(folder / "photos" / name / f"{number}.png"), photo.astype(np.uint8))
    shutil.copytree(folder / "photos", folder / "strays")
    (folder / "photos" / "owl" / "broken.jpg").write_bytes(b"no image")
    for digit in STROKES:
        (folder / "pages" / str(digit)).mkdir(parents=True)
        for thick in range(3, 15):
            cv2.imwrite(str(folder / "pages" / str(digit) / f"{thick}.png"), shade(draw(digit, thick=thick)))
    _model_from_elsewhere(folder / "theirs.h5")


def _model_from_elsewhere(path: Path) -> None:
    """A net for 28x28 grey images in ten classes, in the old format, without a record beside it."""
    from edgedigits.backend import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(12, 5, strides=4, activation="relu"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the format is an old one, and h5py asks arrays in an old way
        model.save(path)


def artifact_files() -> set[str]:
    """The files that the table of the artifact folder names."""
    return set(re.findall(r"^\| `([\w.]+)` \|", read(DOCS / "artifact.md"), re.MULTILINE))


def test_files_that_pages_show_are_read(tmp_path: Path) -> None:
    shown = {name: body for text in TEXTS.values() for name, body in files(text).items()}
    assert set(shown) >= {"my.yaml", "hosts.yaml"}
    for name, body in shown.items():
        (tmp_path / name).write_text(body, encoding="utf-8")
        if name.endswith(".yaml"):
            assert read_hosts(tmp_path / name) if name == "hosts.yaml" else load_recipe(str(tmp_path / name))


def test_options_named_anywhere_exist() -> None:
    of_the_runner = {f"--{name}" for _, _, known in _COMMANDS.values() for name in known}
    named = {name for text in TEXTS.values() for name in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)}
    assert named <= _options(cli) | of_the_runner


def _options(command: click.Command) -> set[str]:
    found = {name for option in command.params for name in option.opts} | {"--help"}
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return found.union(*(_options(one) for one in inner))


def test_the_recipe_table_is_what_the_command_says() -> None:
    done = edgedigits("recipes", "--json")
    assert between("recipes") == recipe_table(json.loads(done.stdout))


@pytest.mark.parametrize("name", TEXTS)
def test_every_table_is_as_it_is_made(name: str) -> None:
    assert filled(TEXTS[name]) == TEXTS[name]


def test_every_table_stands_on_one_page() -> None:
    marked = [found["name"] for text in TEXTS.values() for found in MARKED.finditer(text)]
    assert sorted(marked) == sorted(tables())
    assert sum(text.count("<!--") for text in TEXTS.values()) == 2 * len(marked)


def between(name: str) -> str:
    """The table of this name, where it stands."""
    (found,) = [one for text in TEXTS.values() for one in MARKED.finditer(text) if one["name"] == name]
    return found["table"].strip("\n") + "\n"


def recipe_table(recipes: list[dict[str, Any]]) -> str:
    """The table of recipes in Markdown, from `edgedigits recipes --json`."""
    lines = ["| recipe | images | steps | for |", "|---|---|---|---|"]
    for recipe in sorted(recipes, key=lambda one: (one.get("images", ""), one["name"])):
        steps = " > ".join([*(name for stage in recipe["stages"] for name in stage), *recipe["export"]])
        lines.append(f"| `{recipe['name']}` | {recipe.get('images', 'any')} | {steps} | {recipe['for']} |")
    return "\n".join(lines) + "\n"
