"""The command `search`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgedigits.cli.options.output import as_json_option, print_result
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
    "--target",
    required=True,
    metavar="pi4|pi5|pi3|zero2|here",
    help="The machine to be fast on: a board, whose milliseconds are foretold, or this one, measured.",
)
@click.option("--max-drop", type=float, required=True, metavar="POINTS", help="Accuracy that may be lost, as 0.3.")
@click.option("--max-bytes", metavar="N", help="Of the .tflite file, as 64K.")
@click.option("--max-ms", type=float, metavar="MS", help="Of one inference on the target.")
@click.option("--min-speedup", type=float, metavar="X", help="Times as fast on the target as the float model.")
@click.option("--time", metavar="T", help="How long to search, as 90s, 60m or 2h; default: 60m, with --trials no end.")
@click.option("--trials", type=int, metavar="N", help="So many points in all, those of earlier runs included.")
@click.option("--workers", type=int, default=1, show_default=True, metavar="N", help="Processes on the same study.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--storage", metavar="URL", help="The study: sqlite:///FILE or postgresql://USER@HOST/DATABASE; default: in OUT."
)
@click.option("--cluster", metavar="tcp://HOST:PORT", help="A Dask scheduler whose workers do the search.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("search"),
    show_default=True,
    help="Where study, figure, artifact and recipe go; run again with the same, the search goes on.",
)
@click.option(
    "--thresholds", type=click.Choice(["half", "tuned"]), default="half", show_default=True, help="As for `compress`."
)
@as_json_option
def search(as_json: bool, **given: Any) -> int | None:
    """Find the fastest model on a target that loses no more than so much accuracy, and make it.

    Exit code 1 where the bounds can't be had; the nearest points are shown.
    """
    from edgedigits.api.search.search import search as run

    found = run(**given)
    print_result(found, as_json)
    return None if found.artifact else 1
