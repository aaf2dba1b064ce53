"""Counters and a histogram in the Prometheus text form, version 0.0.4."""

from __future__ import annotations

import time
from threading import Lock

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """What a server has done since it started; may be used by several threads."""

    def __init__(self, model: dict[str, str]) -> None:
        self._model = model
        self._started = time.time()
        self._lock = Lock()
        self._requests: dict[tuple[str, int], int] = {}
        self._errors = 0
        self._buckets = [0] * len(_BUCKETS_S)
        self._count = 0
        self._sum_s = 0.0

    def request(self, path: str, status: int) -> None:
        """One request answered; `path` must be one of few, for every one is a time series."""
        with self._lock:
            self._requests[path, status] = self._requests.get((path, status), 0) + 1
            self._errors += status >= 400

    def inference(self, seconds: float) -> None:
        """One image answered."""
        with self._lock:
            self._count += 1
            self._sum_s += seconds
            for number, bound in enumerate(_BUCKETS_S):
                self._buckets[number] += seconds <= bound

    def text(self) -> str:
        """All of it, as a scrape gets it."""
        with self._lock:
            return "\n".join([*self._counters(), *self._histogram(), *self._gauges(), ""])

    def _counters(self) -> list[str]:
        name = "edgedigits_requests_total"
        requests = [
            f"{name}{_labels({'path': path, 'status': str(status)})} {count}"
            for (path, status), count in sorted(self._requests.items())
        ]
        return [
            *_head(name, "counter", "Requests by path and HTTP status."),
            *requests,
            *_head("edgedigits_errors_total", "counter", "Requests answered with a status of 400 or more."),
            f"edgedigits_errors_total {self._errors}",
        ]

    def _histogram(self) -> list[str]:
        name = "edgedigits_inference_seconds"
        bounds = [*zip(map(repr, _BUCKETS_S), self._buckets), ("+Inf", self._count)]  # noqa: B905  # Python 3.9
        return [
            *_head(name, "histogram", "From the input set to the scores read, of one image."),
            *(f"{name}_bucket{_labels({'le': bound})} {count}" for bound, count in bounds),
            f"{name}_sum {self._sum_s!r}",
            f"{name}_count {self._count}",
        ]

    def _gauges(self) -> list[str]:
        return [
            *_head("edgedigits_model_info", "gauge", "The model that answers; always 1."),
            f"edgedigits_model_info{_labels(self._model)} 1",
            *_head("process_start_time_seconds", "gauge", "When this server started, in seconds since 1970."),
            f"process_start_time_seconds {self._started:.2f}",
        ]


def _head(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _labels(labels: dict[str, str]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
