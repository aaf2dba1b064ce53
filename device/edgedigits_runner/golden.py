"""Golden vectors: inputs, and what the reference kernels answered where the release was made, to be answered here anew.

The reference kernels are plain C++ that computes integers alike on every machine, so they show whether model, runtime and
machine are sound. The default kernels (XNNPACK and others) are what predict and bench use. They round in other places:
which moved single logits of deep nets by up to 4 of their steps, so twice that is still no fault. What a softmax makes of it
depends on its input's scale: little where it is sure, up to a third of its range where it is not; and a sigmoid alike. A
processor that computes wrongly misses by far more.
"""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgedigits_runner.delegation import list_operators, xnnpack
from edgedigits_runner.environment import environment
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import joined
from edgedigits_runner.interpreters import Runtime, load_runtime, plain_errors
from edgedigits_runner.kept import parse
from edgedigits_runner.model_file import loading
from edgedigits_runner.npz import array
from edgedigits_runner.release import Release, read_release
from edgedigits_runner.say import say_json
from edgedigits_runner.session import check_file
from edgedigits_runner.tasks import CLASSIFICATION, Task, from_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "golden.npz"
SCHEMA, SCHEMAS = 2, (1, 2)
_MOST_BYTES = 2**26  # of inputs or answers; those of sixteen images are a hundredth of it
IDENTICAL, NEAR, WRONG, NONE = "bit-identical", "within one step", "wrong", "no golden vectors"


_LOGIT_STEPS = 8
_ENDS = {"SOFTMAX": 2 * _LOGIT_STEPS, "LOGISTIC": _LOGIT_STEPS}
"""Operators that make probabilities, and by how many steps of their input rounding may move the odds."""


class Softmax(NamedTuple):
    """An integer softmax or sigmoid at a model's end: one step of its input, and what its answers stand for, (q - zero) * scale.

    `steps` of the input are what rounding may move odds by: a softmax weighs a class against others that move the other way.
    """

    logit_step: float
    scale: float
    zero: int
    steps: int = 2 * _LOGIT_STEPS


