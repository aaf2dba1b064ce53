"""The nets of the zoo, as the commands name them: written out, since the zoo itself imports what `--help` can do without."""

from __future__ import annotations

from typing import Final

import click

NAMES: Final = (
    *(
        "cbam_cnn",
        "classic_cnn",
        "cnn",
        "deep",
        "efficientnet_b0",
        "gap_cnn",
        "leaky_cnn",
        "lenet5",
        "mlp",
        "mobilenet_v1",
    ),
    *("mobilenet_v2", "mobilenet_v3_small", "nano", "pico", "resnet18", "resnet50", "resnet8", "se_cnn"),
    *("self_attention_cnn", "vit"),
)
STEMS: Final = ("small", "224")
TRAIN: Final = f"""Train a float baseline NAME, one of {", ".join(NAMES)}.

Or make one model of several by soft_voting or stacking, or train a classical model, into OUT.skops: gradient_boosting, k_nearest,
logistic_regression, random_forest or svm.

Writes OUT, its training record (.json), its card (.md) and its history (.csv). Interrupted, the same command goes on."""

zoo_option = click.option(
    "--zoo", metavar="NAME", help=f"A baseline instead: cnn (the default) or another of {', '.join(NAMES)}."
)
