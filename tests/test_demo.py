"""The demo: two compressed forms of one model beside its float form, in one run and one table, with what boards would take."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import edgedigits as ed
from edgedigits.api.demo import demo as module
from edgedigits.api.render.demo import conclude
from edgedigits.data.sources import named
from edgedigits.measure import bench_job
from edgedigits.measure.cost.cycle_model import foretell
from edgedigits.measure.cost.forms import Forms
from edgedigits.pipeline import loop, prepare
from edgedigits.pipeline.recipe import load_recipe
from edgedigits.tflite.flatbuffer import read
from tests import tiny_release

FORMS = ["float", "ptq_int8", "float16"]


@dataclass(frozen=True)
class Done:
    """The demo, what it said, and the names of the exports that it made."""

    demo: ed.Demo
    said: list[str]
    exports: list[str]


def lack() -> Path:
    raise ed.DataError("no MNIST, and nothing is fetched")


@pytest.fixture(scope="module")
def done(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The demo of a tiny net, by two recipes that train nothing, where there is no MNIST."""
    exports: list[str] = []
    said: list[str] = []
    export = loop._export

    def exported(job: Any, name: str, *more: Any) -> Any:
        exports.append(name)
        return export(job, name, *more)

    def job(recipe: ed.Recipe, wish: prepare.Wish, *told: Any) -> Any:
        assert (wish.zoo, wish.data) == ("cnn", "digits")
        return prepared(recipe, prepare.Wish(model=tiny, data=str(shapes), scale="0..1"), *told)

    tiny = tiny_release.made(shapes).parent / "tiny.keras"
    prepared, quick = prepare.prepare_job, partial(bench_job.bench_artifacts, windows=2, window=0.05)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(named, "find_mnist", lack)
        patch.setattr(prepare, "prepare_job", job)
        patch.setattr(bench_job, "bench_artifacts", quick)
        patch.setattr(loop, "_export", exported)
        patch.setattr(module, "choose_recipes", lambda data: tuple(map(load_recipe, FORMS[1:])))
        found = ed.demo(tmp_path_factory.mktemp("demo"), progress=lambda what, share: said.append(what))
    return Done(found, said, exports)


def test_all_forms_take_turns_in_one_run_and_what_they_share_is_made_once(done: Done) -> None:
    assert [line for line in done.said if line.endswith("models")] == ["litert 2.3.0: 90 images, 3 models"]
    assert done.exports == ["float32", "int8", "float16"]
    first, second = done.demo.found.reports
    assert first.baseline == second.baseline
    assert [one.name for one in done.demo.found.models] == FORMS
    assert done.said.count(f"note: {module._NO_MNIST}") == 1
    assert [f"artifact: {one.path}" in done.said for one in done.demo.artifacts] == [True, True]
    assert done.demo.artifacts[0].manifest["recipe"]["name"] == "ptq_int8"
    assert done.demo.artifacts[0].path.joinpath("float.tflite").read_bytes() == (
        done.demo.artifacts[1].path.joinpath("float.tflite").read_bytes()
    )


def test_every_form_is_foretold_for_every_core(done: Done) -> None:
    boards = done.demo.to_frame("boards")
    assert list(boards["model"]) == FORMS * 3
    assert list(boards["cpu"]) == ["cortex-a53"] * 3 + ["cortex-a72"] * 3 + ["cortex-a76"] * 3
    files = [read(Path(one.path).read_bytes(), one.name) for one in done.demo.found.models]
    for at, device in enumerate(("zero2", "pi4", "pi5")):
        wanted = [foretell(each, device) for each in files]
        rows = done.demo.found.boards[3 * at : 3 * at + 3]
        assert [(one.cycles, one.ms, one.memory_ms) for one in rows] == [
            (one.cycles, one.ms, one.memory_ms) for one in wanted
        ]
        assert [one.times_fewer for one in rows] == [wanted[0].cycles / one.cycles for one in wanted]


