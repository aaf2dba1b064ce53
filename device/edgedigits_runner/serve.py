"""`serve`: the model over HTTP, for programs on this machine only."""

from __future__ import annotations

import socketserver
from http.server import ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.handler import Handler
from edgedigits_runner.metrics import Metrics
from edgedigits_runner.pictures import decode
from edgedigits_runner.predict import Predictor
from edgedigits_runner.release import folder_of, read_release
from edgedigits_runner.say import say
from edgedigits_runner.watch import until_ended

if TYPE_CHECKING:
    from types import SimpleNamespace

_HOST = "127.0.0.1"


class Service:
    """One model for all threads, one inference at a time: an interpreter can't do two."""

    def __init__(self, predictor: Predictor, patience_s: float = 5.0) -> None:
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
        """The answer to an image file's bytes; PictureError where they are none."""
        image = decode(data)
        with self._lock:
            found = self._predictor.answer(image)
        self.metrics.inference(found["ms"] / 1000)
        return found

    def health(self) -> dict[str, Any]:
        """`ok` where the model answers an empty image now; else why not."""
        if not self._lock.acquire(timeout=self._patience_s):
            return {"ok": False, "model": self.model, "reason": f"busy for more than {self._patience_s:g} s"}
        try:
            self._predictor.answer(np.zeros(self._predictor.release.shape, np.uint8))
        except RunnerError as error:
            return {"ok": False, "model": self.model, "reason": error.message}
        finally:
            self._lock.release()
        return {"ok": True, "model": self.model}


class Server(ThreadingHTTPServer):
    """On the loopback address only; `server_port` is the one it got."""

    daemon_threads = True

    def __init__(self, port: int, service: Service) -> None:
        self.service = service
        super().__init__((_HOST, port), Handler)

    def server_bind(self) -> None:
        """Without asking for this machine's name, as HTTPServer does, which can take seconds where there is no network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]


def run(options: SimpleNamespace) -> int:
    """Serves until SIGTERM or Ctrl-C; RunnerError where the port can't be had."""
    predictor = Predictor(read_release(folder_of(options.arguments)), options.runtime, options.threads)
    service = Service(predictor)
    with until_ended():
        try:
            server = Server(options.port, service)
        except OSError as error:
            raise RunnerError(
                "job", f"port {options.port} of {_HOST} can't be used ({error.strerror}); give another --port"
            ) from error
        with server:
            say(f"{service.model['name']} on {predictor.runtime}: http://{_HOST}:{server.server_port}")
            server.serve_forever()
    return 0
