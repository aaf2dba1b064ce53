"""`compare-zoo`: nets side by side, what fails stands in the table, what was interrupted goes on, every number is in the JSON."""

from __future__ import annotations

import csv
import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import edgedigits as ed
from benchmarks.evidence.report_pages import NUMBER, Read
from benchmarks.zoo.compared_table import _keep_front
from benchmarks.zoo.nets import judge
from edgedigits.api.render.page.blocks import find
from edgedigits.api.render.page.numbers import word
from edgedigits.api.zoo import kinds
from edgedigits.api.zoo.floats import Made, find_or_make
from edgedigits.api.zoo.others import choose_members
from edgedigits.api.zoo.question import Question
from edgedigits.api.zoo.shown.best import choose_best
from edgedigits.data.sources.wish import DataWish
from edgedigits.ground.artifact_folder import hash_file
from tests.warm import Started, edgedigits

QUICK: dict[str, Any] = {"epochs": 10, "windows": 1, "window": 0.05, "progress": False}
FAILS = "smallest994"
"""Made for images of 28x28, which the shapes are not."""


@pytest.fixture(scope="module")
def compared(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> ed.ComparedZoo:
    """Two nets, of which one can't be built for such images, through two recipes, of which one fails."""
    out = tmp_path_factory.mktemp("zoo") / "z"
    return ed.compare_zoo(shapes, nets="mlp,mobilenet_v2", recipes=["ptq_int8", FAILS], out=out, **QUICK)


def list_numbers(read: Read, document: dict[str, Any]) -> list[str]:
    """Those on the page that don't stand in the document; what boards are called is none."""
    return [text for text in read.list_untraceable(document) if NUMBER.search(re.sub("Pi [45]", "", text))]


def folder_of(found: ed.ComparedZoo) -> Path:
    return found.paths[0].parent


def test_a_row_says_what_its_artifact_does(compared: ed.ComparedZoo) -> None:
    document = compared.document
    row, folder = document["rows"][0], folder_of(compared)
    artifact = ed.Artifact.open(folder / row["artifact"])
    assert (row["net"], row["recipe"], row["best"], row["ok"]) == ("mlp", "ptq_int8", True, True)
    assert (row["compressed"]["accuracy"], row["float"]["accuracy"]) == (artifact.accuracy, artifact.float_accuracy)
    assert row["compressed"]["raw_bytes"] == artifact.tflite.stat().st_size
    assert row["compressed"]["gzip_bytes"] == artifact.manifest["export"]["gzip_bytes"]
    assert (row["flips"], row["mcnemar_p"]) == (
        artifact.manifest["test"]["flips"],
        artifact.manifest["test"]["mcnemar_p"],
    )
    assert row["float"]["multiply_adds"] == 144 * 256 + 256 * 128 + 128 * 3
    assert row["parameters"] == row["float"]["multiply_adds"] + 256 + 128 + 3
    assert 0.5 < row["compressed"]["f1"] <= 1
    assert row["compressed"]["auc"] > 0.9
    assert row["smaller"] == pytest.approx(row["float"]["raw_bytes"] / row["compressed"]["raw_bytes"])
    assert row["fewer_cycles_pi5"] > row["fewer_cycles_pi4"] > 1
    assert row["speedup"] == pytest.approx(row["float"]["p50_us"] / row["compressed"]["p50_us"])
    assert row["training_minutes"] > 0 < row["compression_minutes"]
    assert document["data"]["test"] == row["images"] == 90


def test_what_fails_stands_in_the_table_and_ends_nothing(compared: ed.ComparedZoo, shapes: Path) -> None:
    rows = compared.document["rows"]
    assert compared.failed == 3
    assert [row["ok"] for row in rows] == [True, False, False, False]
    assert "made for images of 28x28x1" in rows[1]["why"]
    assert "--resize 32x32" in rows[2]["why"]
    assert [net["state"] for net in compared.document["nets"]] == ["holds", "fails"]
    assert all(row["why"][:40] in str(compared).replace("\n", " ") for row in rows[1:])
    typed = ("--nets", "mlp,mobilenet_v2", "--recipes", f"ptq_int8,{FAILS}", "--epochs", 10, "--data", shapes)
    done = edgedigits("compare-zoo", *typed, "--windows", 1, "--window", 0.05, "--out", folder_of(compared), "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [row["why"] for row in told["rows"]] == [row["why"] for row in rows]
    assert [row["artifact"] for row in told["rows"]] == [row["artifact"] for row in rows]


def test_json_csv_page_and_markdown_say_the_same(compared: ed.ComparedZoo) -> None:
    paths = {path.suffix: path for path in compared.paths}
    document = json.loads(paths[".json"].read_text())
    assert document == compared.document
    with paths[".csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert [row["net"] for row in rows] == [row["net"] for row in document["rows"]]
    for key in ("accuracy", "precision", "recall", "f1", "auc", "multiply_adds", "raw_bytes", "gzip_bytes", "p50_us"):
        assert float(rows[0][f"compressed_{key}"]) == document["rows"][0]["compressed"][key]
        assert rows[1][f"compressed_{key}"] == ""
    html = paths[".html"].read_text()
    read = Read(html)
    assert list_numbers(read, document) == []
    assert set(read.list_untraceable({**document, "count": 77})) != set(), "the test can fail"
    for form, path in (("percent", "/rows/0/compressed/accuracy"), ("unit", "/rows/0/float/f1")):
        assert f'data-path="{path}" data-form="{form}"' in html
    table = paths[".md"].read_text()
    for form, path in (("percent", "compressed/accuracy"), ("count", "compressed/raw_bytes"), ("times", "smaller")):
        assert f"| {word(find(document, f'/rows/0/{path}'), form)} |" in table
    assert table == compared.markdown
    assert html == compared.html


def test_it_goes_on_with_what_is_there_by_what_it_is(compared: ed.ComparedZoo, shapes: Path, tmp_path: Path) -> None:
    out = tmp_path / "z"
    shutil.copytree(folder_of(compared), out)
    (artifact,) = (out / "artifacts").glob("mlp-*")
    artifact.rename(artifact.with_name("of another name"))
    (net,) = (out / "nets").glob("mlp-*/mlp.keras")
    before = hash_file(net), net.stat().st_mtime_ns
    said: list[str] = []
    given: dict[str, Any] = {**QUICK, "progress": lambda what, _share: said.append(what)}
    found = ed.compare_zoo(shapes, nets="mlp", recipes="ptq_int8", out=out, **given)
    assert found.document["rows"][0]["artifact"] == "artifacts/of another name"
    assert before == (hash_file(net), net.stat().st_mtime_ns)
    assert not [what for what in said if "epoch" in what or "export" in what]
    net.write_bytes(net.read_bytes()[:-1])  # what is there is not what was trained
    again = ed.compare_zoo(shapes, nets="mlp", recipes="ptq_int8", out=out, **QUICK)
    assert hash_file(net) != before[0], "the file holds when it was written"
    assert keep_sure(again.document["rows"][0]) == keep_sure(found.document["rows"][0])


def test_slim_exports_are_smaller_and_answer_the_same(compared: ed.ComparedZoo, shapes: Path, tmp_path: Path) -> None:
    shutil.copytree(folder_of(compared), tmp_path / "z")
    found = ed.compare_zoo(shapes, nets="mlp", recipes="ptq_int8", slim=True, out=tmp_path / "z", **QUICK)
    (row,), before = found.document["rows"], compared.document["rows"][0]
    assert row["compressed"]["raw_bytes"] < before["compressed"]["raw_bytes"]
    assert row["compressed"]["accuracy"] == before["compressed"]["accuracy"]
    assert ("Exports are slim." in found.markdown, "Exports are slim." in compared.markdown) == (True, False)


def test_nets_are_trained_with_the_moves_that_are_said(shapes: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {**QUICK, "epochs": 1, "nets": "mlp", "recipes": "ptq_int8", "out": tmp_path / "z"}
    for said, moved in (("none", "none"), ("{shift: 0.1}", {"shift": 0.1})):
        document = ed.compare_zoo(shapes, augment=said, **given).document
        records = [json.loads(path.read_text()) for path in (tmp_path / "z" / "nets").glob("mlp-*/mlp.json")]
        assert document["augment"] == moved
        assert moved in [record["settings"]["augment"] for record in records]
    assert len(records) == 2, "other moves are another training"
    refused = edgedigits(
        "compare-zoo", "--nets", "mlp", "--augment", "wobble", "--data", shapes, "--out", tmp_path / "no"
    )
    assert (refused.returncode, "--augment" in refused.stderr, (tmp_path / "no").exists()) == (2, True, False)


def keep_sure(row: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on the clock, nor on the names of layers, which Keras numbers through a process."""
    clocked_or_named = ("p50_us", "raw_bytes", "gzip_bytes")
    return {name: value for name, value in row["compressed"].items() if name not in clocked_or_named}


def test_killed_it_goes_on_and_ends_as_if_it_had_not_been(
    compared: ed.ComparedZoo, shapes: Path, tmp_path: Path
) -> None:
    typed = ("compare-zoo", "--nets", "mlp", "--recipes", "ptq_int8", "--epochs", 10, "--data", shapes)
    clock = ("--windows", 1, "--window", 0.05, "--out", tmp_path / "z", "--json")
    for wanted in ("nets/*/mlp.training/state.json", "artifacts/*/manifest.json"):
        run = Started(*typed, *clock, cwd=tmp_path)
        until = time.monotonic() + 60
        while not list((tmp_path / "z").glob(wanted)) and run.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        run.kill()
        run.communicate()
        assert list((tmp_path / "z").glob(wanted)), wanted
    done = edgedigits(*typed, *clock, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (row,), old = json.loads(done.stdout)["rows"], compared.document["rows"][0]
    assert keep_sure(row) == keep_sure(old)
    assert [path.name for path in (tmp_path / "z" / "artifacts").iterdir()] == [Path(row["artifact"]).name]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nets": "mpl"}, r"nets='mpl': no such net; nearest: mlp; choose from .*cnn"),
        ({"nets": "mlp,mlp"}, "mlp is named twice"),
        ({"nets": "mlp,,"}, "found an empty name"),
        ({"recipes": "ptq_int"}, "no shipped recipe of that name; nearest: ptq_int8"),
        ({"data": "nowhere"}, "nowhere: no such file"),
    ],
)
def test_what_is_wrong_is_one_sentence(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ed.InputError, match=said):
        ed.compare_zoo(**{"data": "digits", **given}, out=tmp_path / "z", progress=False)
    assert not (tmp_path / "z").exists()


def test_the_folder_of_another_comparison_is_left_as_it_is(
    compared: ed.ComparedZoo, shapes: Path, tmp_path: Path
) -> None:
    out = folder_of(compared)
    before = compared.paths[0].read_bytes()
    for given, said in (
        ({"seed": 1}, "of seed 0, this one has 1"),
        ({"pixel_range": "-1..1"}, "of scale the model's own"),
    ):
        with pytest.raises(ed.InputError, match=said):
            ed.compare_zoo(shapes, nets="mlp", out=out, **given, **QUICK)
    with pytest.raises(ed.InputError, match="holds another comparison, of data"):
        ed.compare_zoo("digits", nets="mlp", out=out, **QUICK)
    assert compared.paths[0].read_bytes() == before
    (tmp_path / "comparison.json").write_text("{}")
    with pytest.raises(ed.InputError, match="that no comparison of nets wrote"):
        ed.compare_zoo(shapes, nets="mlp", out=tmp_path, **QUICK)


def a_row(validation: float, pi4: int = 50, size: int = 10, **other: Any) -> dict[str, Any]:
    """A row as far as the choice of the best reads it; the float form takes 100 cycles."""
    form = {"cycles_pi4": pi4, "cycles_pi5": pi4, "raw_bytes": size}
    before = {"cycles_pi4": 100, "cycles_pi5": 100}
    return {"ok": True, "validation": {"accuracy": validation}, "compressed": form, "float": before, **other}


def test_the_best_is_chosen_on_validation_and_costs() -> None:
    assert choose_best([a_row(0.99), a_row(0.985, pi4=10)]) == 0, "half a point is lost"
    assert choose_best([a_row(0.99), a_row(0.9891, pi4=10)]) == 1, "within a tenth the fewest cycles"
    assert choose_best([a_row(0.99, size=20), a_row(0.99)]) == 1, "of as many cycles the fewest bytes"
    assert choose_best([a_row(0.99), a_row(0.99)]) == 0
    assert choose_best([a_row(0.999, pi4=101), a_row(0.98)]) == 1, "slower than float"
    assert choose_best([a_row(0.97, pi4=101), a_row(0.98, pi4=120)]) == 1, "where all are slower"
    assert choose_best([a_row(0.99, ok=False), {**a_row(0.9), "compressed": None}]) is None


def test_a_model_of_another_kind_is_a_row(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that goes through no recipe, as classical models do; what is made is an mlp, under another name."""

    def make(_name: str, question: Question, folder: Any, _before: Any, told: Any) -> Made:
        return find_or_make("mlp", ".keras", {"epochs": 1}, {"epochs": 1}, question, folder, told)

    monkeypatch.setattr(kinds, "KINDS", {**kinds.KINDS, "alone": kinds.Kind(make, recipes=())})
    monkeypatch.setattr(kinds, "NAMES", {"forest": "alone"})
    from edgedigits.api.zoo import plans, run

    monkeypatch.setattr(plans, "KINDS", kinds.KINDS)
    monkeypatch.setattr(run, "KINDS", kinds.KINDS)
    found = ed.compare_zoo(shapes, nets="forest", out=tmp_path / "z", **QUICK)
    (row,) = found.document["rows"]
    assert (row["kind"], row["recipe"], row["ok"], row["compressed"]) == ("alone", None, True, None)
    assert found.document["nets"][0]["state"] == "holds"
    assert word(row["float"]["accuracy"], "percent") in found.markdown
    assert "It goes through no recipe" in found.html
    assert list_numbers(Read(found.html), found.document) == []
    assert f"{row['float']['raw_bytes']:,}" in found.markdown
    assert f"{row['float']['raw_bytes']:,}" in str(found)


def test_an_ensemble_is_made_of_the_best_on_validation(shapes: Path, tmp_path: Path) -> None:
    question = Question(DataWish(data=str(shapes)))
    made = [
        Made(name, tmp_path / f"{name}.keras", {"validation_accuracy": share}, question.dataset)
        for name, share in (("a", 0.9), ("b", 0.7), ("c", 0.8), ("d", 0.95))
    ]
    assert [one.name for one in choose_members("soft_voting", question, made)] == ["a", "c", "d"]
    other = replace(made[0], dataset=question.resized((8, 8)))
    with pytest.raises(ed.InputError, match="soft_voting: made of nets that are compared before it, found 1"):
        choose_members("soft_voting", question, [other, made[1]])


def test_targets_are_judged_from_the_document(compared: ed.ComparedZoo) -> None:
    document = compared.document
    met = {row["name"]: row["met"] for row in judge(document)}
    assert met["mlp, ptq_int8: points lost"]
    assert met["mlp, ptq_int8: times fewer cycles, the less of Pi 4 and Pi 5"]
    assert met["mlp, ptq_int8: times smaller, raw"] == (document["rows"][0]["smaller"] >= 3.5)
    assert [name for name in met if name.startswith("mobilenet_v2, no recipe came out")]
    assert not any(kept for name, kept in met.items() if name.startswith("mobilenet_v2"))
    assert len(met) == 6
    row = {**document["rows"][0], "drop_points": 0.4, "mcnemar_p": 0.01, "fewer_cycles_pi4": 0.9, "net": "vit"}
    row["float"] = {**row["float"], "accuracy": 0.988}
    net = {**document["nets"][0], "net": "vit"}
    told = {"data": {"name": "mnist"}, "nets": [net], "rows": [row]}
    targets = {one["name"]: one for one in judge(told)}
    assert targets["vit, float, right test images"]["met"]
    assert (targets["leaky_cnn, float, right test images"]["got"], targets["vit, ptq_int8: points lost"]["met"]) == (
        None,
        False,
    )
    assert not targets["vit, ptq_int8: times fewer cycles, the less of Pi 4 and Pi 5"]["met"]
    assert not targets["soft_voting, distil_ensemble_int8, raw"]["met"]
    student = {**row, "recipe": "distil_ensemble_int8", "compressed": {"accuracy": 0.996, "raw_bytes": 40_961}}
    judged = {one["name"]: one["met"] for one in judge({**told, "rows": [row, student]})}
    assert judged["soft_voting, distil_ensemble_int8, right test images"]
    assert not judged["soft_voting, distil_ensemble_int8, raw"]


def test_the_short_table_keeps_what_no_other_beats(compared: ed.ComparedZoo) -> None:
    row = compared.document["rows"][0]
    sizes = ((100, 0.9), (50, 0.8), (60, 0.7))
    rows = [
        {**row, "net": str(at), "compressed": {"raw_bytes": size, "accuracy": share}}
        for at, (size, share) in enumerate(sizes)
    ]
    nets = [{"net": str(at), "best": at} for at in range(3)]
    kept = _keep_front({"rows": rows, "nets": nets})
    assert [net["net"] for net in kept["nets"]] == ["1", "0"]
