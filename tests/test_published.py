"""Published latencies say where they are from, and how far what is foretold is from them is told as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import cycles_published
from benchmarks.published_detectors import LITES, Sorting, find_sorting, make_sorting
from benchmarks.published_judgement import (
    PUBLISHED,
    Foretold,
    Row,
    find_factor,
    judge,
    list_mended,
    list_targets,
    read_rows,
)
from benchmarks.published_nets import NETS
from benchmarks.published_table import published_table
from edgedigits.measure.cost.memory import BOARDS

ROW = Row(
    "MobileNetV2", 1.0, 224, "float32", "Raspberry Pi 4", "cortex-a72", 1.5, 1, "TFLite", 80.0, True, "a", "80 ms", ""
)


def test_every_published_latency_says_where_it_is_from() -> None:
    sources = json.loads(PUBLISHED.read_text())["sources"]
    rows = read_rows()
    assert len([row for row in rows if row.judged]) >= 12
    assert {row.core for row in rows if row.judged} == {"cortex-a53", "cortex-a72", "cortex-a76"}
    for row in rows:
        assert sources[row.source]["url"].startswith("https://")
        digits = f"{row.ms:g}".replace(".", "")
        assert digits.rstrip("0") in row.quote.replace(".", ""), row


def test_every_published_row_can_be_made_and_foretold() -> None:
    for row in read_rows():
        assert row.net in {*NETS, *LITES, "SSDLiteMobileNetV2"}
        assert any(row.board.startswith(board.name) for board in BOARDS[row.core]), row.board


def test_the_error_is_of_cycles_at_the_rows_clock_and_of_memory() -> None:
    board = BOARDS["cortex-a72"][0]
    count = {"cycles": 90_000_000, "memory_bytes": board.bandwidth * 0.01}
    foretold = cycles_published.foretell(ROW, {ROW.file: {"cortex-a72": count}})
    assert foretold == pytest.approx((60.0, 10.0, 0.0))
    assert judge(ROW, foretold)["error_percent"] == -12.5
    assert cycles_published.foretell(ROW, {}) is None
    assert judge(ROW, None)["foretold_ms"] is None


def test_what_sorts_boxes_is_foretold_with_the_nets_that_find_objects() -> None:
    board = BOARDS["cortex-a72"][0]
    row = replace(ROW, net="EfficientDetLite0", resolution=320)
    net, sorting = cycles_published.list_parts(row)
    assert (net, sorting.file) == (row, "sorting-19206-90-100")
    counts: dict[str, dict[str, dict[str, Any]]] = {
        net.file: {"cortex-a72": {"cycles": 90_000_000, "memory_bytes": None}}
    }
    assert cycles_published.foretell(row, counts) is None, "what sorts is not counted yet"
    counts[sorting.file] = {"cortex-a72": {"cycles": 15_000_000, "memory_bytes": board.bandwidth * 0.01}}
    foretold = cycles_published.foretell(row, counts)
    assert foretold == pytest.approx((60.0, 10.0, 10.0))
    judged = judge(row, foretold)
    assert (judged["cycles_ms"], judged["sorting_ms"], judged["foretold_ms"], judged["error_percent"]) == (
        60,
        10,
        80,
        0,
    )
    assert find_sorting("SSDLiteMobileNetV2", 300) == Sorting(1917, 90, 10, background=1)
    assert find_sorting("MobileNetV2", 224) is None


def test_what_sorts_boxes_is_one_operator_over_boxes_and_scores() -> None:
    from ai_edge_litert import schema_py_generated as generated

    from edgedigits.tflite import schema

    flat = make_sorting(Sorting(40, 5, 3, background=1))
    assert b"TFLite_Detection_PostProcess" in flat
    model = schema.unpack(flat)
    (graph,) = model.subgraphs
    assert len(graph.operators) == 1
    assert {tuple(graph.tensors[at].shape) for at in graph.inputs} == {(1, 40, 4), (1, 40, 6)}
    assert all(graph.tensors[at].type == generated.TensorType.FLOAT32 for at in graph.inputs)


def test_only_single_threads_of_the_same_runtime_are_judged() -> None:
    assert ROW.judged
    assert not any(
        row.judged for row in (replace(ROW, threads=4), replace(ROW, threads=None), replace(ROW, same_runtime=False))
    )


def _judged(published: float, foretold: float, fitted: bool, core: str = "cortex-a72") -> dict[str, Any]:
    error = round(100 * (foretold / published - 1), 1)
    told = {"published_ms": published, "foretold_ms": foretold, "error_percent": error, "doubted": False}
    return {"core": core, "judged": True, "fitted": fitted, **told}


def test_a_factor_is_judged_on_rows_that_it_is_not_fitted_on() -> None:
    rows = [_judged(150, 100, True), _judged(300, 100, True), _judged(450, 100, True), _judged(240, 100, False)]
    assert find_factor(rows, "cortex-a72") == 3.0
    assert list_mended(rows, "cortex-a72") == pytest.approx([25.0])
    assert find_factor(rows, "cortex-a53") is None


def test_targets_tell_the_median_and_the_worst_of_all_and_of_each_core() -> None:
    rows = [_judged(100, 90, False), _judged(100, 140, False), _judged(100, 40, False, "cortex-a53")]
    found = {row["name"]: (row["got"], row["met"]) for row in list_targets(rows)}
    assert found["foretold ms against published, judged rows (3): median error"] == (40.0, False)
    assert found["foretold ms against published, judged rows (3): worst error"] == (60.0, False)
    assert found["foretold ms against published, cortex-a72 (2): median error"] == (25.0, True)
    doubted = {row["name"]: row["got"] for row in list_targets([*rows, _judged(100, 1, False) | {"doubted": True}])}
    assert doubted["foretold ms against published, judged rows (4): worst error"] == 99.0
    assert doubted["foretold ms against published, without doubted ones (3): worst error"] == 60.0
    assert found["foretold ms against published, cortex-a53 (1): worst error"] == (60.0, False)


def test_the_table_shows_judged_rows_first_and_what_is_missing() -> None:
    rows = [judge(row, Foretold(1.0, 2.0)) for row in read_rows()[:40]] + [judge(replace(ROW, source="ncnn"), None)]
    table = published_table({"published": {"rows": rows}})
    judged, others = table.split("Beside them, not judged:")
    assert judged.count("\n| EfficientDetLite0 |") == judged.count("| EfficientDetLite0 | 320x320 |") > 0
    assert "| 4 |" not in judged
    assert "| ncnn |" not in judged
    assert "1 more rows" in others


def test_no_count_leaves_targets_unmeasured() -> None:
    assert {row["got"] for row in list_targets([judge(ROW, None)])} == {None}
    assert not any(row["met"] for row in list_targets([judge(ROW, None)]))
