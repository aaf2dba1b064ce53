"""The options of a training beyond the plain one, and its help in groups: there are many, and most readers want few of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Data": (
        *("data", "pixel_range", "scale", "mean", "std", "bgr", "resize", "size", "grey", "resizing", "background"),
        *("classes", "shape", "skip_bad", "clean"),
    ),
    "Images that move": ("augment", "no_augment", "elastic", "cutout", "mixup"),
    "Loss": ("label_smoothing", "class_weights"),
    "Several trainings": ("kfold", "seeds", "keep_all"),
}
"""The options of a group by their names in the code, in that order; those of none come first, as "Options"."""


class Grouped(click.Command):
    """A command whose help shows its options in `GROUPS`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = {str(one.name): one for one in self.get_params(ctx) if isinstance(one, click.Option)}
        grouped = {name for names in GROUPS.values() for name in names}
        for title, names in {"Options": [name for name in options if name not in grouped], **GROUPS}.items():
            shown = [options[name].get_help_record(ctx) for name in names if name in options]
            if records := [record for record in shown if record]:
                with formatter.section(title):
                    formatter.write_dl(records)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--elastic, --cutout, --mixup, --label-smoothing, --class-weights, --kfold, --seeds, --keep-all and --tensorboard."""
    for option in (
        click.option(
            "--tensorboard",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Also write the history as event files, which `tensorboard --logdir DIR` shows.",
        ),
        click.option(
            "--keep-all",
            is_flag=True,
            help="Also keep the net of each fold or seed, as OUT-fold0.keras or OUT-seed0.keras, for ensembles.",
        ),
        click.option(
            "--seeds",
            type=click.IntRange(1, 100),
            default=1,
            show_default=True,
            help="Train with so many seeds, from --seed on: their median and range are told, OUT is the best by validation.",
        ),
        click.option(
            "--kfold",
            type=click.IntRange(2),
            metavar="K",
            help="Also train a net for each of K folds: the out-of-fold accuracy is that of images no net of it saw.",
        ),
        click.option(
            "--class-weights",
            default="none",
            show_default=True,
            metavar="WHAT",
            help="How much an image of each class counts: none (all alike), balanced (rare classes as much as frequent), auto "
            "(balanced where one is rarer than 1 in 5 of the most frequent), or weights as 'A=2,B=1', the others 1.",
        ),
        click.option(
            "--label-smoothing",
            type=click.FloatRange(0, 1),
            default=0.0,
            show_default=True,
            help="Below 1: so much of each target is spread evenly over all classes.",
        ),
        click.option(
            "--mixup",
            type=click.FloatRange(0, 0.5),
            default=0.0,
            show_default=True,
            help="Up to so much of an image, and of its target, is another one's, on top of --augment.",
        ),
        click.option(
            "--cutout",
            type=click.FloatRange(0, 0.9),
            default=0.0,
            show_default=True,
            help="A square of up to so much of a side is hidden, on top of --augment.",
        ),
        click.option(
            "--elastic",
            type=click.FloatRange(0, 0.5),
            default=0.0,
            show_default=True,
            help="The image is bent by up to so much of a side, on top of --augment.",
        ),
    ):
        command = option(command)
    return command
