"""The command `compare`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from edgedigits_runner.runtimes import RUNTIMES

from edgedigits.cli.options.gate_options import gate_options
from edgedigits.cli.options.output import as_json_option, print_result
from edgedigits.cli.options.reading_options import reading_options
from edgedigits.cli.options.scale_options import scale_options


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--data", metavar="D", help="As for `compress`; default: the test images that the artifacts hold.")
@scale_options
@reading_options
@click.option("--runtime", type=click.Choice(RUNTIMES), default="auto", show_default=True)
@click.option(
    "--windows", type=click.IntRange(1), default=9, show_default=True, help="Rounds, each in a process of its own."
)
@click.option(
    "--window", type=click.FloatRange(0.05, 600), default=0.3, show_default=True, help="Seconds of each model in each."
)
@click.option("--pin", type=click.IntRange(0), metavar="CORE", help="Run on this core alone.")
@gate_options("")
@as_json_option
def compare(as_json: bool, **given: Any) -> None:
    """Say what changes from the model OLD to the model NEW: accuracy on the same images, bytes, latency, cycles.

    Both are artifact folders or .tflite files. Exit code 1 where NEW misses a gate; a multiple, as 1.05x, is of what OLD has.
    """
    from edgedigits.api.compare.compare import compare as run

    found = run(**given)
    print_result(found, as_json)
    found.check_gates()
