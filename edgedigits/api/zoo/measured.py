"""The numbers of a row: both forms on the test images, their bytes, their work, their time."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Final

from edgedigits_runner.kept import HASH

from edgedigits.api.zoo.floats import Made
from edgedigits.api.zoo.folder import Folder
from edgedigits.api.zoo.question import Question
from edgedigits.api.zoo.shown.best import BOARDS
from edgedigits.data.dataset import fit_to_shape
from edgedigits.data.samples import draw_sample
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.exchange import mark_machine
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench import BenchSettings, Contestant, bench_together
from edgedigits.measure.cost.cycle_model import find_board, predict_cycles
from edgedigits.measure.findings.accuracy import describe_accuracy
from edgedigits.measure.findings.answers import ask_both
from edgedigits.measure.findings.class_scores import describe_classes
from edgedigits.measure.findings.subject import Subject, find_test_images, open_subject
from edgedigits.tflite.contents import Contents
from edgedigits.tflite.multiply_adds import count_per_operator

TIMED_IMAGES: Final = 64
_SCORES: Final = ("precision", "recall", "f1", "auc")


def measure_pair(made: Made, artifact: Artifact, folder: Folder) -> JsonObject:
    """Both forms of an artifact, kept for its very manifest. Scores are means over the classes, AUC that of each against all
    others."""
    of = {"artifact": artifact.manifest[HASH], "data": made.dataset.fingerprint}
    return folder.kept("rows", of, lambda: _measure(open_subject(artifact.path), made))


def _measure(subject: Subject, made: Made) -> JsonObject:
    shape = tuple(subject.manifest["input"]["shape"])
    images = find_test_images(subject, fit_to_shape(made.dataset, (shape[0], shape[1], shape[2])))
    both = ask_both(*subject.asked, images, subject.classes)
    counted, means = describe_accuracy(both), describe_classes(both)["mean"]
    forms = zip(("float", "compressed"), (subject.before, subject.after), subject.flats, strict=True)
    return {
        "images": counted["images"],
        **{name: _of_form(counted[name], means[name], contents, flat) for name, contents, flat in forms},
        "drop_points": 0 - counted["change_points"]["value"],
        "drop_low": 0 - counted["change_points"]["high"],
        "drop_high": 0 - counted["change_points"]["low"],
        **{key: counted[key] for key in ("only_float_right", "only_compressed_right", "mcnemar_p", "flips")},
    }


def _of_form(counted: JsonObject, means: JsonObject, contents: Contents, flat: bytes) -> JsonObject:
    return {
        "accuracy": counted["value"],
        "accuracy_low": counted["low"],
        "accuracy_high": counted["high"],
        **{name: means.get(name) for name in _SCORES},
        "multiply_adds": sum(work.macs for work in count_per_operator(contents)),
        "raw_bytes": len(flat),
        "gzip_bytes": len(gzip.compress(flat, 9, mtime=0)),
        **{f"cycles_{board}": round(predict_cycles(flat, find_board(board)[0])) for board in BOARDS},
    }


def time_net(made: Made, artifacts: Sequence[Artifact], question: Question, folder: Folder, say: Say) -> JsonObject:
    """p50 of the float form and of each artifact of one model, microseconds, all in one run where they take turns; kept for
    these very bytes on this machine, unless every round was disturbed. Raises as `bench` does."""
    files = [
        artifacts[0].manifest["files"]["float.tflite"],
        *(one.manifest["files"]["model.tflite"] for one in artifacts),
    ]
    clock = question.clock
    of = {"files": files, "windows": clock.windows, "window_s": clock.window_s, "machine": mark_machine()}

    def is_sound(found: JsonObject) -> bool:
        return bool(found["valid_windows"])

    return folder.kept("times", of, lambda: _time(made, artifacts, question, say), is_sound)


def _time(made: Made, artifacts: Sequence[Artifact], question: Question, say: Say) -> JsonObject:
    subjects = [open_subject(one.path) for one in artifacts]
    shape = tuple(artifacts[0].manifest["input"]["shape"])
    few = draw_sample(fit_to_shape(made.dataset, (shape[0], shape[1], shape[2])).test, TIMED_IMAGES)
    racers: list[Contestant] = [subjects[0].contestants[0], *(one.contestants[1] for one in subjects)]
    settings = BenchSettings(windows=question.clock.windows, window_s=question.clock.window_s, probes=1)
    reports = bench_together(racers, few, settings, say)
    first = reports[0]
    assert first.baseline is not None
    return {
        "machine": first.environment,
        "float_p50_us": first.baseline.latencies[0].p50_us,
        "p50_us": [report.compressed.latencies[0].p50_us for report in reports],
        "valid_windows": min(report.compressed.latencies[0].valid_windows for report in reports),
    }
