"""What is said of one file against the float form: flat, JSON-safe facts, the unit in the key."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedigits.measure.bench import Contestant, describe_model
from edgedigits.measure.bench_result import find_right
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.tasks.statistics import bound_share, pair_up

Right = NDArray[np.bool_]
"""Which test images a file gets right, bool [n]."""


def right_in_litert(runner: RunnerProcess, file: Contestant, images: Path) -> Right:
    """Every image of an evaluation file through the device runner, LiteRT, one thread."""
    job = {"runtime": "litert", "models": [describe_model(file)], "eval": str(images), "threads": 1}
    return find_right(runner.run("evaluate", job), 0)


def accuracy(baseline: Right, own: Right) -> dict[str, Any]:
    """Accuracy in percent with Wilson's 95 % interval, and against the float form image by image (exact McNemar)."""
    found, paired = bound_share(int(own.sum()), len(own)), pair_up(baseline, own)
    return {
        "images": len(own),
        "right": int(own.sum()),
        "accuracy_percent": 100 * int(own.sum()) / len(own),
        "accuracy_low": 100 * found.low,
        "accuracy_high": 100 * found.high,
        "points_against_float": paired.difference_points,
        "only_float_right": paired.only_baseline,
        "only_own_right": paired.only_compressed,
        "mcnemar_p": paired.p_value,
    }


def size(path: Path) -> dict[str, Any]:
    """Bytes as they are and through gzip -9, and what the bytes are."""
    flat = path.read_bytes()
    return {
        "raw_bytes": len(flat),
        "gzip_bytes": len(gzip.compress(flat, 9, mtime=0)),
        "sha256": hashlib.sha256(flat).hexdigest(),
    }
