"""The command `sensitivity`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgedigits.cli.options.output import as_json_option, print_result, say
from edgedigits.cli.options.reading_options import reading_options
from edgedigits.cli.options.scale_options import scale_options
from edgedigits.cli.options.zoo_options import zoo_option


@click.command()
@click.option(
    "--model", type=click.Path(path_type=Path), help="A Keras classifier: .keras, .h5 or a SavedModel folder."
)
@zoo_option
@click.option("--data", metavar="D", help="As for `compress`: mnist, digits, a folder, .npz, .csv, .parquet and more.")
@scale_options
@reading_options
@click.option("--custom", multiple=True, metavar="MODULE:CLASS", help="A layer class of yours that the model needs.")
@click.option(
    "--layers",
    multiple=True,
    metavar="NAME",
    help="Only this layer, or those of a pattern as 'block_3*'; may be repeated.",
)
@click.option(
    "--max-drop", type=float, default=0.5, show_default=True, metavar="POINTS", help="Points of accuracy that matter."
)
@click.option(
    "--images",
    type=click.IntRange(1),
    help="Validation images that a probe takes at most; default: up to 2,000, fewer for a large net.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--figure", type=click.Path(path_type=Path), metavar="FILE", help="Also draw it, as .png or .svg.")
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write a recipe that leaves out or softens the layers that hurt.",
)
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="Also write the layers as CSV.")
@click.option("--fresh", is_flag=True, help="Use no finished probe of an earlier run.")
@as_json_option
def sensitivity(as_json: bool, csv: Path | None, **given: Any) -> None:
    """Say of each layer what its int8, its zeros and its channels cost, alone, and write a recipe that spares what hurts."""
    from edgedigits.api.evidence.sensitivity import sensitivity as run

    found = run(**given)
    if csv is not None:
        say(f"written: {found.write_csv(csv)}")
    print_result(found, as_json)
