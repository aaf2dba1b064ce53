"""The document of a comparison, and its files: JSON, CSV, one HTML page, a table in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from edgedigits.api.render.page.markup import write_page
from edgedigits.api.zoo.shown.best import RULE, choose_best, is_slower, keeps_answers
from edgedigits.api.zoo.shown.page import make_page, write_table
from edgedigits.ground.atomic import whole_file
from edgedigits.ground.facts import JsonObject

SCHEMA: Final = 1
KIND: Final = "compare-zoo"


def compose(
    asked: JsonObject, groups: Sequence[Sequence[JsonObject]], left_out: Mapping[str, str], machine: JsonObject | None
) -> JsonObject:
    """JSON-safe: all that was found; `asked` goes in as it is, `groups` are the rows of each net. Shares are of 1; drops are
    points, float less compressed."""
    rows, nets = list[JsonObject](), list[JsonObject]()
    for group in groups:
        best, first = choose_best(group), len(rows)
        rows += [{**row, "best": at == best} for at, row in enumerate(group)]
        nets.append(_sum_up(rows, first, None if best is None else first + best))
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "edgedigits": version("edgedigits"),
        **asked,
        "rule": RULE,
        "count": len(nets),
        "failed": sum(not row["ok"] for row in rows),
        "left_out": [{"net": name, "why": why} for name, why in left_out.items()],
        "machine": machine,
        "nets": nets,
        "rows": rows,
    }


def _sum_up(rows: Sequence[JsonObject], first: int, best: int | None) -> JsonObject:
    """Of one net: its rows by place, the best one, and how that stands."""
    places = list(range(first, len(rows)))
    row = rows[best if best is not None else first]
    holds = keeps_answers(row) and not is_slower(row) if best is not None else row["ok"]
    state = "holds" if holds else "fails" if best is None else "weigh"
    failed = [at for at in places if not rows[at]["ok"]]
    return {"net": row["net"], "kind": row["kind"], "state": state, "best": best, "rows": places, "failed": failed}


def flatten_rows(document: JsonObject) -> list[JsonObject]:
    """The rows for a frame or CSV: what stands in an object has a column of its own, as float_accuracy."""
    rows = [dict(_flatten(row)) for row in document["rows"]]
    columns = list(dict.fromkeys(key for row in sorted(rows, key=len, reverse=True) for key in row))
    return [{key: row.get(key) for key in columns} for row in rows]


def _flatten(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{key}_{name}", one) for name, one in value.items())
        elif isinstance(value, list):
            yield key, "; ".join(map(str, value)) or None
        elif value is not None or key not in ("float", "compressed", "validation"):
            yield key, value


def write_files(document: JsonObject, out: Path) -> list[Path]:
    """`out`, the JSON, and the others beside it under its name, each whole or not at all; their paths. Raises ArtifactError."""
    import pandas

    texts = {
        ".json": json.dumps(document, indent=1) + "\n",
        ".csv": pandas.DataFrame(flatten_rows(document)).to_csv(index=False),
        ".html": write_page(make_page(document), document),
        ".md": write_table(document),
    }
    for ending, text in texts.items():
        with whole_file(out.with_suffix(ending)) as part:
            part.write_text(text, encoding="utf-8")
    return [out.with_suffix(ending) for ending in texts]
