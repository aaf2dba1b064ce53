"""`report`: its numbers are those of the JSON beside it and right, it needs nothing else, and what is missing is said."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from edgedigits_runner.kept import sealed

import edgedigits as ed
from benchmarks.evidence.report_pages import Read
from edgedigits.api.render.page.markup import write_page
from edgedigits.api.report.gather import _points
from edgedigits.api.report.judge import judge
from edgedigits.api.report.pages import make_page
from edgedigits.cli.main import cli
from tests import tiny_release
from tests.warm import edgedigits

QUICK: dict[str, Any] = {"windows": 1, "window": 0.05, "progress": False}


@pytest.fixture(scope="module")
def made(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> ed.Report:
    """A report of the tiny artifact, with all its files."""
    folder = tmp_path_factory.mktemp("report")
    probes = [
        {"int8": {"drop_points": drop, "kl_nats": drop / 9}, "half": {"why": "no channels"}} for drop in (1.25, 0.5)
    ]
    known = {
        "layers": [{"layer": name, "kind": "Dense", "probes": one} for name, one in zip("ab", probes, strict=True)]
    }
    (folder / "sensitivity.json").write_text(json.dumps(known))
    return ed.report(
        tiny_release.made(shapes),
        str(shapes),
        out=folder / "page.html",
        markdown=folder / "page.md",
        sensitivity=folder / "sensitivity.json",
        **QUICK,
    )


def copied(shapes: Path, folder: Path) -> Path:
    shutil.copytree(tiny_release.made(shapes), folder)
    return folder


def altered(folder: Path, **parts: Any) -> Path:
    """An artifact whose manifest says otherwise, and is whole."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for key, value in parts.items():
        manifest[key] = {**manifest[key], **value} if isinstance(value, dict) else value
    (folder / "manifest.json").write_text(json.dumps(sealed(manifest)))
    return folder


def one(found: ed.Report, at: int = 0) -> dict[str, Any]:
    part: dict[str, Any] = found.document["artifacts"][at]
    return part


def test_every_number_is_in_the_json_beside_it(made: ed.Report) -> None:
    html, document = made.paths[1].read_text(), json.loads(made.paths[0].read_text())
    assert (made.paths[0].name, made.paths[1].name) == ("page.json", "page.html")
    assert document == json.loads(json.dumps(made.document))
    read = Read(html)
    assert len(read.told) > 300
    assert read.list_untraceable(document) == []
    wrong = {**document, "confidence": 0.9}
    assert set(read.list_untraceable(wrong)) == {"95 %"}, "the test can fail"
    assert Read("<p>12 images</p><p>int8</p>").list_untraceable({}) == ["12 images"]


def test_the_page_needs_nothing_else(made: ed.Report) -> None:
    html = made.paths[1].read_text()
    loads = Read(html).loads
    assert loads
    assert all(one.startswith(("data:", "#")) for one in loads)
    assert not re.search(r"(src|href)=\"(https?:)?//|url\((?!#)|@import", html)
    assert "prefers-color-scheme: dark" in html
    assert "width=device-width" in html
    assert len(html) < 2e6


def test_what_it_says_is_right(made: ed.Report, shapes: Path) -> None:
    found, manifest = one(made), json.loads((tiny_release.made(shapes) / "manifest.json").read_text())
    assert found["left_out"] == {}
    test = manifest["test"]
    assert found["accuracy"]["compressed"]["value"] == pytest.approx(test["accuracy"])
    assert found["accuracy"]["flips"] == test["flips"] == found["flips"]["images"]
    assert np.sum(found["classes"]["confusion"]["float"]) == test["images"]
    recalls = [row["compressed"]["recall"] for row in found["classes"]["per_class"]]
    assert recalls == pytest.approx([row["compressed_recall"] for row in test["classes"]])
    assert sum(row["bytes"] for row in found["ledger"]) == found["bytes"]["compressed"]["raw"]
    assert found["bytes"]["compressed"]["gzip"] == manifest["export"]["gzip_bytes"]
    zeros = {row["layer"]: round(row["share"], 6) for row in found["zeros"]}
    assert zeros == manifest["export"]["zeros"]
    assert found["layers"]["kind"] == "layers"
    quantiles = [us for _, us in found["latency"]["compressed"]["quantiles_us"]]
    assert quantiles == sorted(quantiles)
    assert len(found["operators"]["rows"]) == len(
        ed.inspect(tiny_release.made(shapes) / "model.tflite").contents.operators
    )
    again = found["commands"]["compress"]
    assert again.startswith("edgedigits compress --recipe tiny_int8.yaml --model tiny.keras --scale 0..1 --data ")


