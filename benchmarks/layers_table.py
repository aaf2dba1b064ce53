"""The tables of docs/layers.md: each kind of layer, activation and operation against each stage and export.

From `layer_kinds.KINDS`, `known_layers` and tests/golden/layer_kinds.json, which the tests hold against the converter.
"""

from __future__ import annotations

import json
import re
from functools import cache

from benchmarks.pages import ROOT
from edgedigits.models.layers import known_layers
from edgedigits.models.layers.layer_kinds import KINDS, LayerKind, Output, Passage

GOLDEN = ROOT / "tests" / "golden" / "layer_kinds.json"
_SHRINK = {
    Passage.MADE: "removes channels",
    Passage.DEPTHWISE: "goes with its input",
    Passage.MERGED: "all inputs alike",
    Passage.CONCATENATED: "goes with its inputs",
    Passage.NORMALIZED: "goes with its input",
    Passage.RESHAPED: "goes with its input",
    Passage.PERMUTED: "goes with its input, or keeps all",
    Passage.ACTIVATED: "goes with its input",
    Passage.PASSED_ON: "goes with its input",
    Passage.WHOLE: "keeps all",
}
_REFUSED = re.compile(r"^layer '[^']+' (?:\((?P<kind>\w+)\) )?(?P<why>.*)$", re.DOTALL)
_PLACES = "as those in its place"


@cache
def _golden() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(GOLDEN.read_text())
    return found


def _reasons() -> list[str]:
    """Every distinct sentence of a refusal, in the order of the table."""
    cells = (_why(cell) for row in _golden().values() for cell in row.values() if cell != "ok")
    return list(dict.fromkeys(cells))


def _why(cell: str) -> str:
    found = _REFUSED.match(cell)
    return found["why"] if found else cell


def _cells(name: str) -> list[str]:
    """What becomes of it in each export: yes, or the number of the reason why not."""
    return ["yes" if cell == "ok" else f"no ({_reasons().index(_why(cell)) + 1})" for cell in _golden()[name].values()]


def _stages(kind: LayerKind | None) -> list[str]:
    """Rounding in training, pruning and clustering, shrinking, folding of a batch normalization behind it."""
    if kind is None:
        return [_PLACES] * 3 + ["-"]
    rounding = {Output.OWN: "output", Output.INPUTS: "as its input", Output.SHARED: "as all inputs"}[kind.output]
    kernels = bool(kind.kernels)
    return [
        f"kernel, {rounding}" if kernels else rounding,
        "yes" if kernels else "no kernel",
        _SHRINK[kind.channels],
        "yes" if kind.folds_batchnorm else "-",
    ]


def layers_table() -> str:
    """Each kind of layer with the settings that were tried."""
    exports = list(next(iter(_golden().values())))
    lines = [
        f"| layer | rounding (`qat`) | `prune`, `cluster` | `shrink` | folds | {' | '.join(exports)} |",
        "|---|---|---|---|---|" + "---|" * len(exports),
    ]
    for name in _golden():
        kind, _, settings = name.rstrip(")").partition("(")
        if kind not in known_layers.LAYERS or "(" not in name:
            continue
        said = f"`{kind}`" + (f" {settings}" if settings else "")
        lines.append(f"| {said} | {' | '.join([*_stages(KINDS.get(kind)), *_cells(name)])} |")
    return "\n".join(lines)


def operations_table() -> str:
    """Each activation, and each operation on tensors that was tried."""
    exports = list(next(iter(_golden().values())))
    lines = [f"| activation or operation | {' | '.join(exports)} |", "|---|" + "---|" * len(exports)]
    for name in _golden():
        if "(" not in name:
            lines.append(f"| {name} | {' | '.join(_cells(name))} |")
    return "\n".join(lines)


def reasons_list() -> str:
    """The reasons that the tables name by number."""
    return "\n".join(f"{number}. {why}" for number, why in enumerate(_reasons(), 1))


def refused_table() -> str:
    """Kinds that are refused by name, why, and what would do."""
    rows: dict[tuple[str, str], list[str]] = {}
    for kind, reason in known_layers.REASONS.items():
        rows.setdefault(reason, []).append(kind)
    lines = ["| layers | why | what would do |", "|---|---|---|"]
    for (why, remedy), kinds in rows.items():
        lines.append(f"| {', '.join(f'`{kind}`' for kind in sorted(kinds))} | {why} | {remedy} |")
    for name, why in known_layers.ACTIVATION_REASONS.items():
        lines.append(f"| activation `{name}` | can't be taken: {why} | another activation |")
    return "\n".join(lines)


def left_out_list() -> str:
    """Kinds without effect on an answer."""
    return ", ".join(f"`{kind}`" for kind in sorted(known_layers.LEFT_OUT)) + "."
