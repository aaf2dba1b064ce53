"""`serve` under clients that mean it ill: what they send, how slowly, and how many they are. Over real sockets."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from edgedigits_runner.connections import Limits
from edgedigits_runner.model_service import Service
from edgedigits_runner.predict import Predictor
from edgedigits_runner.release import read_release
from edgedigits_runner.serve import Server

from tests.test_serve import metric, start
from tests.tiny_release import copied

QUICK = Limits(idle_s=0.8, head_s=0.4, body_s=0.4, queue_s=0.4, answer_s=0.4)
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def release(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(shapes, tmp_path_factory.mktemp("serve"))


@pytest.fixture(scope="module")
def predictor(release: Path) -> Predictor:
    return Predictor(read_release(str(release)), "litert", 1)


@contextmanager
def running(predictor: Predictor, limits: Limits = QUICK) -> Iterator[Server]:
    with Server(0, Service(predictor, limits=limits)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def quick(predictor: Predictor) -> Iterator[Server]:
    with running(predictor) as found:
        yield found


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=5)


def answer(client: socket.socket) -> tuple[int, dict[str, object]]:
    """The one answer on a connection, which must be whole and JSON."""
    with client, client.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        fields = dict(line.decode().rstrip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
        assert fields["Content-Type"] == "application/json"
        assert fields["Connection"] == "close"
        body = stream.read(int(fields["Content-Length"]))
        assert stream.read() == b""
    return status, json.loads(body)


def said(server: Server, request: bytes) -> tuple[int, str]:
    """Status and error of a request that is refused; it must be counted, too."""
    before = metric(server.service.metrics.text(), "edgedigits_errors_total")
    client = connected(server)
    client.sendall(request)
    status, found = answer(client)
    assert metric(server.service.metrics.text(), "edgedigits_errors_total") == before + 1
    return status, str(found["error"])


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + data


def well(server: Server) -> bool:
    client = connected(server)
    client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return answer(client)[0] == 200


@pytest.mark.parametrize(
    ("request_bytes", "status", "words"),
    [
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 413, "give at most"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400, "given twice"),
        (HEAD + b"Content-Length: 1, 2\r\n\r\nx", 400, "given twice"),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "given twice"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "'-1' is no number of bytes"),
        (HEAD + b"Content-Length: +1\r\n\r\nx", 400, "is no number of bytes"),
        (HEAD + b"Content-Length: 1_0\r\n\r\nx", 400, "is no number of bytes"),
        (HEAD + b"Content-Length:\r\n\r\n", 400, "is no number of bytes"),
        (HEAD + b"Content-Length : 1\r\n\r\nx", 400, "is no header field"),
        (HEAD + b"X: a\r\n folded\r\nContent-Length: 1\r\n\r\nx", 400, "is no header field"),
        (HEAD + b"X: a\0b\r\n\r\n", 400, "is no header field"),
        (HEAD + b"Connection: close\r\n\r\n", 411, "with its Content-Length"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 411, "give the body whole"),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "'gzip, chunked' is not known"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "longer than 8192 bytes"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 431, "longer than"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 70 + b"\r\n", 431, "more than 64"),
        (b"BREW /predict HTTP/1.1\r\nHost: localhost\r\n\r\n", 501, "BREW is not known"),
        (b"OPTIONS /predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405, "/predict takes POST"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", 505, "HTTP/2.0 is not spoken"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2.0 is not spoken"),
        (b"GET /metrics\r\n", 505, "HTTP/0.9 is not spoken"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 400, "is no request"),
        (b"GET  /metrics HTTP/1.1\r\n\r\n", 400, "is no request"),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400, "found 0 Host fields"),
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: x\r\n\r\n", 400, "found 2 Host fields"),
    ],
)
def test_wrong_requests_get_json_and_are_counted(quick: Server, request_bytes: bytes, status: int, words: str) -> None:
    found, error = said(quick, request_bytes)
    assert (found, words in error) == (status, True), error
    assert "\n" not in error
    assert well(quick)


@pytest.mark.parametrize(
    "body", [npy("{'descr': '|u1', 'fortran_order': False, 'shape': (12L, 12L), }"), npy("(" * 9000)]
)
def test_whatever_the_reader_raises_is_an_answer(quick: Server, body: bytes) -> None:
    status, error = said(quick, HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert status in (400, 500)
    assert "\n" not in error


def test_what_nobody_foresaw_is_an_answer(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(predictor) as server:

        def fails(_: bytes) -> None:
            raise ZeroDivisionError("no way")

        monkeypatch.setattr(server.service, "predict", fails)
        found = said(server, HEAD + b"Content-Length: 1\r\nConnection: close\r\n\r\nx")
        assert found == (500, "the request failed (ZeroDivisionError: no way)")


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("Host: evil.example", 421),
        ("Host: evil.example:{port}", 421),
        ("Host: localhost:1", 421),
        ("Host: 127.0.0.1.evil.example", 421),
        ("Host:", 421),
        ("Host: LOCALHOST:{port}", 200),
        ("Host: 127.0.0.1", 200),
        ("Host: [::1]:{port}", 200),
        ("Host: localhost\r\nOrigin: http://evil.example", 403),
        ("Host: localhost\r\nOrigin: null", 403),
        ("Host: localhost\r\nOrigin: http://localhost:1", 403),
        ("Host: localhost\r\nOrigin: http://127.0.0.1:{port}", 200),
    ],
)
def test_other_names_for_this_machine_are_refused(quick: Server, field: str, status: int) -> None:
    """A page of evil.example whose name is made to mean 127.0.0.1 must not read anything."""
    for request in ("GET /health", "GET /metrics", "POST /predict"):
        if status != 200:
            text = f"{request} HTTP/1.1\r\n{field.format(port=quick.server_port)}\r\nConnection: close\r\n\r\n"
            assert said(quick, text.encode())[0] == status
    if status == 200:
        client = connected(quick)
        text = f"GET /health HTTP/1.1\r\n{field.format(port=quick.server_port)}\r\nConnection: close\r\n\r\n"
        client.sendall(text.encode())
        assert answer(client)[0] == 200


@pytest.mark.parametrize(
    "sent", [b"GET /health HT", b"GET /health HTTP/1.1\r\nX: ", HEAD + b"Content-Length: 99\r\n\r\n"]
)
def test_a_byte_now_and_then_does_not_outlive_the_deadline(quick: Server, sent: bytes) -> None:
    client = connected(quick)
    started = time.monotonic()
    client.sendall(sent)
    client.settimeout(0.05)
    while time.monotonic() - started < 3:
        try:
            client.sendall(b"a")
            head = client.recv(12)
            break
        except TimeoutError:
            continue
    assert head == b"HTTP/1.1 408"
    assert time.monotonic() - started < 1.5
    client.close()


def test_a_silent_connection_is_closed(quick: Server) -> None:
    with connected(quick) as client:
        started = time.monotonic()
        assert client.recv(1) == b""
        assert 0.5 < time.monotonic() - started < 2


def test_a_client_that_does_not_read_is_left(predictor: Predictor) -> None:
    with running(predictor) as server, connected(server) as client:
        client.settimeout(0.2)
        asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with pytest.raises(OSError, match=r"timed out|reset|Broken pipe"):
            client.sendall(asked * 250_000)
        assert well(server)


def test_slow_clients_make_room_for_others(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgedigits_runner.connections._SLOW_S", 0.2)
    limits = Limits(connections=3)
    with running(predictor, limits) as server, ExitStack() as kept:
        slow = [kept.enter_context(connected(server)) for _ in range(3)]
        for client, sent in zip(slow, (b"", b"GET /he", HEAD + b"Content-Length: 9\r\n\r\nx"), strict=True):
            client.sendall(sent)
        time.sleep(0.3)
        for _ in range(3):
            assert well(server)
        assert slow[0].recv(12) == b"", "it asked for nothing"


def test_a_full_house_says_so(predictor: Predictor) -> None:
    """All at work: here the test holds the model."""
    limits = Limits(connections=2, queue_s=5.0)
    with running(predictor, limits) as server, ExitStack() as kept:
        with server.service._lock:
            for _ in range(2):
                client = kept.enter_context(connected(server))
                client.sendall(HEAD + b"Connection: close\r\nContent-Length: 1\r\n\r\nx")
            time.sleep(0.1)
            for _ in range(4):
                status, error = said(server, HEAD + b"Content-Length: 100000\r\n\r\n" + bytes(100000))
                assert (status, "2 clients are served already" in error) == (503, True)
        assert client.recv(12) == b"HTTP/1.1 400"


def test_bodies_wait_for_one_another(predictor: Predictor) -> None:
    limits = QUICK._replace(bodies_bytes=1500, body_bytes=1000, body_s=2.0, queue_s=0.2)
    with running(predictor, limits) as server, connected(server) as first:
        first.sendall(HEAD + b"Content-Length: 1000\r\n\r\nx")
        time.sleep(0.1)
        assert said(server, HEAD + b"Content-Length: 1000\r\n\r\n" + bytes(1000))[0] == 503
        assert said(server, HEAD + b"Connection: close\r\nContent-Length: 400\r\n\r\n" + bytes(400))[0] == 400
        first.sendall(bytes(999))
        assert first.recv(12) == b"HTTP/1.1 400"


def test_expected_to_continue(quick: Server) -> None:
    image = b"P5 12 12 255 " + bytes(144)
    with connected(quick) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(image))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(image)
        assert client.recv(12) == b"HTTP/1.1 200"
    assert said(quick, HEAD + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")[0] == 413


def test_an_open_connection_outlives_a_refusal(quick: Server) -> None:
    with connected(quick) as client, client.makefile("rb") as stream:
        for _ in range(2):
            client.sendall(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert stream.readline().split()[1] == b"404"
            (length,) = (line.split()[1] for line in iter(stream.readline, b"\r\n") if b"Length" in line)
            stream.read(int(length))


def huge_png(side: int, rows: int | None = None) -> bytes:
    """16 bits and four colours for each pixel, all alike: a few kilobytes that promise side x side x 8 bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(1 + side * 8)) for _ in range(rows or side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_memory_stays_within_the_units(release: Path) -> None:
    """The unit allows 512 MB: twenty clients with 15 MiB images at once, and pictures that promise gigabytes."""
    process, address = start(release)
    port = int(address.rpartition(":")[2])
    pixels = bytes(2240 * 2240 * 3)
    bodies = [b"P6 2240 2240 255 " + pixels] * 4 + [b"P6 9000 9000 255 " + pixels] * 16
    bodies += [huge_png(3000), huge_png(20000, rows=100)]
    found: list[int] = []

    def client(body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as sending:
            sending.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            found.append(int(sending.recv(12).split()[1]))

    with process:
        threads = [threading.Thread(target=client, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        peak, kept = (int(line.split()[1]) for line in status if line.startswith(("VmHWM", "VmRSS")))
        assert len(found) == 22
        assert 200 in found
        assert 400 in found
        assert set(found) <= {200, 400, 413, 503}
        assert peak < 500 * 1024
        assert kept < 200 * 1024
        process.kill()