class Measure(NamedTuple):
    """`step`: a distance of answers that counts as one; `most_steps`: how far the default kernels may be off.

    Behind a softmax or sigmoid they may be as far off as its input's rounding can move it, where that is more. `cuts` are what an
    output must be above for its label to be answered, in the outputs' own numbers, where not one class is answered but labels.
    """

    step: float
    most_steps: float
    softmax: Softmax | None = None
    cuts: NDArray[np.float64] | None = None

    def allowed(self, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Steps for each answer: its own logit moved one way, with a softmax all others the other way."""
        least = np.full(wanted.shape, self.most_steps)
        if self.softmax is None:
            return least
        logit_step, scale, zero, steps = self.softmax
        share = ((wanted - zero) * scale).clip(scale / 2, 1 - scale / 2)
        odds, factor = share / (1 - share), math.exp(min(steps * logit_step, 100.0))
        more, less = odds * factor, odds / factor
        moved = np.maximum(more / (1 + more) - share, share - less / (1 + less)) / scale
        allowed: NDArray[np.float64] = np.maximum(least, moved)
        return allowed


def main(arguments: list[str]) -> int:
    """FOLDER RUNTIME: prints {"environment": ...}, then what `replay` found or {"error": ...}; called by `run_fresh`."""
    try:
        release = read_release(arguments[0])
        runtime = load_runtime(arguments[1])
        say_json({"environment": environment(runtime)})
        say_json(replay(release, runtime))
    except RunnerError as error:
        say_json({"error": error.message})
    return 0


def replay(release: Release, runtime: Runtime) -> dict[str, Any]:
    """`golden`, `xnnpack`, `verdict` and `reasons`; RunnerError where the model or the vectors can't be used."""
    model = release.model()
    check_file(model)
    with plain_errors(model.path, runtime):
        default = _interpreter(runtime, model.path, reference=False)
        if FILE not in release.files:
            return {"golden": None, "xnnpack": xnnpack(default), "verdict": NONE, "reasons": []}
        path = joined(release.folder, FILE)
        inputs, outputs = _vectors(path)
        _check_task(path, release.task)
        _check_fit(path, default, inputs, outputs, release.task)
        reference = _interpreter(runtime, model.path, reference=True)
        measure = measure_of(outputs, release.rounds, softmax_of(reference), release.float16_arithmetic)._replace(
            cuts=cuts_of(release.task, reference)
        )
        by_default = compared(outputs, _answers(default, inputs), measure)
        by_reference = compared(outputs, _answers(reference, inputs), measure)
    steps = {"step": measure.step, "most_steps": measure.most_steps, "answered": release.task.answered}
    found = {"vectors": len(inputs), "reference": by_reference, "default": by_default, **steps}
    return {"golden": found, "xnnpack": xnnpack(default), **judged(by_reference, by_default, release.task.answered)}


def judged(reference: dict[str, Any], default: dict[str, Any], answered: str = "classes") -> dict[str, Any]:
    """`verdict`, the worse of both kinds of kernels, and `reasons` where it is "wrong"."""
    reasons = []
    if reference["steps"] > 1:
        reasons.append(f"the reference kernels answer up to {reference['steps']:.4g} steps off, at most 1 is sound")
    if default["unsound"]:
        reasons.append(
            f"the default kernels answer {default['unsound']} numbers further off than rounding moves them, up to "
            f"{default['steps']:.4g} steps, and change {default['changed_sure']} {answered} that were sure"
        )
    verdict = WRONG if reasons else NEAR if reference["steps"] else IDENTICAL
    return {"verdict": verdict, "reasons": [f"golden vectors: {reason}" for reason in reasons]}


def compared(wanted: NDArray[Any], got: NDArray[Any], measure: Measure) -> dict[str, Any]:
    """`steps`: the greatest distance; how many answers are `unsound`, further off than the measure allows the default kernels;
    `changed` classes or labels, and those among them that were sure: that no such distance explains."""
    answers = wanted.astype(np.float64)
    distance, allowed = np.abs(got.astype(np.float64) - answers) / measure.step, measure.allowed(answers)
    steps = float(distance.max()) if np.isfinite(distance).all() else float(np.finfo(np.float64).max)
    if measure.cuts is None:
        changed, sure = _classes(answers, got, measure.step, allowed)
    else:
        changed = (got > measure.cuts) != (answers > measure.cuts)
        sure = np.abs(answers - measure.cuts) / measure.step > allowed
    return {
        "steps": steps,
        "unsound": int((~(distance <= allowed)).sum()),
        "changed": int(changed.sum()),
        "changed_sure": int((changed & sure).sum()),
    }


def _classes(
    answers: NDArray[np.float64], got: NDArray[Any], step: float, allowed: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(whose class changed, whose class stood so far before the next that nothing allowed could change it), bool [n] both."""
    first, second = np.argsort(answers, axis=1, kind="stable")[:, :-3:-1].T
    rows = np.arange(len(answers))
    margin = (answers[rows, first] - answers[rows, second]) / step
    sure: NDArray[np.bool_] = margin > allowed[rows, first] + allowed[rows, second]
    return got.argmax(axis=1) != answers.argmax(axis=1), sure


def cuts_of(task: Task, interpreter: Any) -> NDArray[np.float64] | None:
    """What each output must be above, in the numbers that the model stores, float64 [labels]; None where a class is answered."""
    cuts = task.cuts()
    if cuts is None:
        return None
    step, zero = interpreter.get_output_details()[0]["quantization"]
    found: NDArray[np.float64] = cuts / step + zero if step else cuts
    return found


def measure_of(
    outputs: NDArray[Any], rounds: bool, softmax: Softmax | None = None, float16_arithmetic: bool = False
) -> Measure:
    """By the type of the answers, and of the arithmetic that leads to them.

    Integers: one step is one step; 16 of 256, or 64 of 65,536, and behind `softmax` what that says. Floats differ in their
    last bits with the compiler and the order of sums, so 1e-5 of their range counts as a step, and 1e-3 is allowed; where
    weights or activations are integers underneath, `rounds`, rounding turns such bits into steps of 1/256, and those are counted.
    With `float16_arithmetic` the reference kernels compute in float32 all the same, and the default ones may be off by as much as
    those that round.
    """
    if outputs.dtype.kind in "iu":
        return Measure(1.0, 16.0 if outputs.dtype.itemsize == 1 else 64.0, softmax)
    extent = float(np.ptp(outputs)) or 1.0
    if rounds:
        return Measure(extent / 256, 16.0)
    return Measure(extent / 1e5, 1e5 / 16 if float16_arithmetic else 100.0)


def softmax_of(reference: Any) -> Softmax | None:
    """Where integers of one, or of a sigmoid, make the answers; read from the operators as the file has them, which no delegate
    has taken."""
    output = reference.get_output_details()[0]
    makers = [one for one in list_operators(reference) if output["index"] in one["outputs"] and one["op_name"] in _ENDS]
    if not makers or np.dtype(output["dtype"]).kind not in "iu":
        return None
    logits = next(one for one in reference.get_tensor_details() if one["index"] == makers[0]["inputs"][0])
    scale, zero = output["quantization"]
    steps = _ENDS[makers[0]["op_name"]]
    return Softmax(float(logits["quantization"][0]), float(scale), int(zero), steps) if scale > 0 else None


def _interpreter(runtime: Runtime, path: str, reference: bool) -> Any:
    more = {}
    if reference:
        kinds = sys.modules[runtime.interpreter.__module__].OpResolverType
        more["experimental_op_resolver_type"] = kinds.BUILTIN_REF
    interpreter = runtime.interpreter(**loading(path), num_threads=1, **more)
    interpreter.allocate_tensors()
    return interpreter


def _answers(interpreter: Any, inputs: NDArray[Any]) -> NDArray[Any]:
    source, sink = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for one in inputs:
        interpreter.set_tensor(source, one[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(sink)[0])
    return np.stack(found)


def _vectors(path: str) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        return _small(path, "inputs"), _small(path, "outputs")
    except KeyError as error:
        missing = str(error.args[0]).removesuffix(".npy")
        raise RunnerError("data", f"{path}: holds no golden {missing}; copy the folder again") from error
    except (OSError, ValueError, MemoryError) as error:
        raise RunnerError("data", f"{path}: not readable golden vectors ({error}); copy the folder again") from error


def _small(path: str, name: str) -> NDArray[Any]:
    with array(path, name) as found:
        if math.prod(found.shape) * found.dtype.itemsize > _MOST_BYTES:
            raise ValueError(f"{name} are {found.dtype} {list(found.shape)}, more than {_MOST_BYTES} bytes")
        return found.whole()


def head(task: dict[str, Any]) -> dict[str, Any]:
    """What golden vectors carry beside `inputs` and `outputs`: their schema, and the JSON of their task as bytes, as arrays."""
    return {"schema": np.array(SCHEMA), "task": np.frombuffer(json.dumps(task).encode(), np.uint8)}


def _check_task(path: str, task: Task) -> None:
    """RunnerError where the vectors are of another task. Those of schema 1, which older versions wrote, are of classification."""
    try:
        schema, told = int(_small(path, "schema").item()), parse(_small(path, "task").astype(np.uint8).tobytes())
        kept = from_json(told)
    except KeyError:
        schema, kept = 1, CLASSIFICATION
    except (OSError, ValueError, OverflowError, MemoryError) as error:
        raise RunnerError("data", f"{path}: not readable golden vectors ({error}); copy the folder again") from error
    if schema not in SCHEMAS or kept != task:
        raise RunnerError(
            "data",
            f"{path}: golden vectors of schema {schema} and {kept.name}, not of this {task.name}; copy the folder again",
        )


def _check_fit(path: str, interpreter: Any, inputs: NDArray[Any], outputs: NDArray[Any], task: Task) -> None:
    pairs = ((inputs, interpreter.get_input_details()[0]), (outputs, interpreter.get_output_details()[0]))
    fits = all(one.dtype == kind["dtype"] and list(one.shape[1:]) == list(kind["shape"][1:]) for one, kind in pairs)
    if not fits or not len(inputs) or len(inputs) != len(outputs) or outputs.ndim != 2:
        raise RunnerError("data", f"{path}: these golden vectors are of another model; copy the folder again")
    try:
        task.check_outputs(outputs.shape[1])
    except ValueError as error:
        raise RunnerError("model", f"{path}: {error}; copy the folder again") from error
