"""The command line: parse, call, print. What is heavy is imported inside the commands that need it.

People read standard error (progress) and standard output (results); with --json, standard output is one JSON document.
Exit codes: 0 fine, 1 the work failed or a check did, 2 the call was wrong, 130 interrupted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from edgedigits_runner.runtimes import RUNTIMES

from edgedigits import __version__
from edgedigits.cli import advise, device
from edgedigits.cli.endings import end_of
from edgedigits.cli.output import as_json_option, print_json, print_rich, say
from edgedigits.cli.reading_options import reading_options
from edgedigits.cli.scale_options import scale_options

if TYPE_CHECKING:
    from edgedigits.measure.bench_result import Report
    from edgedigits.pipeline.prepare import Wish


class Commands(click.Group):
    """Lets what a command raises out as it is: click would take an EOFError for Ctrl-C, and end a closed pipe without a word."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
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
    sys.exit(end_of(_run))


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


class HeightWidth(click.ParamType[Any]):
    """HxW as (height, width)."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", str(value))
        if not found or "0" in found.groups():
            self.fail(f"found {value!r}; wanted height x width in pixels, as 32x32", param, ctx)
        return int(found[1]), int(found[2])


class Threads(click.ParamType[Any]):
    """1,2,4 as whole numbers."""

    name = "N,N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", str(value)):
            self.fail(f"found {value!r}; wanted whole numbers with commas, as 1,2", param, ctx)
        return tuple(int(part) for part in str(value).split(","))


SEED = click.IntRange(0, 2**32 - 1)
RUNTIME = click.Choice(RUNTIMES)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which images, the same for every command."""
    command = reading_options(command)
    for option in (
        click.option("--grey", is_flag=True, help="Turn colour images grey."),
        click.option("--resize", type=HeightWidth(), help="Resize every image to this height and width."),
        scale_options,
        click.option(
            "--data", metavar="D", help="mnist, digits, an .npz file, or a folder with one subfolder per class."
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="edgedigits %(version)s")
def cli() -> None:
    """A trained Keras image classifier in, the smallest and fastest verified int8 TFLite model out."""


@cli.command()
@click.argument("name")
@data_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The model to write, ending in .keras.")
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=128, show_default=True)
@click.option(
    "--rate", type=click.FloatRange(0, 1, min_open=True), default=2e-3, show_default=True, help="Highest learning rate."
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=12,
    show_default=True,
    help="Stop after so many epochs without a better one.",
)
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--no-augment", is_flag=True, help="Train on the images as they are.")
@click.option(
    "--alpha", type=click.FloatRange(0, 2, min_open=True), help="mobilenet_v2: width multiplier (default 0.35)."
)
@click.option("--size", type=click.IntRange(8, 1024), help="Resize images to SIZE x SIZE; the same as --resize.")
@click.option(
    "--weights", type=click.Choice(["imagenet"]), help="mobilenet_v2: start from downloaded ImageNet weights."
)
@as_json_option
def train(name: str, out: Path, as_json: bool, no_augment: bool, size: int | None, **given: Any) -> None:
    """Train a float baseline: cnn, deep, lenet5, mlp, mobilenet_v2, nano or pico.

    Writes OUT, its training record (.json), its card (.md) and its history (.csv). Interrupted, the same command goes on.
    """
    from edgedigits.cli import train as training_command
    from edgedigits.cli.progress import bar
    from edgedigits.data.sources.wish import DataWish

    options = {key: given.pop(key) for key in ("alpha", "weights")}
    wish = DataWish(**{field.name: given.pop(field.name) for field in fields(DataWish)})
    if size:
        wish = replace(wish, resize=(size, size))
    with bar() as (progress, say):
        given |= {"augment": not no_augment, "say": say, "progress": progress}
        record = training_command.run(name, out, wish, options=options, **given)
    if as_json:
        print_json(record)
    else:
        click.echo(f"{out}: test accuracy {100 * record['test_accuracy']:.2f} %, {record['parameters']:,} parameters")


@cli.command()
@click.option(
    "--recipe",
    "recipe_name",
    required=True,
    metavar="R",
    help="A shipped recipe (see `edgedigits recipes`) or a YAML file.",
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="A trained Keras classifier: .keras, .h5 or a SavedModel folder."
)
@click.option(
    "--zoo", metavar="NAME", help="A baseline instead: cnn (default), deep, lenet5, mlp, mobilenet_v2, nano, pico."
)
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
@as_json_option
def compress(recipe_name: str, out: Path, as_json: bool, **given: Any) -> None:
    """Compress a model by a recipe, check the result, and write an artifact folder."""
    from edgedigits.ground.atomic import check_writable
    from edgedigits.ground.processes import children
    from edgedigits.pipeline.recipe import load_recipe

    recipe = load_recipe(recipe_name)
    check_writable(out)
    children.warm("tensorflow")
    from edgedigits.pipeline.prepare import Wish

    manifest, path = _compress(recipe, Wish(**given), out)
    if as_json:
        print_json({"path": str(path), **manifest})
    else:
        _print_artifact(manifest, path)


@cli.group(invoke_without_command=True)
@as_json_option
@click.pass_context
def recipes(context: click.Context, as_json: bool) -> None:
    """List the shipped recipes, show one, or check one of yours."""
    if context.invoked_subcommand:
        return
    from edgedigits.pipeline.recipe import load_recipe, shipped

    found = [load_recipe(name) for name in shipped()]
    if as_json:
        print_json([recipe.as_dict() for recipe in found])
    else:
        width = max(len(recipe.name) for recipe in found)
        for recipe in found:
            click.echo(f"{recipe.name:<{width}}  {recipe.purpose}")


