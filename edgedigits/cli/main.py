"""The command line: parse, call, print. What is heavy is imported inside the commands that need it.

People read standard error (progress) and standard output (results); with --json, standard output is one JSON document.
Exit codes: 0 fine, 1 the work failed or a check did, 2 the call was wrong, 130 interrupted.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from edgedigits_runner.runtimes import RUNTIMES

from edgedigits import __version__
from edgedigits.api.calls import on_the_command_line
from edgedigits.cli import advise, device, search
from edgedigits.cli.endings import end_of
from edgedigits.cli.evidence import card, compare, compare_zoo, report, robustness, sensitivity, verify
from edgedigits.cli.options.gate_options import gate_options
from edgedigits.cli.options.output import as_json_option, print_json, print_line, print_result, print_rich, say
from edgedigits.cli.options.reading_options import reading_options
from edgedigits.cli.options.runtime_options import measured_on_option, runs_on_option
from edgedigits.cli.options.scale_options import scale_options
from edgedigits.cli.options.training_options import Grouped, training_options
from edgedigits.cli.options.zoo_options import STEMS, TRAIN, zoo_option
from edgedigits.errors import InputError
from edgedigits.pipeline.confidence.wanted import CONFIDENCES, PLAIN, USUAL
from edgedigits.pipeline.converters.numbers import ARITHMETICS
from edgedigits.pipeline.converters.table import CONVERTERS


class Commands(click.Group):
    """Lets what a command raises out as it is: click would take an EOFError for Ctrl-C, and end a closed pipe without a word."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with on_the_command_line():
                return super().invoke(ctx)
        except (EOFError, OSError, KeyboardInterrupt) as error:
            raise _Raised(error) from error


class _Raised(Exception):
    """Carries an error past click."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


def main() -> None:
    """Entry point: runs the command; how it ends is told in `endings`."""
    code = end_of(_run)
    gc.freeze()  # or Python, before it ends, would look for garbage among all that was imported, for a second
    sys.exit(code)


def _run() -> int:
    try:
        status = cli.main(standalone_mode=False)
    except _Raised as raised:
        raise raised.error from raised.error.__cause__
    except click.exceptions.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        error.show()
        return 2
    return status if isinstance(status, int) else 0


class Threads(click.ParamType[Any]):
    """1,2,4 as whole numbers."""

    name = "N,N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", str(value)):
            self.fail(f"found {value!r}; wanted whole numbers with commas, as 1,2", param, ctx)
        return tuple(int(part) for part in str(value).split(","))


def csv_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--csv FILE."""
    return click.option("--csv", type=click.Path(path_type=Path), metavar="FILE", help=f"Also write {what} as CSV.")


