"""`predict`: the likeliest classes of every image, or its labels, one line of JSON each, as soon as it is known."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.files import joined, open_regular, read_whole
from edgedigits_runner.interpreters import load_runtime, plain_errors
from edgedigits_runner.picture_errors import PictureError
from edgedigits_runner.picture_kinds import HEAD_BYTES, MOST_PIXELS, SUFFIXES, kind_of
from edgedigits_runner.pictures import decode, fitted
from edgedigits_runner.preprocess import prepare
from edgedigits_runner.release import Release, read_release, release_folder
from edgedigits_runner.say import say_json
from edgedigits_runner.session import check_file, classify, open_session, real_scores

if TYPE_CHECKING:
    from types import SimpleNamespace

    import numpy as np
    from numpy.typing import NDArray

_TOP = 2
"""Classes that are told where nothing else is said."""


class Predictor:
    """A release's model, loaded and ready; RunnerError where it, its folder or the runtime can't be used.

    `top`: so many classes are told, two where None; a model that answers labels tells all that are there, and takes None alone.
    """

    def __init__(self, release: Release, runtime: str, threads: int, top: int | None = None) -> None:
        if top is not None and release.task.name != "classification":
            raise RunnerError("job", "--top: this model answers labels, each for itself; leave it out")
        self.release, self._top = release, _TOP if top is None else top
        self.model = release.model()
        check_file(self.model)
        self.runtime = load_runtime(runtime)
        self._session = open_session(self.runtime, self.model, threads, release.shape)

    def read(self, data: bytes, most_pixels: int = MOST_PIXELS) -> NDArray[np.uint8]:
        """The pixels of an image file, read as the images of the training were; PictureError where there are none."""
        return decode(data, self.release.background, self.release.bits, most_pixels)

    def answer(self, image: NDArray[np.uint8]) -> dict[str, Any]:
        """What the task answers (`top`: the likeliest classes with names and scores, or one entry with class null and name "none"
        where the likeliest is not sure enough; or `labels`: those above their threshold with names and probabilities); `ms`:
        from the input set to the outputs read. PictureError for an empty page where the release cleans."""
        return self.answer_fitted(self._fitted(image))

    def answer_fitted(self, image: NDArray[np.uint8]) -> dict[str, Any]:
        """The same of an image that has the release's shape, and is clean."""
        tensor = prepare(image[None], self._session.source, self.release.scale)[0]
        with plain_errors(self.model.path, self.runtime):
            stored, _, call_ns = classify(self._session, tensor)
        found = self.model.task.answer(real_scores(self._session, stored), self.release.classes, self._top)
        return {**found, "ms": round(call_ns / 1e6, 4)}

    def _fitted(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.release.clean is None:
            return fitted(image, self.release.shape, self.release.resizing)
        from edgedigits_runner.cleaning import cleaned

        return cleaned(image, self.release.shape, self.release.clean)


def run(options: SimpleNamespace) -> int:
    """0; 2 where an image could not be answered, the others were all the same."""
    if (bool(options.arguments)) + (options.watch is not None) + (options.camera is not None) != 1:
        raise RunnerError("job", "give image files or folders, or --watch DIR, or --camera N; one of these")
    predictor = Predictor(
        read_release(release_folder(vars(options)["in"])), options.runtime, options.threads, options.top
    )
    if options.watch is not None:
        from edgedigits_runner.watch import new_files, until_ended

        with until_ended():
            _answer_all(predictor, new_files(joined(options.watch)))
        return 0
    if options.camera is not None:
        from edgedigits_runner.camera import frames
        from edgedigits_runner.watch import until_ended

        with until_ended():
            for number, frame in frames(options.camera, options.every):
                say_json({"file": f"camera {options.camera}", "frame": number, **_answer_frame(predictor, frame)})
        return 0
    return _answer_all(predictor, (path for name in options.arguments for path in _files(joined(name))))


def _answer_frame(predictor: Predictor, frame: NDArray[np.uint8]) -> dict[str, Any]:
    """A camera that looks at an empty page goes on looking."""
    try:
        return predictor.answer(frame)
    except PictureError as error:
        return {"error": error.message}


def _answer_all(predictor: Predictor, paths: Iterable[str]) -> int:
    failed = False
    for path in paths:
        try:
            found = predictor.answer(predictor.read(_bytes(path)))
        except RunnerError as error:
            failed = True
            found = {"error": error.message}
        say_json({"file": path, **found})
    return 2 if failed else 0


def _files(path: str) -> list[str]:
    """A file itself, or all images in a folder by name; a folder without any is answered as an image would be."""
    if not os.path.isdir(path):
        return [path]
    names = sorted(name for name in os.listdir(path) if not name.startswith("."))
    found = [joined(path, name) for name in names if _is_image(joined(path, name))]
    left = sum(os.path.isfile(joined(path, name)) for name in names) - len(found)
    if found and left:
        print(f"{path}: {left} files that are no images are left out", file=sys.stderr, flush=True)
    return found or [path]


def _is_image(path: str) -> bool:
    """By its first bytes, or by a name that promises one."""
    try:
        with open_regular(path) as file:
            return kind_of(file.read(HEAD_BYTES)) is not None or path.lower().endswith(SUFFIXES)
    except OSError:
        return path.lower().endswith(SUFFIXES) and os.path.isfile(path)


def _bytes(path: str) -> bytes:
    if os.path.isdir(path):
        raise RunnerError("data", f"holds no images; they end in {', '.join(SUFFIXES)}")
    try:
        return read_whole(path)
    except OSError as error:
        raise RunnerError("data", f"can't be read ({error.strerror})") from error
