"""Measure the device side: an emulated Pi 4 without a network, and the runner's own cost on this machine.

    python -m benchmarks.device_job [--cuts N]

Writes `benchmarks/results/device.json`. Needs MNIST, and a machine that can emulate a Pi (see `make pi`). Emulated times say how
long the steps take here and nothing about a Pi; what the answers are does not depend on that.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner.arrays import decode
from edgedigits_runner.kept import sealed

from benchmarks.cutting import Relay, cut_deploy
from benchmarks.document import document, save, target
from benchmarks.emulated_pi.pi import booted
from benchmarks.overhead import overhead
from benchmarks.pi_story import ROOT, artifact, quick, wish_for
from edgedigits.devices.deploy import DeployWish, choose_packages, deploy
from edgedigits.devices.remote_bench import RemoteRunner, bench_there
from edgedigits.devices.runner_archive import NAME as RUNNER
from edgedigits.devices.runner_archive import build_runner
from edgedigits.devices.ssh.device import connect
from edgedigits.ground.artifact_folder import hash_file
from edgedigits.measure.bench import Contestant, describe_model
from edgedigits.measure.local_runner import RunnerProcess
from edgedigits.measure.runtimes.environments import clean_environment, find_python_for
from edgedigits.tflite.interpreter import TfliteModel

RESULT = ROOT / "benchmarks" / "results" / "device.json"
IMAGES = 1000
RUNTIMES = ("litert", "tflite-runtime")
ANSWERS = ("class", "runner_up")
SCORES = ("score", "runner_up_score")


def compressed(zoo: str, folder: Path) -> Path:
    """A shipped baseline as int8, with MNIST's test images."""
    command = [sys.executable, "-m", "edgedigits.cli", "compress", "--recipe", "ptq_int8", "--zoo", zoo, "--json"]
    done = subprocess.run([*command, "--out", str(folder)], capture_output=True, text=True, check=True)
    return Path(json.loads(done.stdout)["path"])


def with_images(made: Path, count: int, runtime: Any) -> Path:
    """The artifact with the first test images only, its golden vectors what `runtime`'s reference kernels say of them here."""
    small = made.with_name(f"{made.name}-{count}-{runtime}")
    shutil.copytree(made, small)
    data = np.load(made / "eval.npz")
    images, labels = data["images"][:count], data["labels"][:count]
    manifest = json.loads((made / "manifest.json").read_text())
    model = made / "model.tflite"
    inputs = TfliteModel(model.read_bytes()).inputs(images, manifest["input"]["scale"])
    with tempfile.TemporaryDirectory() as name:
        given, said = Path(name) / "inputs.npy", Path(name) / "outputs.npy"
        np.save(given, inputs)
        command = [find_python_for(runtime, print), Path(__file__).with_name("reference.py"), model, given, said]
        subprocess.run(command, env=clean_environment(), check=True)
        outputs = np.load(said)
    np.savez_compressed(small / "eval.npz", images=images, labels=labels)
    np.savez_compressed(small / "golden.npz", inputs=inputs, outputs=outputs, test_indices=np.arange(count))
    manifest["files"] = {file: hash_file(small / file) for file in manifest["files"]}
    (small / "manifest.json").write_text(json.dumps(sealed(manifest)))
    return small