report_option = click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the report of the artifact, as `edgedigits report` does: a page ending in .html or .md.",
)
SEED = click.IntRange(0, 2**32 - 1)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which images, the same for every command."""
    command = reading_options(command)
    for option in (
        scale_options,
        click.option(
            "--data",
            metavar="D",
            help="mnist, digits, a folder with one subfolder per class, an .npz file, a pair of .npy, a .csv of pixels or of "
            "path and label, .parquet or .tfrecord files, or the folder of such files; docs/data.md says more.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="edgedigits %(version)s")
def cli() -> None:
    """A trained Keras image classifier in, the smallest and fastest verified int8 TFLite model out."""


@cli.command(cls=Grouped, help=TRAIN)
@click.argument("name", required=False)
@click.option(
    "--model-fn",
    metavar="MODULE:FUNCTION",
    help="Instead of NAME a function of yours: what it makes of ((height, width, channels), classes), a Keras model.",
)
@data_options
@training_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The model to write, ending in .keras.")
@click.option("--epochs", type=click.IntRange(1), help="Default: what suits the net, mostly 30.")
@click.option("--batch", type=click.IntRange(1), help="Default: what suits the net, mostly 128.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 1, min_open=True),
    help="Highest learning rate: reached in the first epoch, then falling along a cosine. Default: what suits the net, 0.001 or "
    "0.002.",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    help="Stop after so many epochs without a better one. Default: what suits the net, mostly 12.",
)
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option(
    "--augment",
    default="auto",
    show_default=True,
    metavar="WHAT",
    help="How training images are moved: none, digits, photos, objects, moves as '{flip: true, shift: 0.1}', or auto, which "
    "tries out what suits the data.",
)
@click.option("--no-augment", is_flag=True, help="Train on the images as they are; the same as --augment none.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 2, min_open=True),
    help="mobilenet_v1 (default 0.25), mobilenet_v2 (0.35), mobilenet_v3_small (1): width multiplier.",
)
@click.option("--patch", type=click.IntRange(1, 64), help="vit: side of a patch in pixels (default 4).")
@click.option("--size", type=click.IntRange(8, 1024), help="Resize images to SIZE x SIZE; the same as --resize.")
@click.option(
    "--stem",
    type=click.Choice(STEMS),
    help="resnet18, resnet50: small halves the image once before the blocks (default), 224 twice.",
)
@click.option(
    "--weights",
    type=click.Choice(["imagenet"]),
    help="mobilenet_v1, mobilenet_v2, mobilenet_v3_small, efficientnet_b0: start from downloaded ImageNet weights, which stay as "
    "they are for the first fifth of the epochs.",
)
@click.option(
    "--members",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="soft_voting, stacking: a trained .keras model; give it once for each.",
)
@click.option("--features", metavar="WHAT", help="Classical models: what they see, pixels (default), hog, pca or lda.")
@as_json_option
def train(name: str | None, as_json: bool, no_augment: bool, augment: str, **given: Any) -> None:
    """See TRAIN."""
    from edgedigits.api.train import train as run

    if no_augment and augment not in ("auto", "none"):
        raise InputError(f"--augment {augment}: --no-augment says none; give one of the two")
    print_line(run(name, augment="none" if no_augment else augment, **given), as_json)


@cli.command()
@click.option(
    "--recipe",
    "recipe_name",
    required=True,
    metavar="R",
    help="A shipped recipe (see `edgedigits recipes`) or a YAML file.",
)
@click.option(
    "--converter",
    type=click.Choice(list(CONVERTERS)),
    help="What makes the bytes; default: what the recipe's export says.",
)
@click.option(
    "--arithmetic",
    type=click.Choice(ARITHMETICS),
    help="Of float32 and float16 exports: float16 lets processors that have it compute in float16; default: what the recipe's "
    "export says.",
)
@click.option(
    "--more", type=float, default=1.0, show_default=True, metavar="X", help="Train X times as long as the recipe says."
)
@click.option(
    "--augment",
    metavar="WHAT",
    help="How training images are moved: none, digits, photos, objects, moves as '{flip: true, shift: 0.1}', or auto, which "
    "tries out what suits the data; default: what the recipe says, else auto.",
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="A trained Keras classifier: .keras, .h5 or a SavedModel folder."
)
@zoo_option
@data_options
@click.option(
    "--custom",
    multiple=True,
    metavar="MODULE:CLASS",
    help="A layer class of yours that the model needs; its module is imported.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("artifacts"),
    show_default=True,
    help="Where the artifact folder goes.",
)
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--fresh", is_flag=True, help="Use no finished stage of an earlier run.")
@click.option(
    "--thresholds",
    type=click.Choice(["half", "tuned"]),
    default="half",
    show_default=True,
    help="Of several labels per image: an image has one above the probability 0.5, or above what gives it the best F1 on "
    "validation images.",
)
@click.option(
    "--confidence",
    type=click.Choice(CONFIDENCES),
    default=PLAIN,
    show_default=True,
    help="Of one class per image: scores as the model gives them, or calibrated by a temperature fitted on validation images.",
)
@click.option(
    "--outliers",
    metavar="PATH",
    help="Images of no class, a folder or FILE.npz[:ARRAY]: the runner answers none where an answer is not sure enough.",
)
@click.option(
    "--refuse",
    default=USUAL,
    show_default=True,
    metavar="SHARE",
    help="With --outliers: at most this share of validation images is refused; or balanced, as many as outliers are answered.",
)
@gate_options("of the recipe")
@runs_on_option(" and nothing is written")
@report_option
@as_json_option
def compress(recipe_name: str, as_json: bool, **given: Any) -> None:
    """Compress a model by a recipe, check the result, and write an artifact folder."""
    from edgedigits.api.compress import compress as run

    found = run(recipe=recipe_name, **given)
    if as_json:
        print_json(found.as_json())
    else:
        print_rich(replace(found, manifest={**found.manifest, "warnings": []}))  # they are said already
        click.echo(f"{found.path}")
    found.check_gates()


@cli.group(invoke_without_command=True)
@as_json_option
@click.pass_context
def recipes(context: click.Context, as_json: bool) -> None:
    """List the shipped recipes, show one, or check one of yours."""
    if context.invoked_subcommand:
        return
    from edgedigits.api.recipes import recipes as run

    print_line(run(), as_json)


@recipes.command()
@click.argument("name")
@as_json_option
def show(name: str, as_json: bool) -> None:
    """Print a recipe: a shipped name or a file."""
    from edgedigits.api.recipes import recipes_show
    from edgedigits.pipeline.recipe import find

    recipe = recipes_show(name)
    if as_json:
        print_json(recipe.as_json())
    else:
        click.echo(find(name).read_text(encoding="utf-8"), nl=False)


@recipes.command()
@click.argument("file")
@as_json_option
def check(file: str, as_json: bool) -> None:
    """Say whether a recipe is right; if not, where and what would do."""
    from edgedigits.api.recipes import recipes_check, recipes_show

    found = recipes_check(file)
    if as_json:
        print_json(found)
    else:
        click.echo(f"{file}: fine ({recipes_show(file).steps})")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--slim", is_flag=True, help="Show beside each part of the file what the export option slim leaves of it."
)
@runs_on_option()
@csv_option("its tensors")
@as_json_option
def inspect(file: Path, slim: bool, runtime: tuple[str, ...], csv: Path | None, as_json: bool) -> None:
    """Show what a .tflite file, also packed, or an artifact's holds: operators, tensors, zeros, where every byte goes."""
    from edgedigits.api.files import inspect as run

    found = run(file, slim=slim, runtime=runtime)
    if csv is not None:
        say(f"written: {found.write_csv(csv)}")
    print_result(found, as_json)
    found.check_runtimes()


