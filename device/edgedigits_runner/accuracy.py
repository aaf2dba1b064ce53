"""How often models are right on an evaluation file, with every answer kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedigits_runner import RESULT_SCHEMA
from edgedigits_runner.arrays import encode
from edgedigits_runner.environment import environment
from edgedigits_runner.evaluation import Evaluation, answers, read_evaluation
from edgedigits_runner.files import sha256_of
from edgedigits_runner.interpreters import Runtime, load_runtime, plain_errors
from edgedigits_runner.jobs import read_evaluate_job
from edgedigits_runner.model_file import ModelFile
from edgedigits_runner.session import check_file, open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[str], None]


def evaluate(job_path: Path, say: Say) -> dict[str, Any]:
    """The whole result as JSON; RunnerError where the job, a model, the data or the runtime can't be used."""
    job = read_evaluate_job(job_path)
    for model in job.models:
        check_file(model)
    evaluation = read_evaluation(job.eval_path)
    runtime = load_runtime(job.runtime)
    say(f"{runtime}: {evaluation.total} images, {len(job.models)} models")
    models = [accuracy(runtime, model, job.threads, evaluation, say) for model in job.models]
    return {
        "schema": RESULT_SCHEMA,
        "kind": "evaluate",
        "environment": environment(runtime),
        **data_of(evaluation),
        "models": models,
    }


def data_of(evaluation: Evaluation) -> dict[str, Any]:
    """What a result says of its data."""
    return {
        "eval_sha256": sha256_of(evaluation.path),
        "labels": encode(evaluation.labels),
        "image_shape": list(evaluation.shape),
    }


def accuracy(runtime: Runtime, model: ModelFile, threads: int, evaluation: Evaluation, say: Say) -> dict[str, Any]:
    """One model: its hash, what it takes and gives, its task, its answers and scores."""
    session = open_session(runtime, model, threads, evaluation.shape)
    say(f"accuracy of {model.name}")
    with plain_errors(model.path, runtime):
        found = answers(session, evaluation)
    return {
        "name": model.name,
        "sha256": model.sha256,
        "input": session.source._asdict(),
        "output": session.sink._asdict(),
        "task": model.task.as_json(),
        **found,
    }
