"""The one loop: load, score, run each stage, check, record; export; look at the bytes; write."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from edgedigits_runner.tasks import from_json

from edgedigits.data.images import read_all
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scaling
from edgedigits.data.splits import FitData, split
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.atomic import check_writable
from edgedigits.ground.facts import Facts, JsonObject, Progress, Say, silent
from edgedigits.keras_types import KerasModel
from edgedigits.measure.findings.answers import Asked as AskedForm
from edgedigits.models.saved.custom_classes import hash_sources
from edgedigits.models.saved.saved_files import hash_model
from edgedigits.pipeline import artifact_writer
from edgedigits.pipeline.artifact_writer import Draft, Exported, Halves
from edgedigits.pipeline.augmenting.choose import Asked, choose_augment
from edgedigits.pipeline.calibration.stability import compare_halves, tell_unstable
from edgedigits.pipeline.checks import lost_points
from edgedigits.pipeline.checks.fold_scaling import fold
from edgedigits.pipeline.checks.judging import check_baseline, check_classes, compute_outputs_of_bytes, find_changes
from edgedigits.pipeline.checks.known_by_heart import tell_known
from edgedigits.pipeline.checks.scale_check import check_scale
from edgedigits.pipeline.confidence.forms import Inquiry, record_chosen, record_test, settle_forms
from edgedigits.pipeline.confidence.settle import Settled
from edgedigits.pipeline.costs import add_costs
from edgedigits.pipeline.export import checks
from edgedigits.pipeline.export.export import Export, find_converter, list_float_layers, list_rewrites
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.runs_on import check_runs_on
from edgedigits.pipeline.exportable import check_exportable, check_runs_early
from edgedigits.pipeline.gates.evidence import Answers, Evidence, count_flips, predict_for, spoil_for
from edgedigits.pipeline.gates.judge import judge
from edgedigits.pipeline.gates.timing import time_forms
from edgedigits.pipeline.gates.wording import to_record as to_gates
from edgedigits.pipeline.job import Job
from edgedigits.pipeline.mixing.choice.settle import settle_layers
from edgedigits.pipeline.mixing.wording import list_mixed_warnings
from edgedigits.pipeline.stage_cache import StageCache, chain_key, start_key
from edgedigits.stages.candidate import Candidate, Stage
from edgedigits.stages.repair.corrections import add_corrections
from edgedigits.tasks import parity
from edgedigits.tasks.baseline_check import Findings
from edgedigits.tasks.class_recalls import to_record
from edgedigits.tasks.differences import tell_classes
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.scoring import Score, compute_outputs
from edgedigits.tasks.statistics import pair_up
from edgedigits.tasks.task import Half
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.rewrite.apply import rewrite
from edgedigits.tflite.rewrite.float16_arithmetic import computes_in_float16

PARITY_IMAGES = 500


@dataclass(frozen=True)
class Validated:
    """A run up to its test: every stage done, the bytes made and held to every promise, judged on validation images alone."""

    key: str
    exported: Exported
    baseline: Exported
    records: list[Facts]
    warnings: list[str]
    scale: Scaling
    folded: Facts
    halves: Halves
    augment: Facts
    settled: tuple[Settled, ...] = ()


def run(job: Job, out: Path, say: Say = print, progress: Progress = silent) -> Artifact:
    """Compress, check, and write the artifact folder into `out`.

    Raises CheckError's kinds when a check fails, InputError's when the job can't be done; nothing is half-written then.
    """
    check_writable(out, f"{artifact_writer.name_folder(job.name, job.recipe.name, '0' * 64)}/manifest.json")
    made = validate(job, say, progress)
    progress("test", 0.7)
    test, answers = _test(job, made)
    if lost := tell_classes(answers.classes, answers.names, "the test images"):
        made.warnings.append(lost)
    if known := tell_known(
        (made.records[0]["validation_accuracy"], made.exported.facts["validation_paired"]["images"]),
        (test["float_accuracy"], test["images"]),
    ):
        made.warnings.append(known)
    draft = Draft(
        job,
        made.key,
        made.exported,
        made.baseline,
        made.records,
        made.warnings,
        test,
        made.scale,
        made.folded,
        made.halves,
        made.augment,
        _judge_gates(job, made, answers, progress),
        record_chosen(job.confidence, made.settled),
    )
    return artifact_writer.write(draft, out)


def validate(job: Job, say: Say = print, progress: Progress = silent, short: bool = False) -> Validated:
    """All of a run but the test images and the writing. Raises as `run` does.

    short: the training is but a part of what it is to be, so a class that is not found yet is none that was lost.
    """
    kept = StageCache(job.fresh, job.custom, say)
    if job.recipe.stages:
        kept.check_writable()
    data = add_costs(split(job.dataset, job.scale, job.seed))
    task = find_task(data)
    check_answers(job)
    check_exportable(job.recipe, job.loaded.model, data, lambda what: progress(what, 0.0))
    check_runs_early(job.recipe, job.loaded.model, data, job.runtimes, lambda what: progress(what, 0.0))
    candidate = Candidate(job.loaded.model, original=job.loaded.model, custom=job.custom)
    first = job.once("answers", lambda: compute_outputs(job.loaded.model, data.validation, data.scale))
    records = [_record("load", 0.0, job.loaded.facts, task.score(first, data.validation.labels, job.loaded.logits))]
    known = _check_baseline(job, first, data)
    half = task.half(job.dataset.classes, job.loaded.logits)
    warnings = check_scale(task, half, job.loaded.model, job.dataset.train, job.scale)
    warnings += known.warnings
    for warning in warnings:
        say(f"warning: {warning}")

    def judge(model: KerasModel) -> Facts:
        return _judge(job, data, half, first, model)

    own = hash_sources(job.custom)
    key = start_key(job.model_sha256, job.dataset.fingerprint, scale=job.scale.as_json(), seed=job.seed, custom=own)
    choice = choose_augment(_ask_augment(job, half, key), data, progress)
    if choice.line:
        say(choice.line)
    for warning in choice.warnings:
        say(f"warning: {warning}")
    warnings += choice.warnings
    data = replace(data, augment=choice.augment)
    key = chain_key(key, augment=choice.augment.as_json() if choice.augment else None)
    read = [_read_by(stage) for _, stage in job.recipe.stages]
    for (name, stage), files in zip(job.recipe.stages, read, strict=True):
        key = chain_key(key, stage=name, settings=artifact_writer.list_settings(stage), **files)
        candidate, record = _stage(name, stage, candidate, data, key, kept, progress, judge)
        say(_line(record))
        records.append(record)
    progress("export", 0.0)
    both = [Candidate(job.loaded.model), candidate]
    (plain, candidate), scale, folded = fold(both, job.scale, draw_sample(data.validation, PARITY_IMAGES))
    data = replace(data, scale=scale)
    float32 = Float32(converter=find_converter(job.recipe.export))
    baseline = job.once((float32, str(scale)), lambda: _export(job, "float32", float32, plain, data))
    corrected = add_corrections(candidate)
    export, mixed = settle_layers(job.recipe.export, corrected, data, half, lambda what: progress(what, 0.2))
    exported = _export(job, job.recipe.export_name, export, candidate, data)
    exported.facts.update(mixed)
    exported.facts.update(check_runs_on(exported.flat, job.recipe.export_name, job.runtimes))
    warnings += list_mixed_warnings(mixed)
    if hasattr(export, "calibration"):
        warnings += _calibration(export, exported, candidate, data)
    progress("classes", 0.5)
    found = compute_outputs_of_bytes(exported.flat, data.validation, data.scale)
    halves = Halves(half, half)
    more: Facts = {}
    if job.tune_thresholds:
        halves, more = _tuned(job, data, first, found), {"thresholds": "tuned"}
        exported.facts["parity"] |= _recount(halves.compressed, candidate, exported, data)
    asked = Inquiry(data.validation.labels, job.loaded.logits, data.scale)
    settled = settle_forms(job.confidence, (baseline.flat, exported.flat), (first, found), asked)
    if settled:
        halves, more = Halves(*(one.half for one in settled)), {**more, "confidence": job.confidence.as_json()}
    exported.facts["validation_classes"] = check_classes(
        task,
        data.validation.labels,
        halves.float.decode(first),
        halves.compressed.decode(found),
        job.dataset.classes,
        known.near_chance or short,
    )
    paired = lost_points.pair_outputs(halves.float, halves.compressed, data.validation.labels, first, found)
    exported.facts["validation_paired"] = paired
    if points := lost_points.tell_loss(
        job.recipe.stages, job.recipe.export.rounds, records[-1].get("validation_paired"), paired
    ):
        warnings.append(points)
    key = chain_key(key, export=artifact_writer.list_settings(job.recipe.export), **more)
    return Validated(key, exported, baseline, records, warnings, scale, folded, halves, choice.record, settled)


def _ask_augment(job: Job, half: Half, key: str) -> Asked:
    recipe = job.recipe
    return Asked(
        job.loaded.model,
        half,
        tuple(job.dataset.classes),
        recipe.stages,
        recipe.augment,
        recipe.asks_augment,
        chain_key(key, recipe=recipe.hash),
        job.fresh,
    )


def _stage(
    name: str,
    stage: Stage,
    before: Candidate,
    data: FitData,
    key: str,
    kept: StageCache,
    progress: Progress,
    judge: Callable[[KerasModel], Facts],
) -> tuple[Candidate, Facts]:
    """Run a stage, or take its kept outcome, with the seconds that it took to make; check that it broke nothing."""
    began = time.perf_counter()
    found = kept.load(key)
    after, facts = found if found else stage(before, data, progress)
    after = after.after(before)
    checks.check_masks(after, name)
    if not found:
        checks.check_kept(before, after, name)
        made = {"made_in_seconds": round(time.perf_counter() - began, 2)}
        facts = {**facts, **made, **judge(after.model)}
        kept.keep(key, after, facts)
    return after, {"stage": name, "seconds": round(time.perf_counter() - began, 2), "cached": bool(found), **facts}


def _read_by(stage: Stage) -> Facts:
    """SHA-256 of the files that a stage reads, as a part of its key; empty for one that reads none."""
    paths: list[Path] = getattr(stage, "reads", list)()
    return {"files": [hash_model(path) for path in paths]} if paths else {}


def _export(job: Job, name: str, export: Export, candidate: Candidate, data: FitData) -> Exported:
    """Make the bytes and hold them to every promise."""
    began = time.perf_counter()
    flat = export(add_corrections(candidate), data.calibration, data.scale)
    contents = read(flat, f"{name} export")
    if export.integer:
        checks.check_integer(contents, list_float_layers(export))
    checks.check_zeros(contents, candidate)
    sample = draw_sample(data.validation, PARITY_IMAGES)
    wanted = compute_outputs(candidate.model, sample, data.scale)
    flat, options = rewrite(list_rewrites(export), flat, read_all(sample), data.scale)
    facts = {
        "export": name,
        "converter": find_converter(export),
        "rounds": export.rounds,
        "float16_arithmetic": contents.float16_arithmetic,
        "seconds": round(time.perf_counter() - began, 2),
        "size_bytes": len(flat),
        "gzip_bytes": len(gzip.compress(flat, 9, mtime=0)),
        **options,
        "operators": sorted({operator.name for operator in contents.operators}),
        "zeros": checks.count_zeros_by_weight(contents),
        "parity": parity.check_parity(
            find_task(data), flat, export.limits, wanted, job.loaded.logits, read_all(sample), data.scale
        ),
    }
    if contents.float16_arithmetic:
        facts["parity"]["arithmetic"] = "float16" if computes_in_float16() else "float32"
    return Exported(flat, facts)


def _calibration(export: Any, exported: Exported, candidate: Candidate, data: FitData) -> list[str]:
    """Notes how far the ranges hang on which images were drawn; a sentence where that is too far."""
    found = compare_halves(candidate.model, data.calibration, data.scale, export)
    exported.facts["calibration"] = found
    told = tell_unstable(found, len(data.calibration), export)
    return [told] if told else []


def _test(job: Job, made: Validated) -> tuple[JsonObject, Answers]:
    """The last line: both forms on the test images, counted image by image, in all and class by class."""
    test, task, halves = job.dataset.test, find_task(job.dataset), made.halves
    outputs = [compute_outputs_of_bytes(one.flat, test, made.scale) for one in (made.baseline, made.exported)]
    first, second = halves.float.decode(outputs[0]), halves.compressed.decode(outputs[1])
    changes = find_changes(task, test.labels, first, second)
    before, after = halves.float.right(first, test.labels), halves.compressed.right(second, test.labels)
    paired, flips = pair_up(before, after), count_flips(first, second)
    names = task.case_names(job.dataset.classes)
    facts = {
        "images": len(test),
        "float_accuracy": float(before.mean()),
        "accuracy": float(after.mean()),
        "only_float_right": paired.only_baseline,
        "only_compressed_right": paired.only_compressed,
        "flips": flips,
        "mcnemar_p": paired.p_value,
        "classes": to_record(changes, names),
        **task.compare(test.labels, first, second),
        **record_test(made.settled, outputs, test.labels),
    }
    return facts, Answers(len(test), changes, names, paired, flips)


def _judge_gates(job: Job, made: Validated, answers: Answers, progress: Progress) -> list[JsonObject]:
    """How each gate of the recipe was judged; what only gates ask for is measured now."""
    gates, flats = job.recipe.gates, (made.baseline.flat, made.exported.flat)
    times, tasks = None, (made.halves.float.as_json(), made.halves.compressed.as_json())
    if any(gate.needs_times for gate in gates):
        times = time_forms(flats, job.dataset.test, made.scale, tasks, lambda line: progress(line, 0.8))
    sizes = len(flats[1]), len(flats[0])
    before, after = (
        AskedForm(flat, from_json(task), False, made.scale) for flat, task in zip(flats, tasks, strict=True)
    )
    corrupted = spoil_for(gates, (before, after), job.dataset.test, lambda line: progress(line, 0.9))
    evidence = Evidence(answers, sizes, predict_for(gates, flats[1], flats[0]), times, corrupted=corrupted)
    return to_gates(judge(gates, evidence, job.strict))


def _tuned(job: Job, data: FitData, float_outputs: np.ndarray, outputs: np.ndarray) -> Halves:
    """Thresholds chosen on validation images, for each form its own: the one's would spoil what the other is compared by."""
    task, labels = find_task(data), data.validation.labels
    classes, logits = job.dataset.classes, job.loaded.logits
    made = (task.half(classes, logits, task.tune(one, labels, logits)) for one in (float_outputs, outputs))
    return Halves(*made)


