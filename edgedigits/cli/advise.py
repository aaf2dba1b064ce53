"""The command `advise`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.cli.options.output import as_json_option, print_result
from edgedigits.cli.options.reading_options import reading_options
from edgedigits.cli.options.scale_options import scale_options
from edgedigits.cli.options.zoo_options import zoo_option


@click.command()
@click.option(
    "--recipe", "recipe_name", required=True, metavar="R", help="A shipped recipe (see `edgedigits recipes`) or a file."
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="A Keras classifier: .keras, .h5 or a SavedModel folder."
)
@zoo_option
@click.option("--data", metavar="D", help="Images of the model's kind; default: the bundled digits, resized.")
@scale_options
@reading_options
@click.option("--custom", multiple=True, metavar="MODULE:CLASS", help="A layer class of yours that the model needs.")
@click.option(
    "--runtime",
    type=click.Choice(ON_DEVICES),
    default="litert",
    show_default=True,
    help="The interpreter whose time is foretold.",
)
@click.option("--count", is_flag=True, help="Count the boards' cycles under QEMU instead of foretelling them.")
@click.option("--fresh", is_flag=True, help="Time all operators again, as after a noisy time.")
@as_json_option
def advise(recipe_name: str, as_json: bool, **given: Any) -> None:
    """Say before any training what a recipe will buy: bytes, latency here and on four Raspberry Pis, and why not."""
    from edgedigits.api.advise import advise as run

    print_result(run(recipe=recipe_name, **given), as_json)
