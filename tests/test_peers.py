"""The pure parts of the peers and pays benchmarks, and the timing loop on tiny nets: no peer is installed here."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import finished, tables
from benchmarks.drawing import draw
from benchmarks.fronts import front
from benchmarks.measuring import accuracy, right_in_litert, size
from benchmarks.pays import figure, report
from benchmarks.pays_entries import ENTRIES, Entry, targets
from benchmarks.pays_kept import kept
from benchmarks.pays_rows import row
from benchmarks.pays_table import pays_table
from benchmarks.peers import __main__ as peers
from benchmarks.peers.environments import HERE, PeerError, run
from benchmarks.peers.making import OURS, PEERS, Made
from benchmarks.peers.running import facts
from benchmarks.peers.table import peers_table
from benchmarks.racing import Window, few_images, p50, race, tflite_racer, timing
from benchmarks.without_amx import python_without_amx
from edgedigits.measure.bench import Contestant, describe_model
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.models.zoo.shipped import find_shipped_folder
from edgedigits.pipeline.recipe import load_recipe
from tests.tiny_artifact import tiny_artifact


def point(name: str, cost: float, gain: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "p50_us": cost, "raw_bytes": cost, "accuracy_percent": gain, **more}


def test_the_front_holds_what_nothing_beats_cheapest_first() -> None:
    rows = [point("big", 9, 99.9), point("worse", 9, 99.8), point("small", 1, 99.0), point("dear", 2, 99.0)]
    rows += [point("equal", 1, 99.0), {"name": "unknown", "p50_us": None, "accuracy_percent": 100.0}]
    assert front(rows, "p50_us") == ["equal", "small", "big"]
    assert front([], "p50_us") == []


def test_no_row_of_a_front_beats_another() -> None:
    rng = np.random.default_rng(1)
    rows = [point(str(at), float(cost), float(gain)) for at, (cost, gain) in enumerate(rng.integers(0, 30, (200, 2)))]
    best = [row for row in rows if row["name"] in front(rows, "p50_us")]
    for one in rows:
        beaten = any(
            other["p50_us"] <= one["p50_us"] and other["accuracy_percent"] > one["accuracy_percent"] for other in rows
        )
        beaten |= any(
            other["p50_us"] < one["p50_us"] and other["accuracy_percent"] >= one["accuracy_percent"] for other in rows
        )
        assert (one in best) is not beaten


def test_ours_is_ahead_where_it_is_smaller_faster_and_not_surely_less_accurate() -> None:
    peer = point("peer", 10, 99.5, tool="plain tfmot", recipe="prune80_int8")

    def ours(cost: float, points: float, p: float) -> dict[str, Any]:
        return point("ours", cost, 99.5 + points, tool=OURS, against={"peer": {"points": points, "mcnemar_p": p}})

    assert peers.ahead(ours(9, -0.1, 0.3), peer)
    assert peers.ahead(ours(9, 0.2, 0.001), peer)
    assert not peers.ahead(ours(9, -0.2, 0.01), peer)
    assert not peers.ahead(ours(10, 0.2, 1.0), peer)
    assert not peers.ahead({**ours(9, 0.2, 1.0), "p50_us": 11}, peer)
    met = peers.targets([peer, ours(9, -0.1, 0.3), ours(9, 0.0, 1.0), {**peer, "recipe": "float32"}])
    assert [(one["got"], one["met"]) for one in met] == [(2, True)]
    assert [(one["got"], one["met"]) for one in peers.targets([peer, ours(20, 0.0, 1.0)])] == [(0, False)]


def windows(*medians: float, void: str | None = None) -> list[Window]:
    return [Window(np.full(50, median), void if at == 0 else None) for at, median in enumerate(medians)]


def test_times_are_medians_over_the_rounds_that_count() -> None:
    found = timing(windows(900, 100, 100, 102, void="load from others 60 %"), windows(90, 10, 10, 10))
    assert (found["p50_us"], found["times_faster"], found["valid_rounds"]) == (10, 10, 3)
    assert found["times_faster_low"] <= 10 <= found["times_faster_high"] <= 10.2
    assert found["window_p50_us"] == [90, 10, 10, 10]
    all_void = timing([Window(np.full(9, 4.0), "x")], [Window(np.full(9, 2.0), "y")])
    assert (all_void["valid_rounds"], all_void["times_faster"], all_void["void_reasons"]) == (0, 2, ["y"])
    spread = p50([window.laps_us for window in windows(1, 2, 3, 4, 5)])
    assert spread.low < spread.value == 3 < spread.high


def test_every_round_visits_every_model_once_in_a_new_order() -> None:
    visited: list[str] = []

    def racer(name: str) -> Any:
        def timed(seconds: float) -> Window:
            visited.append(name)
            return Window(np.full(3, seconds), None)

        return timed

    found = race({name: racer(name) for name in "abc"}, 3, 0.5, lambda _: None)
    assert "".join(visited) == "abcbcacab"
    assert {name: len(each) for name, each in found.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_tflite_file_is_timed_and_counted_in_processes_of_its_own(tmp_path: Path) -> None:
    folder = tiny_artifact(tmp_path / "tiny", images=80)
    path, images = folder / "model.tflite", folder / "eval.npz"
    runner = RunnerProcess(Path(sys.executable), tmp_path, lambda _: None)
    right = right_in_litert(runner, Contestant("tiny", path), images)
    window = tflite_racer(runner, describe_model(Contestant("tiny", path)), few_images(images, tmp_path / "few.npz"))(
        0.02
    )
    assert right.shape == (80,)
    assert len(window.laps_us) >= 10
    assert (window.laps_us > 0).all()
    assert size(path)["raw_bytes"] == path.stat().st_size > size(path)["gzip_bytes"]


def test_accuracy_is_counted_image_by_image() -> None:
    ours = np.array([True] * 97 + [False] * 3)
    found = accuracy(np.roll(ours, 1), ours)
    assert (found["right"], found["only_float_right"], found["only_own_right"], found["mcnemar_p"]) == (97, 1, 1, 1.0)
    assert found["accuracy_low"] < found["accuracy_percent"] == 97 < found["accuracy_high"]


def seed(number: int, percent: float, **more: Any) -> dict[str, Any]:
    return {
        "seed": number,
        "accuracy_percent": percent,
        "accuracy_low": percent - 0.1,
        "accuracy_high": percent + 0.1,
        "images": 10_000,
        "mcnemar_p": 0.5,
        "points_against_float": percent - 99.67,
        "raw_bytes": 10_000,
        "gzip_bytes": 9_000,
        "p50_us": 4.0 + number,
        "times_faster": 25.0 - number,
        "times_faster_low": 20.0,
        "times_faster_high": 30.0,
        "instructions_a53": 500_000,
        "instructions_a72": 400_000,
        "instructions_a76": 150_000,
        "cycles_a53": 600_000,
        "cycles_a72": 200_000,
        "cycles_a76": 60_000,
        "seconds": 1000.0 + number,
        "cached": False,
    } | more


FLOAT = seed(
    0,
    99.67,
    raw_bytes=1_324_124,
    instructions_a72=4_000_000,
    instructions_a76=3_900_000,
    cycles_a53=5_400_000,
    cycles_a72=2_900_000,
    cycles_a76=1_500_000,
    p50_us=100.0,
    times_faster=1.0,
)


def test_of_several_seeds_the_accuracy_is_the_median_and_costs_are_the_largest() -> None:
    seeds = [seed(0, 99.5, cycles_a76=50_000), seed(1, 99.3, raw_bytes=10_300), seed(2, 99.4, mcnemar_p=0.01)]
    found = row(Entry("smallest994", seeds=(0, 1, 2)), seeds, FLOAT)
    assert (found["accuracy_percent"], found["accuracy_low"], found["accuracy_high"]) == (99.4, 99.3, 99.5)
    assert (found["raw_bytes"], found["p50_us"], found["times_faster"], found["mcnemar_p"]) == (10_300, 5.0, 24.0, 0.01)
    fewer = [found[f"times_fewer_{kind}_{core}"] for kind in ("instructions", "cycles") for core in ("a72", "a76")]
    assert fewer == [10, 26, 14.5, 25]
    assert found["share_of_float_bytes"] == pytest.approx(10_300 / 1_324_124)
    one = row(Entry("shrink80_int8"), [seed(0, 99.5)], FLOAT)
    assert (one["accuracy_low"], one["accuracy_high"]) == pytest.approx((99.4, 99.6))


def all_rows(**of_every_one: Any) -> dict[str, dict[str, Any]]:
    best = {
        "points_against_float": 0.0,
        "raw_bytes": 5_000,
        "times_faster": 40.0,
        "instructions_a72": 200_000,
    } | of_every_one
    return {entry.name: row(entry, [seed(number, 99.8, **best) for number in entry.seeds], FLOAT) for entry in ENTRIES}


def test_targets_are_those_of_the_issue_and_met_where_they_are() -> None:
    met = targets(all_rows())
    assert [one["name"] for one in met if not one["met"]] == []
    assert len(met) == 5 + 4 + 2 + 3 + 3 + 4 + 1
    wanted = {one["name"]: one["wanted"] for one in met}
    assert wanted["best small: raw bytes"] == "<= 32768"
    assert wanted["most accurate single net: raw bytes"] == "<= 368640"
    assert wanted["mobilenet_v2, shrunken: share of its float file"] == "<= 0.125"


def test_what_is_missed_or_missing_stays_in_unmet() -> None:
    rows = all_rows()
    rows["shrink80_int8"] |= {"accuracy_percent": 99.4999, "mcnemar_p": 0.05}
    del rows["fastest994"]
    found = {one["name"]: one for one in targets(rows)}
    assert not found["shrink80_int8: accuracy"]["met"]
    assert not found["shrink80_int8: McNemar p against float"]["met"]
    assert (found["fastest994: accuracy"]["got"], found["fastest994: accuracy"]["met"]) == (None, False)
    assert not found["the slowest recipe, of all measured whole"]["met"]
    slow = {one["name"]: one for one in targets(all_rows(seconds=1801.0))}
    assert not slow["the slowest recipe, of all measured whole"]["met"]
    kept = {one["name"]: one for one in targets(all_rows(cached=True))}
    assert (kept["the slowest recipe, of all measured whole"]["got"], kept["shrink80_int8: accuracy"]["met"]) == (
        None,
        True,
    )


@pytest.fixture
def pays() -> dict[str, Any]:
    rows = all_rows()
    del rows["mobile_shrink_int8, mobilenet_v2"]
    whole = report(
        rows,
        {"cnn": FLOAT},
        ["mobile_shrink_int8, mobilenet_v2, seed 0: not there"],
        command="x",
        rounds=3,
        window_s=0.1,
    )
    found: dict[str, Any] = json.loads(json.dumps(whole))
    return found


def test_the_pays_table_and_figure_hold_every_row(pays: dict[str, Any], tmp_path: Path) -> None:
    table = pays_table(pays)
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 1 + len(ENTRIES) - 1
    assert {line.count("|") for line in lines} == {12}
    assert "0.600 ms (9.0x) | 0.500 ms (9.0x) | 0.111 ms (14.5x) | 0.0250 ms (25.0x)" in table
    assert "Missing: mobile_shrink_int8, mobilenet_v2, seed 0: not there." in table
    assert "| `smallest994` | 99.80 % (99.80–99.80) | 5,000 |" in table
    assert (
        "| mobilenet_v2, shrunken: accuracy against its float | >= -0.1 | not measured | **no** |"
        in tables.targets_table(pays)
    )
    figure(pays, tmp_path / "pays.svg")
    drawn = (tmp_path / "pays.svg").read_bytes()
    assert all(f">{entry.recipe}<".encode() in drawn for entry in ENTRIES if entry.model == "cnn")
    assert len(drawn) < 200_000


def test_times_with_amx_stand_beside_those_without(pays: dict[str, Any]) -> None:
    assert "AMX" not in pays_table(pays)
    entry = next(entry for entry in ENTRIES if entry.recipe == "best32k_int8")
    timed = [
        seed(number, 99.6, times_faster=15.1, amx_p50_us=40.0, amx_times_faster=times)
        for number, times in enumerate((4.0, 3.9, 4.1))
    ]
    new = {**pays["rows"][1], **row(entry, timed, FLOAT)}
    pays["rows"] = [new if one["name"] == entry.name else one for one in pays["rows"]]
    table = pays_table(pays)
    assert "| 15.1x (AMX 4.0x) |" in table
    assert "which no Raspberry Pi has" in table


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AMX is of x86-64")
def test_without_amx_the_kernel_refuses_its_tiles_and_nothing_else(tmp_path: Path) -> None:
    asks = (
        "import ctypes, sys; libc = ctypes.CDLL(None, use_errno=True); at = ctypes.c_ulong();"
        "asked = libc.syscall(158, 0x1023, 18), ctypes.get_errno();"
        "other = libc.syscall(158, 0x1003, ctypes.byref(at));"  # ARCH_GET_FS
        "print(asked == (-1, 1), other == 0 and at.value > 0, sys.argv[1])"
    )
    python = python_without_amx(tmp_path)
    said = subprocess.run([python, "-c", asks, "a b"], capture_output=True, text=True, check=True)
    assert said.stdout == "True True a b\n"


def test_rows_of_an_earlier_run_stay_beside_those_of_a_new_one(pays: dict[str, Any]) -> None:
    there = {"cpu": "another CPU", "cores": 2, "commit": "abc", "rounds": 3, "window_s": 0.1}
    before = {**pays, "commit": "abc", "machine": {"cpu": "another CPU", "cores": 2}}
    for one in (*before["rows"], *before["floats"].values()):
        del one["measured"]
    before["rows"].append({"name": "gone994", "recipe": "gone994"})
    others = [entry for entry in ENTRIES if entry.recipe != "smallest994"]
    rows, floats, missing = kept(before, others)
    assert missing == ["mobile_shrink_int8, mobilenet_v2, seed 0: not there"]
    assert set(rows) == {entry.name for entry in others} - {"mobile_shrink_int8, mobilenet_v2"}
    assert rows["ptq_int8"]["measured"] == floats["cnn"]["measured"] == there
    merged = report(
        {**rows, "smallest994": all_rows()["smallest994"]}, floats, missing, command="x", rounds=9, window_s=0.5
    )
    assert [row["name"] for row in merged["rows"]] == [entry.name for entry in ENTRIES if entry.model == "cnn"]
    assert {row["measured"]["cpu"] == "another CPU" for row in merged["rows"] if row["name"] != "smallest994"} == {True}
    (caption,) = (line for line in pays_table(merged).splitlines() if line.startswith("MNIST's"))
    assert "`ptq_int8` on another CPU (3 rounds)" in caption
    assert f"`smallest994` on {merged['machine']['cpu']} (9 rounds)" in caption


def peer_row(tool: str, recipe: str, percent: float, **more: Any) -> dict[str, Any]:
    made = Made(tool, f"{tool} 1.0", recipe, Path("x.tflite"), 12.0)
    own = {"p50_low_us": 3.9, "p50_high_us": 4.1}
    return {
        **facts(made),
        **{k: v for k, v in seed(0, percent).items() if k not in ("seconds", "cached")},
        **own,
        **more,
    }


def test_the_peers_table_has_every_file_every_failure_and_every_version() -> None:
    rows = [
        peer_row("none", "float32", 99.67),
        peer_row("plain tfmot", "prune80_int8", 99.5),
        peer_row(OURS, "smallest994", 99.6),
    ]
    failed = [{"tool": "ONNX Runtime", "recipe": "", "reason": "no wheel"}]
    machine = {"cpu": "a CPU"}
    table = peers_table({"rows": rows, "failed": failed, "machine": machine, "rounds": 9, "window_s": 0.5})
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 3 + 1
    assert {line.count("|") for line in lines} == {10}
    assert "| ONNX Runtime |  | failed: no wheel |" in table
    assert "edgedigits 1.0" in table


def test_the_figure_has_a_panel_for_each_cost_and_is_the_same_for_the_same_rows(tmp_path: Path) -> None:
    rows = [peer_row(tool, "x", 99.5, raw_bytes=1000 * at, p50_us=at) for at, tool in enumerate(PEERS.values(), 1)]
    for name in ("peers.svg", "again.svg"):
        draw(rows, peers.COSTS, tmp_path / name)
    assert (tmp_path / "peers.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
    drawn = (tmp_path / "peers.svg").read_text()
    assert [drawn.count(f">{label}<") for label in peers.COSTS.values()] == [1, 1]


def test_every_peer_has_pinned_requirements_with_hashes_and_a_script() -> None:
    for peer in PEERS:
        text = (HERE / peer / "requirements.txt").read_text()
        pins = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
        assert len(pins) >= 10
        assert all(re.match(r"[\w.-]+==[\w.]+ ", pin) for pin in pins), peer
        assert text.count("--hash=sha256:") > len(pins)
        assert "://" not in text
        compile((HERE / peer / "make.py").read_text(), peer, "exec")


def test_a_peer_that_fails_is_named_with_its_last_words_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails() -> list[Made]:
        run([sys.executable, "-c", "import sys; sys.exit('no such wheel')"])
        return []

    good = Made("tool", "1", "x", Path("x"), 1.0)
    made, failed = peers._make({("bad", ""): fails, ("tool", ""): lambda: [good]})
    assert made == [good]
    assert failed[0]["tool"] == "bad"
    assert failed[0]["reason"].endswith("ended with 1: no such wheel")
    assert "FAILED" in capsys.readouterr().out
    with pytest.raises(PeerError, match="nonesuch"):
        run(["/nonesuch/python"])


def test_finished_artifacts_are_found_by_recipe_settings_model_seed_and_data(tmp_path: Path) -> None:
    folder = tiny_artifact(tmp_path / "s1" / "cnn-ptq_int8-00000000")
    recipe = load_recipe("ptq_int8")
    manifest = json.loads((folder / "manifest.json").read_text())
    model = hashlib.sha256((find_shipped_folder() / "cnn.keras").read_bytes()).hexdigest()
    manifest |= {
        "model": {"name": "cnn", "sha256": model},
        "recipe": {**recipe.as_dict(), "for": "said otherwise"},
        "seed": 1,
        "data": {**manifest["data"], "name": "mnist"},
        "stages": [
            {"stage": "load", "seconds": 0.5, "cached": False},
            {"stage": "prune", "seconds": 0.1, "cached": True, "made_in_seconds": 60.1},
            {"stage": "qat", "seconds": 2.0, "cached": True},
        ],
        "export": {"export": "int8", "seconds": 1.5},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    said: list[str] = []
    found = finished.in_folder(tmp_path, said.append)
    (one,) = found
    assert finished.matching(found, recipe, "cnn", 1) == one
    assert finished.matching(found, recipe, "cnn", 0) is None
    assert finished.matching(found, recipe, "nano", 1) is None
    assert finished.matching(found, load_recipe("dynamic_int8"), "cnn", 1) is None
    assert finished.seconds(one) == {"seconds": 64.1, "cached": True}
    one.manifest["stages"].pop()
    assert finished.seconds(one) == {"seconds": 62.1, "cached": False}
    assert finished.have("ptq_int8", "cnn", 1, found, tmp_path, said.append, make_it=False) == one
    assert finished.have("ptq_int8", "cnn", 2, found, tmp_path, said.append, make_it=False) is None
    (folder / "golden.npz").write_bytes(b"altered")
    assert finished.in_folder(tmp_path, said.append) == []
    assert said[-1].startswith("left out: ")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--recipes", "nosuch"], "recipe nosuch: no such file, and no shipped recipe of that name"),
        (["--recipes", "ptq_int8,prune80_in8"], "nearest: prune80_int8"),
        (["--artifacts", "/proc/nowhere"], "can't be written"),
        (["--rounds", "0"], "wanted at least one round"),
        (["--window", "0"], "of 0.01 to 600 seconds"),
    ],
)
def test_peers_looks_before_it_runs(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "measure", lambda *_: pytest.fail("it ran"))
    monkeypatch.setattr(sys, "argv", ["peers", *words])
    with pytest.raises(SystemExit) as ended:
        peers.main()
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