def test_the_json_holds_all_of_it(done: Done) -> None:
    found = json.loads(json.dumps(done.demo.as_json()))
    assert (found["kind"], found["data"], found["notes"]) == ("demo", "digits", [module._NO_MNIST])
    assert found["artifacts"] == [str(one.path) for one in done.demo.artifacts]
    assert [one["compressed"]["name"] for one in found["benches"]] == FORMS[1:]
    assert [(one["model"], one["device"]) for one in found["foretold"]][:3] == [(name, "zero2") for name in FORMS]
    assert found["conclusion"] == conclude(done.demo.found)
    assert list(done.demo.to_frame()["model"]) == FORMS
    assert list(done.demo.to_frame("windows")["model"]) == [name for name in FORMS for _ in range(2)]


def cells(text: str, label: str) -> list[str]:
    """The words of the one row of the table that begins so."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(label)]
    return line.replace(label, "").split()


def test_one_table_shows_it_all(done: Done) -> None:
    text = str(done.demo)
    assert max(map(len, text.splitlines())) <= 100
    models = done.demo.found.models
    assert [word for word in cells(text, "raw bytes") if "," in word] == [f"{one.raw_bytes:,}" for one in models]
    pi4 = done.demo.found.boards[3:6]
    assert cells(text, "Pi 4, cycles") == [
        f"{pi4[0].cycles:,}",
        *(word for one in pi4[1:] for word in (f"{one.cycles:,}", *fewer(one.times_fewer))),
    ]
    assert "foretold from the files' shapes" in text
    assert f"What pays: {conclude(done.demo.found)[:20]}" in text


def fewer(times: float) -> list[str]:
    from edgedigits.api.render.bench import word_ratio

    return word_ratio(times, ("fewer", "more")).split()


def test_why_is_said_of_the_form_that_it_is_true_of(done: Done) -> None:
    def why(*said: str) -> list[str]:
        reports = tuple(
            replace(report, comparison=replace(report.comparison, why_no_faster=one))  # type: ignore[type-var]
            for report, one in zip(done.demo.found.reports, said, strict=True)
        )
        text = str(replace(done.demo, found=replace(done.demo.found, reports=reports)))
        return [line.strip() for line in text.splitlines() if line.startswith("Why")]

    assert why("no dot product here; a Pi 5 has one", "") == [
        "Why ptq_int8 is no faster: no dot product here; a Pi 5 has one."
    ]
    assert why("", "so it is") == ["Why float16 is no faster: so it is."]


def test_the_fastest_form_is_told_first(done: Done) -> None:
    def timed(found: Forms, *us: float) -> Forms:
        reports = []
        for report, one in zip(found.reports, us, strict=True):
            latency = replace(report.compressed.latencies[0], p50_us=one)
            reports.append(replace(report, compressed=replace(report.compressed, latencies=(latency,))))
        return replace(found, reports=tuple(reports))

    before = done.demo.found.models[0].latencies[0].p50_us
    said = conclude(timed(done.demo.found, before * 2, before / 4))
    assert said.startswith("float16 is 4.0 times as fast as float here, foretold ")
    assert "; ptq_int8 is 0.5 times as fast as float here" in said
    assert conclude(timed(done.demo.found, before / 4, before)).startswith("ptq_int8 is 4.0 times as fast")
    times = {one.device: one.times_fewer for one in done.demo.found.boards if one.model == "float16"}
    assert (
        f"{times['zero2']:.1f} on a Pi Zero 2 W, {times['pi4']:.1f} on a Pi 4 and {times['pi5']:.1f} on a Pi 5" in said
    )


def test_what_is_shortened_is_said_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "find_mnist", lambda: Path("mnist.npz"))
    data, (note,) = module._find_data()
    first, second = module.choose_recipes(data)
    assert first == load_recipe("prune80_int8")
    assert second == load_recipe("shrink80_int8").shortened(module.SHARE)
    assert note.startswith(f"{second.name} is shrink80_int8 with {100 * module.SHARE:.0f} % of its training")
    assert "`edgedigits compress --recipe shrink80_int8 --zoo cnn`" in note
    monkeypatch.setattr(named, "find_mnist", lack)
    data, notes = module._find_data()
    assert module.choose_recipes(data) == (load_recipe("prune80_int8"), load_recipe("shrink80_int8"))
    assert notes == (module._NO_MNIST,)
