"""The command `card`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgedigits.cli.options.output import as_json_option, print_line


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to write; default: the artifact's name and -hub.",
)
@click.option("--license", metavar="ID", help="The licence that you give the model, as mit or apache-2.0.")
@click.option("--dataset", metavar="ID", help="What its data is called on the hub, as ylecun/mnist.")
@as_json_option
def card(as_json: bool, **given: Any) -> None:
    """Write ARTIFACT as a folder that the Hugging Face hub takes as it is: a card with its metadata, the model, its labels."""
    from edgedigits.api.evidence.card import card as run

    print_line(run(**given), as_json)