def test_markdown_and_csv_say_the_same(made: ed.Report, tmp_path: Path) -> None:
    text = made.paths[2].read_text()
    accuracy = f"{100 * one(made)['accuracy']['compressed']['value']:.2f} %"
    assert accuracy in text.split("## ")[0]
    assert text.count("\n## ") == made.html.count("<section ")
    with made.write_csv(tmp_path / "page.csv").open() as file:
        rows = list(csv.DictReader(file))
    recall = next(row for row in rows if row["table"] == "classes" and row["column"] == "recall, float")
    assert float(recall["value"]) == one(made)["classes"]["per_class"][0]["float"]["recall"]
    assert set(made.to_frame("classes").columns) > {"artifact", "class", "float_recall", "compressed_auc"}
    assert "srcdoc=" in made._repr_html_()


def test_sections_in_order_with_the_sensitivity_given(made: ed.Report) -> None:
    page = make_page(made.document)
    (chapter,) = page.chapters
    keys = [section.key for section in chapter.sections]
    assert keys == ["classes", "flips", "calibration", "speed", "size", "layers", "sensitivity", "training", "origin"]
    assert not [section.key for section in chapter.sections if section.left_out]
    sensitivity = next(section for section in chapter.sections if section.key == "sensitivity")
    assert [type(block).__name__ for block in sensitivity.blocks] == ["Figure", "Table"]
    assert ">1.25</data>" in made.html


def test_data_that_is_gone_is_said(shapes: Path, tmp_path: Path) -> None:
    """Of an artifact that only points to its test images, made of what can't be found any more."""
    folder = copied(shapes, tmp_path / "gone")
    (folder / "eval.npz").unlink()
    files = {name: mark for name, mark in altered_manifest(folder)["files"].items() if name != "eval.npz"}
    altered(folder, data={"name": "nowhere"})
    (folder / "manifest.json").write_text(json.dumps(sealed({**altered_manifest(folder), "files": files})))
    found = ed.report(folder, **QUICK)
    assert set(one(found)["left_out"]) == {"classes", "calibration", "flips", "layers", "latency"}
    assert one(found)["accuracy"]["compressed"]["value"] == one(found)["manifest"]["test"]["accuracy"]
    assert Read(found.html).list_untraceable(found.document) == []
    assert "was made of nowhere, which can" in found.html
    assert "holds only a pointer to its test images, nowhere" in found.markdown


def test_several_stand_side_by_side(made: ed.Report, shapes: Path, tmp_path: Path) -> None:
    second = altered(copied(shapes, tmp_path / "second"), recipe={"name": "other"})
    both = {**made.document, "count": 2, "artifacts": [one(made), {**one(made), "manifest": altered_manifest(second)}]}
    both["points"] = _points(both["artifacts"])
    assert [point["form"] for point in both["points"]] == ["float", "compressed"], "equal files are one point"
    html = write_page(make_page(both), both)
    assert html.count("<article>") == 2
    assert "Models side by side" in html
    assert Read(html).list_untraceable(both) == []
    assert len(set(re.findall(r' id="([^"]+)"', html))) == len(re.findall(r'<section id="([^"]+)"', html)) + len(
        set(re.findall(r' id="(f\d+-[^"]+)"', html))
    )


def altered_manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def test_the_verdict_follows_from_what_was_found(made: ed.Report) -> None:
    found = one(made)
    assert judge(found)["state"] in ("holds", "weigh")
    clean = {**found, "layers": None, "manifest": {**found["manifest"], "warnings": [], "gates": []}, "latency": None}
    clean["left_out"] = {"latency": "nothing was timed"}
    same = {**found["accuracy"], "mcnemar_p": 0.4}
    assert judge({**clean, "accuracy": same})["state"] == "holds"
    worse = {**same, "mcnemar_p": 0.001, "change_points": {"value": -2.0, "low": -3.0, "high": -1.0}}
    assert judge({**clean, "accuracy": worse})["state"] == "weigh"
    assert judge({**clean, "accuracy": None})["accuracy"] == "unknown"
    assert judge({**clean, "accuracy": same, "latency": {"speedup": {"high": 0.9}}})["slower"]
    gate = {"gate": "max_bytes", "ok": False, "sentence": "is missed: 9 bytes"}
    missed = {**clean, "accuracy": same, "manifest": {**clean["manifest"], "gates": [gate]}}
    told = judge(missed)
    assert (told["state"], told["reasons"]) == ("fails", [["manifest", "gates", 0, "sentence"]])
    document = {**made.document, "artifacts": [{**missed, "verdict": told}]}
    html = write_page(make_page(document), document)
    assert "Not to ship" in html
    assert "Gate <span" in html


