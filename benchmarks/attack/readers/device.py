"""The device runner's readers, in this process, through its command line or the function that a command calls."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.attack.readers.calling import Case, Reader, Refused, forked, judged, refusing, runner, started_runner
from benchmarks.attack.readers.placing import released


def _evaluated(name: str, case: Case) -> Refused | None:
    return runner("evaluate", released(case, name), "--runtime", "litert")


def _evaluated_model(case: Case) -> Refused | None:
    return started_runner("evaluate", released(case, "model.tflite"), "--runtime", "litert")


def _evaluated_images(case: Case) -> Refused | None:
    return _evaluated("eval.npz", case)


def _evaluated_manifest(case: Case) -> Refused | None:
    return runner("evaluate", released(case, "manifest.json", seal=True), "--runtime", "litert")


def _vectors(case: Case) -> Refused | None:
    """The golden vectors as the doctor's process reads and replays them."""
    return _golden("golden.npz", case)


def _replayed_model(case: Case) -> Refused | None:
    """As the doctor does it, in a process whose death it tells."""
    from edgedigits_runner.golden import main

    folder = released(case, "model.tflite")
    return forked(lambda: main([str(folder), "litert"]))


@refusing
def _golden(name: str, case: Case) -> None:
    from edgedigits_runner.golden import replay
    from edgedigits_runner.interpreters import load_runtime
    from edgedigits_runner.release import read_release

    replay(read_release(str(released(case, name))), load_runtime("litert"))


@refusing
def _read_images(case: Case) -> None:
    from edgedigits_runner.evaluation import read_evaluation

    for _ in read_evaluation(case.file).chunks():
        pass


def _predicted(case: Case) -> Refused | None:
    return runner("predict", "--in", case.corpus / "release", "--runtime", "litert", case.file)


@refusing
def _opened(case: Case) -> None:
    from edgedigits_runner.model_file import loading

    loading(str(case.file))


def _job(case: Case) -> Refused | None:
    """A spoiled job beside what a right one names; how long it asks to measure is put back, for that is a wish, not a fault."""
    from edgedigits_runner.job_command import run

    folder = case.folder / "job"
    folder.mkdir()
    for name in ("model.tflite", "eval.npz"):
        (folder / name).hardlink_to(case.corpus / "release" / name)
    shutil.copy(case.file, folder / "job.json")
    _shorten(folder / "job.json")
    if run(folder / "job.json", folder / "result.json", lambda _: None) == 0:
        return None
    return Refused(judged(json.loads((folder / "result.json").read_text())["error"]["message"]), 2)


def _shorten(path: Path) -> None:
    try:
        job = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    if not isinstance(job, dict):
        return
    for key, most in (("windows", 2), ("window_s", 0.05), ("warmup_s", 0.5)):
        if isinstance(job.get(key), int | float) and job[key] > most:
            job[key] = most
    path.write_text(json.dumps(job))


READERS = (
    Reader("runner evaluate, model", ("model",), "host", _evaluated_model, 0.5),
    Reader("runner evaluate, images", ("eval",), "host", _evaluated_images, 0.5),
    Reader("runner evaluate, manifest", ("manifest",), "host", _evaluated_manifest, 0.5),
    Reader("runner golden", ("golden",), "host", _vectors),
    Reader("runner golden, model", ("model",), "host", _replayed_model, 0.2),
    Reader("runner images", ("eval",), "host", _read_images),
    Reader("runner predict", ("picture",), "host", _predicted),
    Reader("runner opening", ("packed",), "host", _opened),
    Reader("runner job", ("job",), "host", _job),
)
