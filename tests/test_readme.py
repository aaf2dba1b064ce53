"""The README holds what it says: its commands run in order, its options and links exist, its recipe table is the shipped one."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
from edgedigits_runner.command_line import _COMMANDS

from benchmarks.tables import filled
from edgedigits.cli.main import cli
from tests.warm import edgedigits, shell_function

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

ON_A_DEVICE = "needs a device; test_deploy.py, test_device_bench.py and make pi have one"
NOT_RUN = {
    "make demo": "minutes of work, and needs MNIST; its parts are run below on small data",
    "make test": "runs this very test",
    "make lint": "runs ruff and mypy, which need no test",
    "make bench": "minutes of measuring, and needs MNIST",
    ". .venv/bin/activate": "the tests run in that environment already",
    "edgedigits compress --recipe ptq_int8 --model mine.keras --scale 0..1 --custom my_layers:Patches --data photos "
    "--resize 96x96": "needs a layer class of the reader's; test_keras_models.py tests --custom",
    "edgedigits compress --recipe prune80_int8 --zoo cnn": "needs MNIST",
    "edgedigits train cnn --epochs 40 --rate 0.002 --out models/cnn.keras": "needs MNIST, and trains for long",
    "edgedigits train mobilenet_v2 --data photos --size 96 --alpha 0.35 --weights imagenet --scale -1..1 "
    "--out models/photos.keras": "downloads ImageNet weights",
    "edgedigits bench --tflite out/lenet5-prune80_int8-* --runtime tflite-runtime": "downloads tflite-runtime",
    "edgedigits deploy out/lenet5-prune80_int8-* pi@raspberrypi.local": ON_A_DEVICE,
    "edgedigits deploy out/lenet5-prune80_int8-* pi@raspberrypi.local --no-network --service http:8765": ON_A_DEVICE,
    "edgedigits bench --tflite out/lenet5-prune80_int8-* --host pi@raspberrypi.local": ON_A_DEVICE,
    "edgedigits bench --tflite out/lenet5-prune80_int8-* --host pi@raspberrypi.local --window 10 --pin 3 --cold "
    "--threads 1,2,4": ON_A_DEVICE,
    "edgedigits fleet bench hosts.yaml --tflite out/lenet5-prune80_int8-*": ON_A_DEVICE,
    "edgedigits instructions out/lenet5-prune80_int8-*/model.tflite --cpu cortex-a72": "needs QEMU; part of make pi",
    "make pi": "boots emulated Pis, for minutes",
    "make device": "tests of their own",
    "make attack": "a quarter of an hour; test_attack.py does a part of it",
}
"""Commands of the README that the story below leaves out, and why. Those of edgedigits are parsed all the same."""


def blocks(*languages: str) -> Iterator[str]:
    """The bodies of the README's fenced blocks in these languages, in order."""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        if found[1] in languages:
            yield found[2]


def commands() -> list[str]:
    """Every command, in order: continued lines joined, prompts taken off; in console blocks the other lines are output."""
    lines = [line for body in blocks("sh") for line in body.replace("\\\n", " ").splitlines()]
    shown = [line for body in blocks("console", "bash", "shell") for line in body.replace("\\\n", " ").splitlines()]
    lines += [line.removeprefix("$ ") for line in shown if line.startswith("$ ")]
    return [" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#")]


def test_what_is_not_run_is_in_the_readme() -> None:
    assert set(NOT_RUN) <= set(commands())


def test_every_command_is_either_run_or_named_with_a_reason() -> None:
    strange = [command for command in commands() if not command.startswith("edgedigits ") and command not in NOT_RUN]
    assert not strange
    assert all(body.strip() for body in blocks("sh", "console", "bash", "shell"))


@pytest.mark.parametrize("line", [line for line in NOT_RUN if line.startswith("edgedigits ")])
def test_commands_that_are_not_run_are_parsed(line: str) -> None:
    command: click.Command = cli
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    assert command.make_context(command.name, words).params


def test_a_readers_story_runs_in_order(story: Path) -> None:
    """The README's commands, word for word, in one folder on small data; `edgedigits` is this checkout's."""
    environment = {key: value for key, value in os.environ.items() if key != "EDGEDIGITS_DATA"}
    environment |= {"EDGEDIGITS_CACHE": str(story / "cache"), "COLUMNS": "100"}
    own = shell_function()
    for command in commands():
        if command in NOT_RUN:
            continue
        done = subprocess.run(
            ["sh", "-c", f"{own}\n{command}"], cwd=story, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, command
        assert done.stdout.strip(), command
        if " --json" in command:
            json.loads(done.stdout)
    assert {path.name for path in next((story / "out").glob("lenet5-*")).iterdir()} == artifact_files()


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """The folder of a reader: my.yaml from the README, a folder of photos, a Keras 2 model from elsewhere."""
    (recipe,) = (body for body in blocks("yaml") if body.startswith("# my.yaml\n"))
    (tmp_path / "my.yaml").write_text(recipe, encoding="utf-8")
    rng = np.random.default_rng(3)
    for label, name in enumerate(("cat", "dog", "owl")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            size = (20 + number, 24, 3)
            photo = rng.integers(0, 80, size) + 60 * label
            cv2.imwrite(str(tmp_path / "photos" / name / f"{number}.png"), photo.astype(np.uint8))
    (tmp_path / "photos" / "owl" / "broken.jpg").write_bytes(b"no image")
    _model_from_elsewhere(tmp_path / "theirs.h5")
    return tmp_path


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
    with pytest.warns(UserWarning, match="HDF5"):
        model.save(path)


def artifact_files() -> set[str]:
    """The files that the README's table of the artifact folder names."""
    table = README.partition("## The artifact folder")[2].partition("Exit codes")[0]
    return set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE))


def test_options_named_anywhere_exist() -> None:
    of_the_runner = {f"--{name}" for _, _, known in _COMMANDS.values() for name in known}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README)) <= _options(cli) | of_the_runner


def _options(command: click.Command) -> set[str]:
    found = {name for option in command.params for name in option.opts} | {"--help"}
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    return found.union(*(_options(one) for one in inner))


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    missing = [link for link in links if "://" not in link and not (ROOT / link.partition("#")[0]).exists()]
    assert links
    assert not missing


def test_the_recipe_table_is_what_the_command_says() -> None:
    done = edgedigits("recipes", "--json")
    assert between("recipes") == recipe_table(json.loads(done.stdout))


def test_every_table_is_as_it_is_made() -> None:
    assert filled(README) == README
    for name in ("results", "releases", "systems", "device", "pays", "pays-targets", "peers"):
        assert between(name).startswith("|"), name


def between(name: str) -> str:
    """What stands between `<!-- name -->` and `<!-- /name -->`, each of which stands there once."""
    (found,) = re.findall(rf"^<!-- {name} -->\n(.*?)^<!-- /{name} -->$", README, re.MULTILINE | re.DOTALL)
    return str(found)


def recipe_table(recipes: list[dict[str, Any]]) -> str:
    """The table of recipes in Markdown, from `edgedigits recipes --json`."""
    lines = ["| recipe | steps | for |", "|---|---|---|"]
    for recipe in recipes:
        steps = " > ".join([*(name for stage in recipe["stages"] for name in stage), *recipe["export"]])
        lines.append(f"| `{recipe['name']}` | {steps} | {recipe['for']} |")
    return "\n".join(lines) + "\n"
