"""The command `compare-zoo`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgedigits.cli.options.output import as_json_option, print_result
from edgedigits.cli.options.reading_options import reading_options
from edgedigits.cli.options.scale_options import scale_options


@click.command("compare-zoo")
@click.option("--nets", metavar="A,B,...", help="Nets of the zoo; default: all that suit the data.")
@click.option(
    "--recipes",
    metavar="A,B,...",
    help="Shipped recipes or YAML files; default: ptq_int8,qat_int8,prune80_int8,shrink50_int8.",
)
@click.option("--data", metavar="D", help="As for `train`: mnist, digits, a folder, .npz, .csv, .parquet and more.")
@scale_options
@reading_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("zoo"),
    show_default=True,
    help="The folder of the comparison; run again with the same, it goes on.",
)
@click.option("--epochs", type=click.IntRange(1), help="Of every training; default: each net's own.")
@click.option("--augment", metavar="WHAT", help="As for `train`, of every training; default: auto.")
@click.option("--slim", is_flag=True, help="All exports leave out what no interpreter reads, as names.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--windows", type=click.IntRange(1), default=5, show_default=True, help="Windows of measurement per form."
)
@click.option("--window", type=click.FloatRange(0.05, 600), default=0.2, show_default=True, help="Seconds of each.")
@as_json_option
def compare_zoo(as_json: bool, **given: Any) -> int | None:
    """Hold nets of the zoo side by side: trained, through recipes, measured in float and int8.

    Writes comparison.json, .csv, .html and .md into OUT. Interrupted, the same command goes on. Exit code 1 where a row did not
    come out; it stands in the table with its reason.
    """
    from edgedigits.api.zoo.compare_zoo import compare_zoo as run

    found = run(**given)
    print_result(found, as_json)
    return 1 if found.failed else None
