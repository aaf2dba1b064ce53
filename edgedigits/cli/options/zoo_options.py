"""The nets of the zoo, as the commands name them."""

from __future__ import annotations

import click

from edgedigits.models.zoo import ZOO

NAMES = ", ".join(ZOO)
TRAIN = f"""Train a float baseline NAME, one of {NAMES}.

Or make one model of several by soft_voting or stacking, or train a classical model, into OUT.skops: gradient_boosting, k_nearest,
logistic_regression, random_forest or svm.

Writes OUT, its training record (.json), its card (.md) and its history (.csv). Interrupted, the same command goes on."""

zoo_option = click.option("--zoo", metavar="NAME", help=f"A baseline instead: cnn (the default) or another of {NAMES}.")
