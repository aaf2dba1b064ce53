"""`bench --host` and `fleet bench` against a real sshd with a real environment behind it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import edgedigits as ed
from edgedigits.api.render import bench
from edgedigits.devices.deploy import DeployWish, choose_packages
from edgedigits.devices.remote_bench import bench_there, compare_reports
from edgedigits.devices.ssh.device import connect
from edgedigits.errors import CheckError, InputError
from edgedigits.measure.bench_job import BenchTask, BenchWish, bench_here, make_task
from edgedigits.measure.bench_result import Report
from edgedigits.measure.runtimes.wheelhouse import collect
from edgedigits.measure.runtimes.wheels import find_pip_wheel
from tests import sshd
from tests.both_ways import compared
from tests.sshd import Sshd
from tests.tiny_artifact import tiny_artifact
from tests.warm import edgedigits

QUICK = ("--windows", "1", "--window", "0.05")


@pytest.fixture(scope="module")
def wish(server: Sshd) -> DeployWish:
    """A folder with its environment made."""
    wish = DeployWish(server.target, no_network=True, ssh_config=server.config)
    with connect(wish.address, wish.directory, print) as device:
        packages = choose_packages(device, "auto")
        try:
            collect([find_pip_wheel(), *packages.wheels], packages.python, print)
        except InputError as error:
            pytest.skip(f"the package index can't be reached: {error}")
        device.environment(packages, True, print)
    return wish


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_artifact(tmp_path_factory.mktemp("artifact") / "tiny")


def quick(made: Path, folder: Path) -> BenchTask:
    return make_task(BenchWish(tflite=made, windows=1, window=0.05), folder)


def test_both_machines_answer_alike_and_nothing_is_left(
    server: Sshd, wish: DeployWish, made: Path, tmp_path: Path
) -> None:
    work = quick(made, tmp_path)
    there, doctor = bench_there(work, wish, print)
    here = bench_here(work, print)
    found = compare_reports("device", here, there, doctor)
    assert doctor["verdict"] == "bit-identical"
    assert [(each.images, each.otherwise) for each in found.agreement] == [(20, 0), (20, 0)]
    assert there.compressed.sha256 == here.compressed.sha256
    assert there.compressed.latencies[0].p50_us > 0
    assert sorted(item.name for item in (server.seen / "edgedigits").iterdir()) == [".lock", "venvs"]


def test_a_file_from_elsewhere_is_measured_too(wish: DeployWish, made: Path, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.tflite"
    file.write_bytes((made / "model.tflite").read_bytes())
    data = tmp_path / "data.npz"
    images = np.random.default_rng(0).integers(0, 256, (30, *np.load(made / "eval.npz")["images"].shape[1:]), np.uint8)
    labels = np.repeat(np.arange(3), 10)
    np.savez(data, x_train=images, y_train=labels, x_test=images, y_test=labels)
    work = make_task(BenchWish(tflite=file, data=str(data), scale="0..1", windows=1, window=0.05), tmp_path)
    there, doctor = bench_there(work, wish, print)
    assert doctor == {}
    assert (there.images, there.baseline) == (30, None)


def test_what_the_doctor_refuses_is_not_measured(wish: DeployWish, tmp_path: Path) -> None:
    wrong = tiny_artifact(tmp_path / "wrong", wrong=True)
    with pytest.raises(CheckError, match=r"not measured, for the doctor there refuses: "):
        bench_there(quick(wrong, tmp_path), wish, print)


def test_the_command_shows_both_machines_and_keeps_the_result(
    server: Sshd, wish: DeployWish, made: Path, tmp_path: Path
) -> None:
    options = ("--ssh-config", server.config, "--no-network", "--out", tmp_path / "kept", *QUICK)
    shown = edgedigits("bench", "--tflite", made, "--host", server.target, *options)
    assert shown.returncode == 0, shown.stderr
    assert "Both machines answer all 20 images alike." in " ".join(shown.stdout.split())
    assert "the doctor there says: bit-identical" in " ".join(shown.stdout.split())
    (kept,) = (tmp_path / "kept").iterdir()
    document = json.loads(kept.read_text())
    assert kept.name == "pi_127.0.0.1-tiny_int8.json" or server.user != "pi"
    assert (document["kind"], document["device"]) == ("bench on a device", server.target)
    assert document["there"]["compressed"]["sha256"] == document["here"]["compressed"]["sha256"]


def test_the_commands_and_the_functions_say_the_same(
    server: Sshd, wish: DeployWish, made: Path, tmp_path: Path
) -> None:
    """But for what is measured on the two machines."""
    up = {"host": server.target, "name": "up", "ssh_config": str(server.config), "no_network": True}
    hosts = tmp_path / "hosts.yaml"
    hosts.write_text(yaml.safe_dump({"hosts": [up]}))
    fleet = edgedigits("fleet", "bench", hosts, "--tflite", made, "--out", tmp_path, "--json", *QUICK)
    options = ("--host", server.target, "--ssh-config", server.config, "--no-network", "--out", tmp_path, "--json")
    one = edgedigits("bench", "--tflite", made, *options, *QUICK)
    quick: dict[str, Any] = {"windows": 1, "window": 0.05, "out": tmp_path, "progress": False}
    found = ed.fleet_bench(hosts, made, **quick)
    alone = ed.bench(made, host=server.target, ssh_config=server.config, no_network=True, **quick)
    for done, own in ((fleet, found), (one, alone)):
        assert done.returncode == 0, done.stderr
        said = compared(json.loads(done.stdout), "bench")
        assert compared(json.loads(json.dumps(own.as_json())), "bench") == said
        assert any("agreement" in path for path in said)


def test_operators_are_timed_there_and_nothing_is_left(
    server: Sshd, wish: DeployWish, made: Path, tmp_path: Path
) -> None:
    options = ("--host", server.target, "--ssh-config", server.config, "--no-network", "--json")
    done = edgedigits("profile", made, *options, *QUICK)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["device"], told["environment"]["runtime"]) == (server.target, "litert")
    here = ed.profile(made, windows=1, window=0.05, progress=False).as_json()
    same = ("index", "kind", "version", "macs", "xnnpack", "why_not", "would_change")
    assert [[one[key] for key in same] for one in told["operators"]] == [
        [one[key] for key in same] for one in here["operators"]
    ]
    assert all(one["us"] for one in told["operators"])
    assert sorted(item.name for item in (server.seen / "edgedigits").iterdir()) == [".lock", "venvs"]


def test_a_fleet_is_one_table_and_one_that_is_down_a_row_with_the_reason(
    server: Sshd, wish: DeployWish, made: Path, tmp_path: Path
) -> None:
    up = {"host": server.target, "name": "up", "ssh_config": str(server.config), "no_network": True}
    down = {"host": server.target, "name": "down", "ssh_config": str(server.config), "port": sshd.free_port()}
    (tmp_path / "hosts.yaml").write_text(yaml.safe_dump({"hosts": [down, up]}))
    done = edgedigits("fleet", "bench", tmp_path / "hosts.yaml", "--tflite", made, "--out", tmp_path, "--json", *QUICK)
    assert done.returncode == 1, done.stderr
    first, second = json.loads(done.stdout)["devices"]
    assert first["device"] == "down"
    assert "nothing listens on port" in first["error"]
    assert second["device"] == "up"
    assert second["agreement"][1]["otherwise"] == 0
    shown = edgedigits("fleet", "bench", tmp_path / "hosts.yaml", "--tflite", made, "--out", tmp_path, *QUICK)
    assert shown.returncode == 1
    assert "nothing listens on port" in " ".join(shown.stdout.split())
    kept = json.loads((tmp_path / "up-tiny_int8.json").read_text())
    (speedup,) = kept["there"]["comparison"]["speedups"]
    for word in bench.word_ratio(speedup["ratio"]["value"], ("faster", "slower")).split():
        assert word in shown.stdout.split()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--port", "22"), "--port: is about a device; say which one with --host USER@HOST"),
        (("--host", "pi@a", "--runtime", "tensorflow"), "--runtime tensorflow: not for a device"),
        (("--host", "-oProxyCommand=touch x"), "not USER@HOST"),
    ],
)
def test_options_that_make_no_sense_are_refused(made: Path, words: tuple[str, ...], why: str) -> None:
    done = edgedigits("bench", "--tflite", made, *words)
    assert done.returncode == 2
    assert why in done.stderr


def test_reports_that_differ_are_counted(made: Path, tmp_path: Path) -> None:
    here = bench_here(quick(made, tmp_path), print)
    other = here.compressed.answers.copy()
    other[:3] += 1
    there: Report = replace(here, compressed=replace(here.compressed, answers=other))
    assert [each.otherwise for each in compare_reports("x", here, there, {}).agreement] == [0, 3]