def _recount(half: Half, candidate: Candidate, exported: Exported, data: FitData) -> Facts:
    """How many images of the check of parity the bytes answer otherwise than their model, under the thresholds chosen."""
    sample = draw_sample(data.validation, PARITY_IMAGES)
    wanted = half.decode(compute_outputs(candidate.model, sample, data.scale))
    found = half.decode(compute_outputs_of_bytes(exported.flat, sample, data.scale))
    return {"changed_answers": int((wanted != found).reshape(len(found), -1).any(axis=1).sum())}


def _check_baseline(job: Job, answers: np.ndarray, data: FitData) -> Findings:
    labels, classes = data.validation.labels, job.dataset.classes
    return check_baseline(find_task(data), answers, labels, classes, job.loaded.logits, job.name, job.dataset.name)


def _judge(job: Job, data: FitData, half: Half, first: np.ndarray, model: KerasModel) -> Facts:
    """How well the model of a stage answers the validation images, and against the outputs `first` of the model before."""
    found, labels = compute_outputs(model, data.validation, data.scale), data.validation.labels
    score = find_task(data).score(found, labels, job.loaded.logits)
    return {**score.as_facts(), "validation_paired": lost_points.pair_outputs(half, half, labels, first, found)}


def _record(stage: str, seconds: float, facts: Facts, now: Score) -> Facts:
    return {"stage": stage, "seconds": seconds, "cached": False, **facts, **now.as_facts()}


def _line(record: Facts) -> str:
    when = "kept from an earlier run" if record["cached"] else f"{record['seconds']:.1f} s"
    f1 = f", F1 {100 * record['validation_f1_macro']:.2f} %" if "validation_f1_macro" in record else ""
    lost = lost_points.word_points(record["validation_paired"])
    return f"{record['stage']}: validation {100 * record['validation_accuracy']:.2f} %{f1}{lost}  ({when})"


def check_answers(job: Job) -> None:
    """Raises ModelError when the model can't be asked this or trained on it, DataError when it has no answer for some labels."""
    task = find_task(job.dataset)
    task.check_model(job.name, job.loaded, job.recipe.trains_model)
    task.check_targets(job.dataset, int(job.loaded.model.outputs[0].shape[-1]))
