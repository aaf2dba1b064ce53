"""Other tools side by side with ours, on the shipped CNN and MNIST, in one run: what `make peers` does.

    python -m benchmarks.peers [--artifacts DIR] [--recipes R,R,...] [--rounds N] [--window S]

Writes `benchmarks/results/peers.json` and `peers.svg`. Each peer works in an environment of its own (see the folders beside this
file), made once in the cache. .tflite files all run in LiteRT, .onnx files in ONNX Runtime, one thread, through one loop, and
without AMX, which no Raspberry Pi has. Finished artifacts in DIR are used when recipe, model and seed are the same; missing ones
are made there. Where a peer fails, its row says why, the others are measured all the same, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import finished
from benchmarks.document import document, save, target
from benchmarks.drawing import draw
from benchmarks.fronts import front
from benchmarks.peers.environments import PeerError
from benchmarks.peers.making import OURS, PEERS, Made, by_peer, by_us, inputs
from benchmarks.peers.running import Bench
from benchmarks.without_amx import has_amx, refuse_amx
from edgedigits.data.sources.named import find_mnist
from edgedigits.errors import InputError
from edgedigits.ground.atomic import check_writable
from edgedigits.pipeline.recipe import list_shipped, load_recipe

RESULT = Path(__file__).parent.parent / "results" / "peers.json"
RECIPES = (
    "ptq_int8",
    "prune80_int8",
    "shrink80_int8",
    "distil_nano_int8",
    "best32k_int8",
    "accurate_int8",
    "smallest994",
    "fastest994",
)
SURE = 0.05
COSTS = {"raw_bytes": "raw bytes", "p50_us": "p50, us, one thread"}

say = functools.partial(print, flush=True)


def measure(recipes: Sequence[str], artifacts: Path, rounds: int, window_s: float) -> dict[str, Any]:
    """The document that is written."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-peers-") as name:
        folder = Path(name)
        given = inputs(folder / "inputs")
        makers: dict[tuple[str, str], Callable[[], list[Made]]] = {
            (called, ""): functools.partial(by_peer, peer, given, folder / peer, say) for peer, called in PEERS.items()
        }
        makers |= {(OURS, recipe): functools.partial(by_us, recipe, artifacts, say) for recipe in recipes}
        made, failed = _make(makers)
        if has_amx():
            refuse_amx()  # processes that this one starts are refused it too
        reference = Made("none", "", "float32", given / "float32.tflite", 0.0)
        rows, failures = Bench(folder, given).rows(reference, made, rounds, window_s, say)
    words = [
        "python -m benchmarks.peers",
        f"--recipes {','.join(recipes)}",
        f"--rounds {rounds}",
        f"--window {window_s:g}",
    ]
    return document(
        " ".join(words),
        targets(rows),
        rounds=rounds,
        window_s=window_s,
        amx_refused=has_amx(),
        fronts={cost: front(rows, cost) for cost in COSTS},
        rows=rows,
        failed=[*failed, *failures],
    )


def _make(makers: dict[tuple[str, str], Callable[[], list[Made]]]) -> tuple[list[Made], list[dict[str, str]]]:
    made: list[Made] = []
    failed: list[dict[str, str]] = []
    for (tool, recipe), maker in makers.items():
        try:
            made += maker()
        except PeerError as error:
            say(f"{tool} {recipe}: FAILED: {error}")
            failed.append({"tool": tool, "recipe": recipe, "reason": str(error)})
    return made, failed


def targets(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For every compressed file of a peer: how many of ours are smaller and faster and not significantly less accurate."""
    found = []
    for row in rows:
        if row["tool"] in PEERS.values() and row["recipe"] != "float32":
            better = sum(ahead(own, row) for own in rows if own["tool"] == OURS)
            title = f"recipes smaller and faster than {row['name']}, and no less accurate (McNemar p > {SURE})"
            found.append(target(title, ">= 1", better, "recipes", better >= 1))
    return found


def ahead(own: dict[str, Any], peer: dict[str, Any]) -> bool:
    """Fewer bytes, less time, and not fewer right answers but by what chance may do."""
    paired = own["against"][peer["name"]]
    as_accurate = paired["points"] >= 0 or paired["mcnemar_p"] > SURE
    return as_accurate and all(own[cost] < peer[cost] for cost in COSTS)


def _fault(recipes: Sequence[str], artifacts: Path, rounds: int, window_s: float) -> str:
    """What of the call can't be done, looked at before an hour of work; "" where all can."""
    if rounds < 1 or not 0.01 <= window_s <= 600:
        return f"--rounds {rounds} --window {window_s:g}: wanted at least one round, of 0.01 to 600 seconds"
    try:
        for recipe in recipes:
            load_recipe(recipe)
        check_writable(artifacts)
        check_writable(RESULT.parent)
        find_mnist()
    except InputError as error:
        return str(error)
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--artifacts", type=Path, default=finished.default_folder(), help="finished artifacts (%(default)s)"
    )
    parser.add_argument(
        "--recipes", default="", help="comma between them; default: those shipped of " + ", ".join(RECIPES)
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--window", type=float, default=0.5, help="seconds of each window")
    given = parser.parse_args()
    recipes = given.recipes.split(",") if given.recipes else [recipe for recipe in RECIPES if recipe in list_shipped()]
    if fault := _fault(recipes, given.artifacts, given.rounds, given.window):
        parser.error(fault)
    save(RESULT, measure(recipes, given.artifacts, given.rounds, given.window))
    written = json.loads(RESULT.read_text())
    draw(written["rows"], COSTS, RESULT.with_suffix(".svg"))
    sys.exit(int(bool(written["failed"])))


if __name__ == "__main__":
    main()
