"""One model that answers images one at a time, for all threads of the service."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np

from edgedigits_runner.connections import Limits
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.metrics import Metrics
from edgedigits_runner.predict import Predictor

_MOST_PIXELS = 2**24  # of an image; decoding takes up to 19 bytes for each, of 16 bits and four channels


class Busy(RunnerError):
    """The model's turn for this request did not come in time."""


class Service:
    """One model for all threads, one image decoded and answered at a time: that bounds memory, and an interpreter can't
    do two."""

    def __init__(self, predictor: Predictor, patience_s: float = 5.0, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._predictor = predictor
        self._lock = Lock()
        self._patience_s = patience_s
        self.model = {
            "name": predictor.model.name,
            "sha256": predictor.model.sha256,
            "runtime": predictor.runtime.name,
            "runtime_version": predictor.runtime.version,
        }
        self.metrics = Metrics(self.model)

    def predict(self, data: bytes) -> dict[str, Any]:
        """The answer to an image file's bytes; PictureError where they are none, Busy where their turn does not come."""
        if not self._lock.acquire(timeout=self.limits.queue_s):
            raise Busy("runtime", f"busy for more than {self.limits.queue_s:g} s; ask again")
        try:
            found = self._predictor.answer(self._predictor.read(data, _MOST_PIXELS))
        finally:
            self._lock.release()
        self.metrics.inference(found["ms"] / 1000)
        return found

    def health(self) -> dict[str, Any]:
        """`ok` where the model answers an empty image now; else why not."""
        if not self._lock.acquire(timeout=self._patience_s):
            return {"ok": False, "model": self.model, "reason": f"busy for more than {self._patience_s:g} s"}
        try:
            self._predictor.answer_fitted(np.zeros(self._predictor.release.shape, np.uint8))
        except RunnerError as error:
            return {"ok": False, "model": self.model, "reason": error.message}
        finally:
            self._lock.release()
        return {"ok": True, "model": self.model}