def answered_here(made: Path, runtime: Any, folder: Path) -> dict[str, Any]:
    """The doctor's replay and every answer, on this machine."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        runner = RunnerProcess(find_python_for(runtime, print), Path(name), print)
        return _answered(runner, str(made), str(made / "model.tflite"), str(made / "eval.npz"), made, runtime)


def answered_there(made: Path, wish: DeployWish, runtime: Any) -> dict[str, Any]:
    """The same on the device."""
    with connect(wish.address, wish.directory, print) as device:
        packages = choose_packages(device, runtime)
        python = f"../../{device.environment(packages, wish.no_network, print)}/bin/python"
        device.put("bench/answers", {RUNNER: build_runner(), **{item.name: item for item in made.iterdir()}}, print)
        runner = RemoteRunner(device, "bench/answers", python, print)
        found = _answered(runner, ".", "model.tflite", "eval.npz", made, runtime)
        device.remove("bench")
        return found


def _answered(runner: Any, folder: str, model: str, images: str, made: Path, runtime: str) -> dict[str, Any]:
    doctor = runner.run("doctor", {"runtime": runtime, "folder": folder})
    models = [describe_model(Contestant("model", made / "model.tflite"), model)]
    result = runner.run("evaluate", {"runtime": runtime, "models": models, "eval": images, "threads": 1})
    (one,) = result["models"]
    arrays = {key: decode(one["answers"][key]) for key in (*ANSWERS, *SCORES)}
    return {"verdict": doctor["verdict"], "golden": doctor["golden"], "step": one["output"]["step"], **arrays}


def compare(here: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """How far the answers of the default kernels are apart, in steps of the output."""
    apart = max(float(np.abs(here[key] - there[key]).max()) for key in SCORES)
    return {
        "reference": there["verdict"],
        "golden": there["golden"],
        "changed_answers": int((here["class"] != there["class"]).sum()),
        "most_steps_apart": round(apart / here["step"]),
    }


def times(made: Path, wish: DeployWish, folder: Path) -> dict[str, float]:
    """Deploy to first benched number, in seconds: on a new device, and again."""
    work, found = quick(made, folder), {}
    for name in ("first", "repeat"):
        began = time.monotonic()
        report = deploy(made, wish, print, print)
        found[f"{name}_deploy_s"] = report.seconds
        bench_there(work, wish, print)
        found[f"{name}_to_number_s"] = time.monotonic() - began
    return found


def cuts(made: Path, wish: DeployWish, host: str, folder: Path, count: int) -> list[dict[str, Any]]:
    """Deploys of ever new releases, each cut at a random moment of the time that one takes."""
    config = folder / "ssh-cut"
    config.write_text(f"Host *\n  HostKeyAlias {host}\n" + (wish.ssh_config or config).read_text())
    near = replace(wish, target=f"{wish.target.partition('@')[0]}@127.0.0.1", ssh_config=config)
    moments, found = random.Random(0), []
    whole_s = deploy(_changed(made, folder, "whole"), wish, print, print).seconds
    with Relay(22, host) as relay:
        for number in range(count):
            changed = _changed(made, folder, str(number))
            cut = cut_deploy(changed, near, relay, moments.uniform(0.1, whole_s))
            print(
                f"cut {number + 1}: after {cut.after_s:.1f} s, while {cut.doing!r}: {'safe' if cut.safe else 'BROKEN'}"
            )
            found.append({**asdict(cut), "safe": cut.safe})
    return found


def _changed(made: Path, folder: Path, name: str) -> Path:
    """Another release of the same model."""
    changed = folder / f"changed-{name}"
    shutil.copytree(made, changed)
    manifest = json.loads((changed / "manifest.json").read_text())
    (changed / "README.md").write_text(f"release {name}\n")
    manifest["files"]["README.md"] = hash_file(changed / "README.md")
    (changed / "manifest.json").write_text(json.dumps(sealed(manifest)))
    return changed


def measure(count: int) -> dict[str, Any]:
    """Everything, raw, and the targets held against it."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-device-") as name:
        folder, key = Path(name), Path(name) / "id"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        made = artifact(folder / "story")
        nets = {zoo: compressed(zoo, folder) for zoo in ("nano", "cnn")}
        cost = overhead(nets["cnn"], folder)
        small = {
            f"{zoo}, {runtime}": with_images(net, IMAGES, runtime) for zoo, net in nets.items() for runtime in RUNTIMES
        }
        here = {name: answered_here(path, name.partition(", ")[2], folder) for name, path in small.items()}
        with booted("bookworm", "pi4", key.with_suffix(".pub"), print) as pi:
            wish = wish_for(pi, key, folder)
            seconds = times(made, wish, folder)
            there = {name: answered_there(path, wish, name.partition(", ")[2]) for name, path in small.items()}
            cut = cuts(made, wish, pi.address, folder, count)
    answers = {name: compare(here[name], there[name]) for name in small}
    return report(count, seconds, answers, cost, cut)


def report(
    count: int, seconds: dict[str, float], answers: dict[str, Any], cost: dict[str, Any], cut: list[dict[str, Any]]
) -> dict[str, Any]:
    """The document that is written."""
    safe = sum(one["safe"] for one in cut)
    identical = sum(one["reference"] == "bit-identical" for one in answers.values())
    steps = max(one["most_steps_apart"] for one in answers.values())
    changed = sum(one["changed_answers"] for one in answers.values())

    def at_most(name: str, limit: float, got: float, unit: str) -> dict[str, Any]:
        return target(name, f"<= {limit:g}", round(got, 4), unit, got <= limit)

    targets = [
        at_most("deploy to first benched number, emulated Pi, no network", 90, seconds["first_to_number_s"], "s"),
        at_most("repeated deploy, emulated Pi", 5, seconds["repeat_deploy_s"], "s"),
        target(
            f"reference kernels bit-identical on x86-64 and arm64, {IMAGES} images: 2 nets, both runtimes", "== 4",
            identical, "of 4", identical == len(answers),
        ),
        at_most("default kernels, x86-64 against arm64, same runtime", 1, steps, "steps apart"),
        at_most("answers that differ then", 0, changed, f"of {IMAGES} each"),
        at_most("import to first answer against a bare script", 1.15, cost["start_ratio"], "times"),
        at_most("p50 against a bare loop, off by", 0.02, abs(cost["p50_ratio"] - 1), "of it"),
        at_most("peak memory while benching the CNN against a bare script", 1.1, cost["memory_ratio"], "times"),
        target(f"{count} deploys cut at a random moment, safe and finished", f"== {count}", safe, "deploys", safe == count),
    ]  # fmt: skip
    command = f"python -m benchmarks.device_job --cuts {count}"
    return document(command, targets, seconds=seconds, answers=answers, overhead=cost, cuts=cut)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=20, help="deploys that are cut (default 20)")
    save(RESULT, measure(parser.parse_args().cuts))


if __name__ == "__main__":
    main()
