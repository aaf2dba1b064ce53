"""Whether a model can be shipped, by what was found: gates, answers lost for more than chance, layers that are broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.differences import SIGNIFICANT

HOLDS: Final = "holds"
WEIGH: Final = "weigh"
FAILS: Final = "fails"


def judge(artifact: JsonObject) -> JsonObject:
    """`state`: fails where a gate is missed, weigh where something speaks against it, else holds; `accuracy`: what became of it;
    `reasons`: what speaks against it, each the keys of a sentence in the artifact's part of the document."""
    missed = [at for at, gate in enumerate(artifact["manifest"].get("gates", [])) if not gate["ok"]]
    reasons: list[list[str | int]] = [["manifest", "gates", at, "sentence"] for at in missed]
    reasons += list(_list_doubts(artifact))
    accuracy = _judge_accuracy(artifact)
    doubts = bool(reasons) or accuracy in ("lost", "unknown") or _is_slower(artifact)
    return {
        "state": FAILS if missed else WEIGH if doubts else HOLDS,
        "accuracy": accuracy,
        "slower": _is_slower(artifact),
        "reasons": reasons,
    }


def _judge_accuracy(artifact: JsonObject) -> str:
    found = artifact["accuracy"]
    if found is None:
        return "unknown"
    if found["mcnemar_p"] >= SIGNIFICANT:
        return "same"
    return "lost" if found["change_points"]["value"] < 0 else "won"


def _is_slower(artifact: JsonObject) -> bool:
    """Surely, on this machine."""
    speedup = (artifact["latency"] or {}).get("speedup") or {}
    high = speedup.get("high")
    return high is not None and high < 1


def _list_doubts(artifact: JsonObject) -> Iterator[list[str | int]]:
    for at in range(len(artifact["manifest"].get("warnings", []))):
        yield ["manifest", "warnings", at]
    for at in range(len((artifact["layers"] or {}).get("suspects", []))):
        yield ["layers", "suspects", at, "sentence"]


def find_best(artifacts: Sequence[JsonObject]) -> int:
    """The smallest of those that hold, or of those that do best where none does."""
    order = [HOLDS, WEIGH, FAILS]
    return min(
        range(len(artifacts)),
        key=lambda at: (
            order.index(artifacts[at]["verdict"]["state"]),
            artifacts[at]["bytes"]["compressed"]["raw"],
        ),
    )