@recipes.command()
@click.argument("name")
@as_json_option
def show(name: str, as_json: bool) -> None:
    """Print a recipe: a shipped name or a file."""
    from edgedigits.pipeline.recipe import find, load_recipe

    recipe = load_recipe(name)
    if as_json:
        print_json(recipe.as_dict())
    else:
        click.echo(find(name).read_text(encoding="utf-8"), nl=False)


@recipes.command()
@click.argument("file")
@as_json_option
def check(file: str, as_json: bool) -> None:
    """Say whether a recipe is right; if not, where and what would do."""
    from edgedigits.pipeline.recipe import load_recipe

    recipe = load_recipe(file)
    if as_json:
        print_json({"ok": True, **recipe.as_dict()})
    else:
        click.echo(f"{file}: fine ({recipe.steps})")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--slim", is_flag=True, help="Show beside each part of the file what the export option slim leaves of it."
)
@as_json_option
def inspect(file: Path, slim: bool, as_json: bool) -> None:
    """Show what a .tflite file, also packed, or an artifact's holds: operators, tensors, zeros, where every byte goes."""
    from edgedigits.api.render import inspection
    from edgedigits.tflite.rewrite import before_and_after

    contents, change = before_and_after.inspect(file, slim)
    if as_json:
        print_json(inspection.as_json(contents, change))
    else:
        print_rich(inspection.render(contents, change))


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
    from edgedigits.tflite.rewrite import pack as packing

    found = packing.pack(model, **given)
    if as_json:
        print_json(found)
    else:
        click.echo(packing.as_text(found))


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
@click.option("--runtime", type=RUNTIME, default="auto", show_default=True)
@click.option(
    "--windows", type=click.IntRange(1), default=5, show_default=True, help="Windows of measurement per model."
)
@click.option("--window", type=click.FloatRange(0.05, 600), default=0.5, show_default=True, help="Seconds of each.")
@click.option("--pin", type=click.IntRange(0), metavar="CORE", help="Run on this core alone.")
@click.option("--cold", is_flag=True, help="Also load with the model's file out of the page cache.")
@click.option("--host", metavar="USER@HOST", help="Measure on this device, too, and show both machines.")
@device.connection_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/devices"),
    show_default=True,
    help="Where the result of a device is kept.",
)
@as_json_option
def bench(as_json: bool, host: str | None, out: Path, **given: Any) -> None:
    """Measure accuracy and latency of a .tflite file, side by side with its float form; here, or on a device as well."""
    import tempfile

    from edgedigits.measure import bench_job

    place = device.place(host, given)
    with tempfile.TemporaryDirectory(prefix="edgedigits-bench-") as folder:
        task = bench_job.task(bench_job.Wish(**given), Path(folder), say)
        if place is None:
            _print_report(bench_job.bench_here(task, say), as_json)
            return
        from edgedigits.devices.remote_bench import bench_there, side_by_side

        there, doctor = bench_there(task, place, say)
        found = side_by_side(place.target, bench_job.bench_here(task, say), there, doctor)
    from edgedigits.api.render import devices

    say(f"kept: {devices.keep(found, out)}")
    if as_json:
        print_json(devices.as_json(found))
    else:
        print_rich(devices.render(found))


@cli.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("artifacts"),
    show_default=True,
    help="Where the artifact folder goes.",
)
@as_json_option
def demo(out: Path, as_json: bool) -> None:
    """The main job: compress the shipped CNN with prune80_int8 and bench it against its float form."""
    from edgedigits.errors import DataError
    from edgedigits.ground.atomic import check_writable
    from edgedigits.ground.processes import children
    from edgedigits.measure import bench_job
    from edgedigits.pipeline.recipe import load_recipe

    check_writable(out)
    children.warm("tensorflow")
    from edgedigits.data.sources.named import find_mnist
    from edgedigits.pipeline.prepare import Wish

    data = "mnist"
    try:
        find_mnist()
    except DataError:
        data = "digits"
        say(
            "MNIST is not here and can't be downloaded: using the 1,797 bundled digits and a baseline trained on them now"
        )
    _, path = _compress(load_recipe("prune80_int8"), Wish(zoo="cnn", data=data), out)
    say(f"artifact: {path}")
    report = bench_job.run(bench_job.Wish(tflite=path), say)
    _print_report(report, as_json)


def _compress(recipe: Any, wish: Wish, out: Path) -> tuple[dict[str, Any], Path]:
    """Run the pipeline with a progress bar on standard error."""
    from edgedigits.cli.progress import bar
    from edgedigits.data.sources.wish import tell_notes
    from edgedigits.pipeline import loop, prepare

    with bar() as (progress, say):
        progress("load", 0.0)
        job = prepare.job(recipe, wish, say)
        tell_notes(job.dataset, say)
        artifact = loop.run(job, out, say, progress)
    return artifact.manifest, artifact.path


def _print_artifact(manifest: dict[str, Any], path: Path) -> None:
    from edgedigits.pipeline.model_card import artifact_card

    for warning in manifest["warnings"]:
        say(f"warning: {warning}")
    from rich.markdown import Markdown

    print_rich(Markdown(artifact_card(manifest)))
    click.echo(f"{path}")


def _print_report(report: Report, as_json: bool) -> None:
    from edgedigits.api.render import bench as tables

    if as_json:
        print_json(tables.as_json(report))
    else:
        print_rich(tables.render(report))


for command in (
    device.deploy,
    device.fleet,
    device.runner,
    device.instructions,
    device.estimate,
    advise.advise,
):
    cli.add_command(command)
