"""`serve`: the model over HTTP, for programs on this machine only."""

from __future__ import annotations

import socket
import socketserver
from contextlib import suppress
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Any

from edgedigits_runner.connections import Budget, Connection, House
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.handler import Handler
from edgedigits_runner.model_service import Service
from edgedigits_runner.predict import Predictor
from edgedigits_runner.release import folder_of, read_release
from edgedigits_runner.say import say
from edgedigits_runner.watch import until_ended

if TYPE_CHECKING:
    from types import SimpleNamespace

_HOST = "127.0.0.1"
_REFUSING = 8  # threads that tell clients that there is no room
# Bytes beyond the 50 MB of a loaded model, which keeps it within the 512 MB of its unit: 32 MiB of bodies, 48 MiB of stacks,
# what OpenCV takes for itself, the rest for one image.
_GROWTH = 432 * 2**20


class Server(socketserver.TCPServer):
    """On the loopback address only; `server_port` is the one it got. A thread for each connection, and few of them."""

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, service: Service) -> None:
        self.service = service
        self.bodies = Budget(service.limits.bodies_bytes)
        self._house = House(service.limits.connections)
        self._refusing = BoundedSemaphore(_REFUSING)
        super().__init__((_HOST, port), Handler)  # type: ignore[arg-type]  # it is never asked to make one
        self.server_port: int = self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """To a thread of its own, or to one that refuses; where there is none of these either, hangs up."""
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(request)
        try:
            if self._house.enter(connection):
                Thread(target=self._serve, args=(connection,), daemon=True).start()
            elif self._refusing.acquire(blocking=False):
                Thread(target=self._refuse, args=(connection,), daemon=True).start()
            else:
                connection.hang_up()
        except (RuntimeError, MemoryError):  # no more threads
            self._house.leave(connection)
            connection.hang_up()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was gone before it was served."""

    def server_close(self) -> None:
        super().server_close()
        self._house.close()

    def _serve(self, connection: Connection) -> None:
        try:
            Handler(connection, self).serve()
        finally:
            connection.hang_up()
            self._house.leave(connection)

    def _refuse(self, connection: Connection) -> None:
        try:
            Handler(connection, self).refuse()
        finally:
            connection.hang_up()
            self._refusing.release()


def run(options: SimpleNamespace) -> int:
    """Serves until SIGTERM or Ctrl-C; RunnerError where the port can't be had."""
    predictor = Predictor(read_release(folder_of(options.arguments)), options.runtime, options.threads, options.top)
    service = Service(predictor)
    with until_ended():
        try:
            server = Server(options.port, service)
        except OSError as error:
            raise RunnerError(
                "job", f"port {options.port} of {_HOST} can't be used ({error.strerror}); give another --port"
            ) from error
        with suppress(ImportError):  # no ctypes or no resource: a Python made without them
            from edgedigits_runner.memory import bound_memory

            bound_memory(_GROWTH)
        with server:
            say(f"{service.model['name']} on {predictor.runtime}: http://{_HOST}:{server.server_port}")
            server.serve_forever()
    return 0