WRONG: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "artifacts: found none; give the folder of an artifact"),
    "no such folder": (["nowhere"], "nowhere: no such folder; give the folder of an artifact"),
    "a file": (["a.tflite"], "a.tflite: a file; give the folder of an artifact"),
    "no artifact": (["empty"], "not an artifact folder that can be used"),
    "altered": (["altered"], "missing or altered since it was written"),
    "twice": (["whole", "./whole"], "whole: given twice"),
    "another form": (["whole", "--out", "page.pdf"], "found .pdf; end it in .html"),
    "a folder": (["whole", "--out", "empty.html"], "empty.html: a folder; give the name of a file"),
    "another's JSON": (["whole", "--out", "flat.html"], "flat.json: is no report's JSON, and would be lost"),
    "unwritable": (["whole", "--out", "a.tflite/page.html"], "can't be written"),
    "no JSON": (["whole", "--sensitivity", "a.tflite"], "no JSON; give what"),
    "no probes": (["whole", "--sensitivity", "flat.json"], "holds no layers; give what"),
    "no layers": (["whole", "--sensitivity", "whole/manifest.json"], "holds no layers; give what"),
    "other data": (["whole", "--data", "digits"], "digits"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_sentence(name: str, shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"x")
    (tmp_path / "flat.json").write_text('{"layers": [{"layer": "a"}]}')
    for folder in ("empty", "empty.html"):
        (tmp_path / folder).mkdir()
    copied(shapes, tmp_path / "whole")
    spoilt = copied(shapes, tmp_path / "altered") / "model.tflite"
    spoilt.write_bytes(spoilt.read_bytes()[:-4] + b"hand")
    words, sentence = WRONG[name]
    done = edgedigits("report", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("edgedigits: ")]) == 1
    assert not (tmp_path / "report.html").exists()


def test_compress_and_bench_write_it_too(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = tiny_release.made(shapes).parent / "tiny.keras"
    typed = ["--recipe", "ptq_int8", "--model", tiny, "--data", shapes, "--scale", "0..1", "--report", "c.html"]
    done = CliRunner().invoke(cli, ["compress", *map(str, typed)], standalone_mode=False)
    assert done.exception is None, done.output
    assert json.loads(Path("c.json").read_text())["artifacts"][0]["left_out"] == {}
    (folder,) = Path("artifacts").iterdir()
    found = ed.bench(folder, str(shapes), windows=1, window=0.05, report="b.md", progress=False)
    assert isinstance(found, ed.Bench)
    latency = json.loads(Path("b.json").read_text())["artifacts"][0]["latency"]
    assert latency["compressed"]["p50_us"]["value"] == found.report.compressed.latencies[0].p50_us
    assert Path("b.md").read_text().startswith("# ")
    with pytest.raises(ed.InputError, match="report=: tells of an artifact"):
        ed.bench(folder / "float.tflite", str(shapes), pixel_range="0..1", report="b.html", progress=False)
    with pytest.raises(ed.InputError, match="leave out baseline="):
        ed.bench(folder, baseline=folder / "float.tflite", report="b.html", progress=False)
    with pytest.raises(ed.InputError, match="end it in"):
        ed.compress(tiny, str(shapes), recipe="ptq_int8", pixel_range="0..1", report="c.pdf", progress=False)


def test_names_from_files_are_text(made: ed.Report) -> None:
    found = one(made)
    evil = "<img src=x onerror=alert(1)>|`*"
    classes = {**found["classes"], "names": [evil, "b", "c"]}
    rows = [{**row, "class": evil} for row in classes["per_class"]]
    document = {**made.document, "artifacts": [{**found, "classes": {**classes, "per_class": rows}}]}
    html, markdown = (getattr(replace(made, document=document), form) for form in ("html", "markdown"))
    assert evil not in html
    assert "&lt;img src=x" in html
    assert "\\|\\`\\*" in markdown
    assert "<img src=x" not in markdown
