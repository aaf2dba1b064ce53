"""A runtime is a row in the runner and a row of what installs it, and its wheels; nothing else knows one by its name."""

from __future__ import annotations

import ast
import json
import sys
from importlib import resources
from pathlib import Path

import click
import pytest
from edgedigits_runner import command_line, interpreters, runtimes
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.runtimes import KNOWN, ON_DEVICES, RUNTIMES, Known

from edgedigits.cli import device, main
from edgedigits.measure.qemu import count_guest
from edgedigits.measure.runtimes import environments, pins, wheels
from edgedigits.measure.runtimes.pins import PINS, Pins

ROOT = Path(__file__).parents[1]


def test_every_runtime_has_its_pins_and_its_wheels() -> None:
    assert list(PINS) == list(KNOWN)
    assert [name for name, row in PINS.items() if row.device] == list(ON_DEVICES)
    table = json.loads((resources.files("edgedigits.measure.runtimes") / "wheels.json").read_text(encoding="utf-8"))
    wanted = [(name, at, python) for name, row in PINS.items() for at in row.machines for python in row.device]
    assert [(one["runtime"], one["machine"], one["python"]) for one in table["sets"]] == wanted
    for row in PINS.values():
        assert row.pythons == tuple(sorted(row.pythons, reverse=True)), "the newest first"
    counted = {known.distribution: known.module.partition(".")[0] for known in map(KNOWN.get, ON_DEVICES) if known}
    assert counted == count_guest.RUNTIMES, "the guest reads no table, lest its counts move"


def test_every_place_offers_the_same_choices() -> None:
    assert RUNTIMES == ("auto", "litert", "tflite-runtime", "tensorflow")
    told = {command.name: command.get_help(click.Context(command)) for command in (main.bench, device.deploy)}
    assert f"One of {', '.join(RUNTIMES)}." in " ".join(told["bench"].split())
    assert f"One of {', '.join(device.DEVICE_RUNTIMES)}." in " ".join(told["deploy"].split())
    assert ("auto", *ON_DEVICES) == device.DEVICE_RUNTIMES
    assert [command_line._runtime(name) for name in ("auto", *ON_DEVICES)] == ["auto", *ON_DEVICES]


def test_nothing_but_its_rows_knows_a_runtime_by_its_name() -> None:
    """Defaults, which name litert, apart."""
    rows = {"device/edgedigits_runner/runtimes.py", "edgedigits/measure/runtimes/pins.py"}
    rows |= {"edgedigits/measure/qemu/count_guest.py"}
    named = set()
    for path in [*(ROOT / "edgedigits").rglob("*.py"), *(ROOT / "device").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value == "tflite-runtime":
                named.add(path.relative_to(ROOT).as_posix())
    assert named <= rows


def test_a_new_runtime_is_a_row_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its interpreter is another module of the same kind; there are no wheels of it."""
    row = Known("ai_edge_litert.interpreter", "toy", on_devices=False)
    monkeypatch.setitem(runtimes.KNOWN, "toy", row)
    monkeypatch.setitem(pins.PINS, "toy", Pins())
    assert interpreters.load_runtime("toy").name == "toy"
    assert str(environments.find_python_for("toy", print)) == sys.executable
    monkeypatch.setitem(runtimes.KNOWN, "toy", row._replace(numpy_below=1))
    with pytest.raises(RunnerError, match="toy: needs numpy < 1, found"):
        interpreters.load_runtime("toy")
    assert "toy" not in wheels.list_pythons()
