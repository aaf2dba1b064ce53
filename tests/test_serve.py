"""`serve` over real HTTP."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from edgedigits_runner.connections import Limits
from edgedigits_runner.metrics import Metrics
from edgedigits_runner.model_service import Service
from edgedigits_runner.predict import Predictor
from edgedigits_runner.release import read_release
from edgedigits_runner.serve import Server

from edgedigits.devices.runner_archive import NAME
from tests.test_runner_commands import WALL
from tests.tiny_release import copied, environment, images, run, write_pgm

MOST_BYTES = Limits().body_bytes


@pytest.fixture(scope="module")
def release(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(shapes, tmp_path_factory.mktemp("serve"))


def start(release: Path, *python: str) -> tuple[subprocess.Popen[str], str]:
    """A server on any free port, and its address."""
    command = [*(python or (sys.executable,)), str(release / NAME), "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"tiny_int8 on litert [\d.]+: (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line
    return process, found[1]


@pytest.fixture(scope="module")
def address(release: Path) -> Iterator[str]:
    process, found = start(release)
    with process:
        yield found
        process.kill()


def ask(url: str, data: bytes | None = None, method: str | None = None) -> tuple[int, Any]:
    """The status and the JSON, or the text of what is none."""
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            status, body, kind = reply.status, reply.read(), reply.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        with error:
            status, body, kind = error.code, error.read(), error.headers["Content-Type"]
    return status, json.loads(body) if kind == "application/json" else body.decode()


def png(image: Any) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def test_it_answers_as_predict_does(release: Path, address: str, tmp_path: Path) -> None:
    pixels, _ = images(release)
    for number in range(4):
        status, found = ask(address + "/predict", png(pixels[number]))
        assert status == 200
        path = write_pgm(tmp_path / "x.pgm", pixels[number])
        wanted = json.loads(run(release, "predict", path).stdout)
        assert found["top"] == wanted["top"]
        assert set(found) == {"top", "ms"}


def test_it_says_whether_it_is_well(release: Path, address: str) -> None:
    status, found = ask(address + "/health")
    assert (status, found["ok"]) == (200, True)
    manifest = json.loads((release / "manifest.json").read_text())
    assert found["model"]["sha256"] == manifest["files"]["model.tflite"]


@pytest.mark.parametrize(
    ("path", "data", "method", "status", "said"),
    [
        ("/predict", b"no image", None, 400, "the body can't be decoded as an image"),
        ("/predict", b"", "POST", 400, "the body is empty"),
        ("/predict", b"P5 4 4 255 ", None, 400, "4x4 pixels are announced"),
        ("/predict", bytes(MOST_BYTES + 1), None, 413, f"give at most {MOST_BYTES}"),
        ("/predict", None, "GET", 405, "/predict takes POST"),
        ("/health", b"x", None, 405, "/health takes GET"),
        ("/metrics", b"x", "DELETE", 405, "/metrics takes GET"),
        ("/", None, None, 404, "nothing is at /"),
        ("/../manifest.json", None, None, 404, "nothing is at"),
    ],
)
def test_bad_requests_get_json(
    address: str, path: str, data: bytes | None, method: str | None, status: int, said: str
) -> None:
    found, answer = ask(address + path, data, method)
    assert found == status
    assert said in answer["error"]


def test_a_body_without_a_length_is_refused(address: str) -> None:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
    connection.request("POST", "/predict", body=iter([b"P5 1 1 255 x"]), encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_a_client_that_hangs_up_harms_nobody(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: 1000\r\n\r\nP5")
    assert ask(address + "/health")[0] == 200


def test_many_at_once_are_answered_alike(release: Path, address: str) -> None:
    """On connections that are kept open."""
    pixels, _ = images(release)
    bodies = [png(image) for image in pixels[:6]]
    wanted = [ask(address + "/predict", body)[1]["top"] for body in bodies]
    found: list[bool] = []

    def client(start: int) -> None:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
        for i in range(start, start + 20):
            connection.request("POST", "/predict", body=bodies[i % 6])
            found.append(json.loads(connection.getresponse().read())["top"] == wanted[i % 6])
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 120


def metric(text: str, name: str) -> float:
    return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name + " "))


def test_metrics_count_what_was_done(release: Path) -> None:
    process, address = start(release)
    with process:
        pixels, _ = images(release)
        for image in pixels[:3]:
            ask(address + "/predict", png(image))
        ask(address + "/predict", b"no image")
        ask(address + "/nowhere")
        ask(address + "/health")
        with urllib.request.urlopen(address + "/metrics", timeout=20) as reply:
            assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            text = reply.read().decode()
        process.kill()
    assert metric(text, 'edgedigits_requests_total{path="/predict",status="200"}') == 3
    assert metric(text, 'edgedigits_requests_total{path="/predict",status="400"}') == 1
    assert metric(text, 'edgedigits_requests_total{path="other",status="404"}') == 1
    assert metric(text, "edgedigits_errors_total") == 2
    assert metric(text, "edgedigits_inference_seconds_count") == 3
    assert metric(text, 'edgedigits_inference_seconds_bucket{le="+Inf"}') == 3
    assert metric(text, "process_start_time_seconds") > 1.7e9
    assert re.search(r'^edgedigits_model_info\{name="tiny_int8",sha256="[0-9a-f]{64}",.*\} 1$', text, re.MULTILINE)
    check_exposition(text)


def check_exposition(text: str) -> None:
    """The grammar of version 0.0.4: every family has HELP and TYPE before its samples; every sample is a number."""
    families: set[str] = set()
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# TYPE "):
            families.add(line.split()[2])
        elif not line.startswith("# HELP "):
            found = re.fullmatch(r'([a-z_]+)(\{(?:[a-z0-9_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? [-+0-9.e]+', line)
            assert found, line
            assert found[1] in families or re.sub("_(bucket|sum|count)$", "", found[1]) in families, line


def test_metrics_add_up_and_escape() -> None:
    metrics = Metrics({"name": 'a "b"\n\\'})
    for seconds in (0.00001, 0.0006, 0.3, 5.0):
        metrics.inference(seconds)
    text = metrics.text()
    check_exposition(text)
    assert r'edgedigits_model_info{name="a \"b\"\n\\"} 1' in text
    buckets = [int(line.rpartition(" ")[2]) for line in text.splitlines() if "_bucket" in line]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-2], buckets[-1]) == (1, 3, 4)
    assert metric(text, "edgedigits_inference_seconds_sum") == pytest.approx(5.30061)


def test_a_model_that_does_not_answer_is_not_well(release: Path) -> None:
    """An inference that never ends holds the lock; here the test holds it."""
    service = Service(Predictor(read_release(str(release)), "litert", 1), patience_s=0.1)
    with Server(0, service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with service._lock:
            status, found = ask(f"http://127.0.0.1:{server.server_port}/health")
        assert (status, found["ok"]) == (503, False)
        assert "busy for more than 0.1 s" in found["reason"]
        assert ask(f"http://127.0.0.1:{server.server_port}/health")[0] == 200
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(release: Path, number: int) -> None:
    process, address = start(release)
    with process:
        assert ask(address + "/health")[0] == 200
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_it_needs_nothing_but_numpy_and_an_interpreter(release: Path) -> None:
    process, address = start(release, sys.executable, "-c", WALL)
    with process:
        pixels, _ = images(release)
        assert ask(address + "/predict", b"P5 12 12 255 " + pixels[0].tobytes())[0] == 200
        status, found = ask(address + "/predict", png(pixels[0]))
        assert status == 415
        assert "python3-opencv" in found["error"]
        process.kill()


def test_a_port_in_use_is_one_sentence(release: Path, address: str) -> None:
    port = address.rpartition(":")[2]
    done = run(release, "serve", "--port", port)
    assert done.returncode == 2
    (said,) = [line for line in done.stderr.splitlines() if not line.startswith("INFO:")]
    assert said == (
        f"edgedigits-runner: port {port} of 127.0.0.1 can't be used (Address already in use); give another --port"
    )


def test_nobody_else_can_reach_it(release: Path, address: str) -> None:
    port = int(address.rpartition(":")[2])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for other in others or {"127.0.0.2"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((str(other), port), timeout=5)
