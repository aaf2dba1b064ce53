"""A model loaded and ready: the one code path that both accuracy and latency go through."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import sha256_of
from edgedigits_runner.forms import InputForm, OutputForm, input_form, open_shape, output_form, wanted_size
from edgedigits_runner.interpreters import Runtime, plain_errors
from edgedigits_runner.model_file import PACKED, ModelFile, loading
from edgedigits_runner.quantizing import real

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Session(NamedTuple):
    """`load_ns` is the constructor plus allocate_tensors, the file already in the page cache.

    Of a packed model, opening it is part of that.
    """

    model: ModelFile
    interpreter: Any
    source: InputForm
    sink: OutputForm
    load_ns: int


def classify(session: Session, tensor: NDArray[Any]) -> tuple[NDArray[Any], int, int]:
    """One prepared image: (outputs as stored, [classes or labels]; ns of invoke() alone; ns of set_tensor to get_tensor)."""
    interpreter = session.interpreter
    begun = perf_counter_ns()
    interpreter.set_tensor(session.source.tensor, tensor)
    started = perf_counter_ns()
    interpreter.invoke()
    stopped = perf_counter_ns()
    scores = interpreter.get_tensor(session.sink.tensor)
    ended = perf_counter_ns()
    return scores.reshape(-1), stopped - started, ended - begun


def check_file(model: ModelFile) -> None:
    """RunnerError "model" unless the file is there, is a .tflite file, perhaps packed, and has the SHA-256 of the job."""
    try:
        found = sha256_of(model.path)
        with open(model.path, "rb") as file:
            mark = file.read(8)[4:]
    except OSError as error:
        raise RunnerError("model", f"{model.path}: can't be read ({error.strerror})") from error
    if found != model.sha256:
        raise RunnerError("model", f"{model.path}: SHA-256 is {found}, the job says {model.sha256}; copy it again")
    if mark != b"TFL3" and not model.path.endswith(PACKED):
        raise RunnerError("model", f"{model.path}: not a .tflite file (it does not carry the mark TFL3)")


def open_session(runtime: Runtime, model: ModelFile, threads: int, image_shape: tuple[int, int, int]) -> Session:
    """Loads a checked file; RunnerError "model" where the runtime can't, or where images of that shape don't fit."""
    with plain_errors(model.path, runtime):
        begun = perf_counter_ns()
        interpreter = runtime.interpreter(**loading(model.path), num_threads=threads)
        _set_open_sizes(interpreter, model, image_shape)
        interpreter.allocate_tensors()
        load_ns = perf_counter_ns() - begun
        source = input_form(model, interpreter.get_input_details(), image_shape)
        sink = output_form(model, interpreter.get_output_details())
    return Session(model, interpreter, source, sink, load_ns)


def _set_open_sizes(interpreter: Any, model: ModelFile, image_shape: tuple[int, int, int]) -> None:
    for details in interpreter.get_input_details():
        shape = open_shape(details, wanted_size(model, image_shape))
        if shape is not None:
            interpreter.resize_tensor_input(details["index"], shape)


def real_scores(session: Session, scores: NDArray[Any]) -> NDArray[np.float32]:
    """Stored scores as real numbers, by the output's own step and zero point."""
    values = real(scores, session.sink.step, session.sink.zero_point)
    if not np.isfinite(values).all():
        raise RunnerError("model", f"{session.model.path}: answers with numbers that are not finite")
    return values


def delegated(session: Session) -> bool | None:
    """Whether a delegate (XNNPACK, the only default one) took part of the graph; None where the runtime can't tell."""
    listed = getattr(session.interpreter, "_get_ops_details", None)
    if listed is None:
        return None
    return any(operator["op_name"] == "DELEGATE" for operator in listed())
