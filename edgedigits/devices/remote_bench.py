"""`edgedigits bench --host`: the same benchmark there and here, and whether both machines give the same answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgedigits_runner import SCHEMA
from edgedigits_runner.model_file import PACKED

from edgedigits.devices.deploy import DeployWish, check_operators, choose_packages, run_doctor
from edgedigits.devices.runner_archive import NAME as RUNNER
from edgedigits.devices.runner_archive import build_runner
from edgedigits.devices.ssh.device import Device, connect
from edgedigits.errors import CheckError, DeviceError, EdgeDigitsError
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.ground.foreign_json import make_plain, parse
from edgedigits.measure.bench import describe_model, measure
from edgedigits.measure.bench_job import BenchTask
from edgedigits.measure.bench_result import Report
from edgedigits.measure.result_check import RESULT_BYTES, check_result
from edgedigits.measure.rounds_apart import draw_few


@dataclass(frozen=True)
class Agreement:
    """How many of the images one model answers otherwise on the device than here."""

    model: str
    images: int
    otherwise: int


@dataclass(frozen=True)
class SideBySide:
    """The same task on this machine and on a device; `doctor` is what the device's doctor said, {} without golden vectors."""

    name: str
    here: Report
    there: Report
    agreement: tuple[Agreement, ...]
    doctor: JsonObject


@dataclass(frozen=True)
class RemoteRunner:
    """The device runner in a folder on a device."""

    device: Device
    folder: str
    python: str
    progress: Say

    def run(self, kind: str, job: JsonObject) -> JsonObject:
        """The checked result of one job; its errors as InputError's kinds, a crash as EdgeDigitsError."""
        document = json.dumps({"schema": SCHEMA, "kind": kind, **job}).encode()
        self.device.remove(f"{self.folder}/result.json")
        self.device.put(self.folder, {"job.json": document}, self.progress)
        command = [self.python, "-I", RUNNER, "job", "job.json", "result.json"]
        ended = self.device.run(command, self.folder, self.progress)
        if ended.code not in (0, 2):
            raise EdgeDigitsError(f"{self.device.where}: the runner there ended with {ended.code}: {ended.last_words}")
        try:
            result = parse(self.device.get(f"{self.folder}/result.json", RESULT_BYTES), RESULT_BYTES)
        except ValueError as error:
            raise DeviceError(f"{self.device.where}: the runner's result is not JSON ({error}); run again") from error
        return check_result(result, kind, f"{self.device.where}: the runner's result", job=job, fault=DeviceError)

    def put(self, files: Mapping[str, bytes]) -> None:
        """Sends files into the folder."""
        self.device.put(self.folder, files, self.progress)


def bench_there(task: BenchTask, place: DeployWish, say: Say) -> tuple[Report, JsonObject]:
    """The task measured on the device, and what its doctor said; nothing but the environment stays there.

    Raises InputError's kinds when the device or something given can't be used, CheckError when the doctor says "wrong".
    """
    with connect(place.address, place.directory, say, lock_wait_s=place.lock_wait_s) as device:
        packages = choose_packages(device, place.runtime)
        check_operators(device, packages, [one.path for one in task.contestants])
        python = f"../../{device.environment(packages, place.no_network, say)}/bin/python"
        files, paths, images = _files(task)
        folder = f"bench/{hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()[:12]}"
        try:
            device.put(folder, files, say)
            doctor = _doctor(task, device, folder, python, packages.runtime, say)
            models = [describe_model(one, path) for one, path in zip(task.contestants, paths, strict=True)]
            settings = replace(task.settings, runtime=packages.runtime)
            runner = RemoteRunner(device, folder, python, lambda line: say(f"{device.where}: {line}"))
            few = draw_few(task.images) if settings.apart else None
            found = measure(runner, models, images, task.contestants, settings, few)
            return replace(found, classes=task.classes), doctor
        finally:
            device.remove("bench")


def _files(task: BenchTask) -> tuple[Mapping[str, Path | bytes], list[str], str]:
    """(what goes there by name, the models' names there, the images' name there); an artifact goes as a whole."""
    files: dict[str, Path | bytes] = {RUNNER: build_runner()}
    if task.artifact is not None:
        files |= {path.name: path for path in task.artifact.iterdir()}

    def name(path: Path, beside: str) -> str:
        own = path.name if path.parent == task.artifact else beside
        files[own] = path
        return own

    forms = [next((form for form in PACKED if one.path.name.endswith(form)), ".tflite") for one in task.contestants]
    models = [name(one.path, f"{at}{forms[at]}") for at, one in enumerate(task.contestants)]
    return files, models, name(task.images, "images.npz")


def _doctor(task: BenchTask, device: Device, folder: str, python: str, runtime: str, say: Say) -> JsonObject:
    if task.artifact is None:
        return {}
    told = run_doctor(device, folder, python, runtime, say)
    if not told.get("ok"):
        reasons = "; ".join(map(make_plain, told["reasons"]))
        raise CheckError(f"{device.where}: not measured, for the doctor there refuses: {reasons}")
    return told


def compare_reports(name: str, here: Report, there: Report, doctor: JsonObject) -> SideBySide:
    """Two reports of one task, their answers compared image by image."""
    agreement = tuple(
        Agreement(
            model, len(answers), int((answers != there.answers[model]).reshape(len(answers), -1).any(axis=1).sum())
        )
        for model, answers in here.answers.items()
    )
    return SideBySide(name, here, there, agreement, doctor)