@cli.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--slim", is_flag=True, help="Leave out what no interpreter reads; the answers are checked bit by bit.")
@click.option(
    "--form",
    type=click.Choice(["plain", "gz", "zst"]),
    default="plain",
    show_default=True,
    help="The file's form; the device runner opens all.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The file to write; default: beside MODEL.")
@as_json_option
def pack(model: Path, as_json: bool, **given: Any) -> None:
    """Make a .tflite file smaller for shipping, the same model to the bit: slim, as .tflite.gz or .tflite.zst, or both."""
    from edgedigits.api.files import pack as run

    print_line(run(model, **given), as_json)


@cli.command()
@click.option(
    "--tflite",
    type=click.Path(path_type=Path),
    required=True,
    metavar="F",
    help="A .tflite file, or an artifact folder.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="G",
    help="What to compare with; default: the artifact's float form.",
)
@data_options
@click.option("--threads", type=Threads(), default="1", show_default=True)
@measured_on_option(RUNTIMES)
@click.option(
    "--windows", type=click.IntRange(1), default=5, show_default=True, help="Windows of measurement per model."
)
@click.option("--window", type=click.FloatRange(0.05, 600), default=0.5, show_default=True, help="Seconds of each.")
@click.option("--pin", type=click.IntRange(0), metavar="CORE", help="Run on this core alone.")
@click.option("--cold", is_flag=True, help="Also load with the model's file out of the page cache.")
@gate_options("of the artifact's recipe")
@click.option("--host", metavar="USER@HOST", help="Measure on this device, too, and show both machines.")
@device.connection_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/devices"),
    show_default=True,
    help="Where the result of a device is kept.",
)
@report_option
@csv_option("a row for each model and number of threads")
@as_json_option
def bench(as_json: bool, csv: Path | None, **given: Any) -> None:
    """Measure accuracy and latency of a .tflite file, side by side with its float form; here, or on a device as well."""
    from edgedigits.api.bench import bench as run

    found = run(**given)
    if csv is not None:
        say(f"written: {found.write_csv(csv)}")
    print_result(found, as_json)
    found.check_gates()


@cli.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("artifacts"),
    show_default=True,
    help="Where the artifact folders go.",
)
@as_json_option
def demo(out: Path, as_json: bool) -> None:
    """The main job twice: compress the shipped CNN with prune80_int8 and with a shortened shrink80_int8, and bench both and its
    float form in one table, with what boards would take foretold."""
    from edgedigits.api.demo.demo import demo as run

    print_result(run(out), as_json)


for command in (
    device.deploy,
    device.fleet,
    device.runner,
    device.instructions,
    device.cycles,
    device.estimate,
    device.profile,
    advise.advise,
    search.search,
    verify.verify,
    compare.compare,
    compare_zoo.compare_zoo,
    robustness.robustness,
    sensitivity.sensitivity,
    report.report,
    card.card,
):
    cli.add_command(command)
