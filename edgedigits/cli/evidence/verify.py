"""The command `verify`; `edgedigits/cli/main.py` adds it to the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from edgedigits_runner.runtimes import KNOWN

from edgedigits.cli.options.output import as_json_option, print_result, say
from edgedigits.cli.options.reading_options import reading_options
from edgedigits.cli.options.scale_options import scale_options

_SIDES = click.Choice(["reference", *KNOWN])


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option("--data", metavar="D", help="As for `compress`; default: the artifact's. Its validation part is used.")
@scale_options
@reading_options
@click.option(
    "--images",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="So many validation images, of every class in proportion.",
)
@click.option(
    "--against",
    type=_SIDES,
    help="Run the one file on these kernels or this runtime as well, and say whether both answer alike to the bit.",
)
@click.option("--runtime", type=_SIDES, help="The other side of --against; default: litert, with XNNPACK.")
@click.option(
    "--model-explorer",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the layers as node data that Model Explorer loads.",
)
@click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help="Also write the layers as CSV.")
@as_json_option
def verify(as_json: bool, csv: Path | None, **given: Any) -> None:
    """Compare a compressed model with its float form, layer by layer: where it loses, why, and what would mend it.

    MODEL is an artifact's folder, held against its float form, or a .tflite file; OTHER is a second .tflite file, held against
    the first.
    """
    from edgedigits.api.evidence.verify import verify as run

    found = run(**given)
    if csv is not None:
        say(f"written: {found.write_csv(csv)}")
    print_result(found, as_json)
