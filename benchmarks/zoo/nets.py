"""Section "nets": every net of the zoo on MNIST through the recipes, by `edgedigits compare-zoo` itself.

The comparison lies in build/zoo, or in the folder that EDGEDIGITS_ZOO names, and goes on there: it may be made in parts, by
`edgedigits compare-zoo --data mnist --out build/zoo --nets ...`. EDGEDIGITS_ZOO_NETS names the nets and
EDGEDIGITS_ZOO_RECIPES the recipes, with commas; without, the nets are all that suit the data, and the ensemble of the best
three.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.document import target
from benchmarks.pages import ROOT
from edgedigits.api.zoo.shown.best import BOARDS, WITHIN_POINTS, keeps_answers

FLOATS: Final = {"leaky_cnn": 99.55, "cbam_cnn": 99.45, "vit": 98.8, "resnet18": 99.6}
"""Percent of MNIST's test images."""
ENSEMBLE: Final = "soft_voting"
VOTED, TAUGHT, STUDENT, STUDENT_BYTES = 99.72, 99.6, "distil_ensemble_int8", 40 * 1024
"""Percent of an ensemble, of the small net that is distilled of it, and what that may take."""
SMALLER: Final = 3.5
DATA: Final = "mnist"


def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The comparison, gone on with to its end, and what was to be reached by it."""
    import edgedigits as ed

    out = Path(os.environ.get("EDGEDIGITS_ZOO", ROOT / "build" / "zoo"))
    recipes = os.environ.get("EDGEDIGITS_ZOO_RECIPES")
    names = os.environ.get("EDGEDIGITS_ZOO_NETS", "").split(",")
    if names == [""]:
        alone = ed.compare_zoo(DATA, recipes=recipes, slim=True, out=out).as_json()
        names = [*(net["net"] for net in alone["nets"]), ENSEMBLE]
    found = ed.compare_zoo(DATA, nets=names, recipes=recipes, slim=True, out=out).as_json()
    return judge(found), {"comparison": found}


def judge(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The targets of a comparison: where it is one on MNIST, float accuracies of the nets in FLOATS and of an ensemble, and
    its student; then of each net what its best recipe keeps, saves and costs. A net of which nothing came misses."""
    rows = {net["net"]: document["rows"][net["rows"][0]] for net in document["nets"]}
    found = [*_judge_floats(rows), *_judge_student(document["rows"])] if document["data"]["name"] == DATA else []
    for net in document["nets"]:
        if net["kind"] != "classical":
            found += _judge_best(net["net"], None if net["best"] is None else document["rows"][net["best"]])
    return found


def _judge_floats(rows: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, wanted in {**FLOATS, ENSEMBLE: VOTED}.items():
        form = rows.get(name, {}).get("float")
        got = None if form is None else round(100 * form["accuracy"], 6)
        yield target(f"{name}, float, right test images", f">= {wanted}", got, "%", got is not None and got >= wanted)


def _judge_student(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    found = [row["compressed"] for row in rows if row["recipe"] == STUDENT and row["compressed"] is not None]
    share = 100 * found[0]["accuracy"] if found else None
    size = found[0]["raw_bytes"] if found else None
    name = f"{ENSEMBLE}, {STUDENT}"
    got = None if share is None else round(share, 6)
    yield target(f"{name}, right test images", f">= {TAUGHT}", got, "%", share is not None and share >= TAUGHT)
    yield target(f"{name}, raw", f"<= {STUDENT_BYTES}", size, "bytes", size is not None and size <= STUDENT_BYTES)


def _judge_best(name: str, row: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    what = f"{name}, {row['recipe']}" if row else f"{name}, no recipe came out"
    lost = None if row is None else row["drop_points"]
    fewer = None if row is None else min(row[f"fewer_cycles_{board}"] for board in BOARDS)
    small = None if row is None else row["smaller"]
    yield target(
        f"{what}: points lost",
        f"p > 0.05 or <= {WITHIN_POINTS}",
        lost,
        "points",
        row is not None and keeps_answers(row),
    )
    yield target(f"{what}: times smaller, raw", f">= {SMALLER}", small, "x", small is not None and small >= SMALLER)
    yield target(
        f"{what}: times fewer cycles, the less of Pi 4 and Pi 5", ">= 1", fewer, "x", fewer is not None and fewer >= 1
    )
