"""A device that answers what it should not: over real pipes, an `ssh` that is a script of this test."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgedigits.devices.agent.facts import facts
from edgedigits.devices.agent.processes import Lines
from edgedigits.devices.deploy import run_doctor
from edgedigits.devices.remote_bench import RemoteRunner
from edgedigits.devices.service import Service, parse_unit
from edgedigits.devices.ssh.address import Address
from edgedigits.devices.ssh.channel import pack_agent
from edgedigits.devices.ssh.device import Device, connect
from edgedigits.errors import DeployError, DeviceError, EdgeDigitsError
from edgedigits.ground.foreign_json import make_plain, parse

FACTS: dict[str, Any] = facts(Path("/home/pi/work")) | {"unit": None}
GREETING = b'\x1eedgedigits {"python": [3, 11, 2]}\n'
STATE: dict[str, Any] = {"current": None, "previous": None, "releases": [], "venvs": [], "intact": False}

# Takes the agent's text, as Python would, and answers each request with the next of the given replies.
PEER = """
import sys, time
come, go = sys.stdin.buffer, sys.stdout.buffer
for _ in range(2):
    come.read(int(come.readline()))
replies = open(sys.argv[1], "rb").read().split(b"\\0")
go.write(replies[0]); go.flush()
for reply in replies[1:]:
    while not come.readline().strip():
        pass
    if reply == b"endless":
        while True:
            go.write(b"x" * 65536)
    go.write(reply); go.flush()
come.read()
"""

Go = Callable[..., Device]


def frame(**content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Connects to a peer that answers so, after a good beginning unless `begins` says otherwise."""
    (tmp_path / "peer.py").write_text(PEER)
    (tmp_path / "ssh").write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{tmp_path}/peer.py" "{tmp_path}/replies"\n')
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def connected(*replies: bytes, begins: list[bytes] | None = None, say: Any = lambda _: None) -> Device:
        good = [GREETING, frame(ok={"root": "/home/pi/work"}), frame(ok=FACTS)]
        (tmp_path / "replies").write_bytes(b"\0".join([*(good if begins is None else begins), *replies]))
        return connect(Address("pi@kitchen"), "work", say)

    return connected


def sentence(error: EdgeDigitsError) -> str:
    assert str(error).startswith("pi@kitchen: ")
    assert "\n" not in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 1000
    return str(error)


BEGIN = [GREETING, frame(ok={"root": "/home/pi/work"})]


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        ([b"\x1eedgedigits nonsense\n"], "Expecting value"),
        ([b'\x1eedgedigits {"python": "3.11"}\n'], "greeting.python: found '3.11'"),
        ([b'\x1eedgedigits {"python": [3, 11]}\n'], "greeting.python: found [3, 11]"),
        ([b"\x1eedgedigits " + b"[" * 100_000 + b"\n"], "nested too deeply"),
        ([b'\x1eedgedigits {"python": [3, 11, 1' + b"0" * 5000 + b"]}\n"], "can't be understood"),
        ([GREETING, b"Welcome!\n"], "Expecting value"),
        ([GREETING, b"[]\n"], "found [], an object was expected"),
        ([GREETING, frame(ok=[])], "hello: found [], an object was expected"),
        ([GREETING, frame(ok={"root": "work"})], "hello.root: found 'work'"),
        ([*BEGIN, frame(ok={})], "facts.board: missing"),
        ([*BEGIN, frame(ok=FACTS | {"python": [3, None, 1]})], "facts.python: found [3, None, 1]"),
        ([*BEGIN, frame(ok=FACTS | {"free_bytes": -1})], "facts.free_bytes: found -1"),
        ([*BEGIN, frame(ok=FACTS | {"free_bytes": 1e400})], "Infinity is no number"),
        ([*BEGIN, frame(ok=FACTS | {"root": "/home\nExecStart=/bin/x"})], "facts.root: found"),
        ([*BEGIN, frame(ok=FACTS | {"libc_version": "2.36"})], "facts.libc_version: found '2.36'"),
        ([*BEGIN, frame(ok=FACTS | {"board": "\ud800"})], "facts.board: found"),
        ([*BEGIN, b'{"ok": "\xff"}\n'], "can't decode byte 0xff"),
        ([*BEGIN, b'{"ok": [' + b"{}," * 1_100_000 + b"{}]}\n"], "more than 1048576 values"),
        ([*BEGIN, b"endless"], "a line of more than 4194304 bytes"),
    ],
)
def test_a_beginning_that_is_none_is_one_sentence(go: Go, begins: list[bytes], words: str) -> None:
    started = time.monotonic()
    with pytest.raises(DeviceError) as caught:
        go(begins=begins)
    assert words in sentence(caught.value)
    assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (frame(ok={}), "state.current: missing"),
        (frame(ok=STATE | {"current": "../../etc"}), "state.current: found '../../etc'"),
        (frame(ok=STATE | {"releases": {}}), "state.releases: found {}"),
        (frame(ok=STATE | {"releases": ["x"] * 20_000}), "state.releases: found ['x', "),
        (frame(ok=STATE | {"intact": 1}), "state.intact: found 1"),
        (frame(line="nobody asked"), "missing"),
        (frame(note=5), "found 5, a text was expected"),
        (frame(note="on and on") * 1500, "can't be understood"),
        (frame(error="broken"), "error: found 'broken'"),
        (frame(error={"kind": "work"}), "error: found {'kind': 'work'}"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(go: Go, reply: bytes, words: str) -> None:
    with go(reply) as device:
        with pytest.raises(DeviceError) as caught:
            device.state()
        assert words in sentence(caught.value)
        with pytest.raises(DeviceError) as again:
            device.remove("bench")
        assert str(again.value) == str(caught.value), "what follows does not hide the reason"


def test_what_it_says_does_not_reach_the_terminal_as_commands(go: Go) -> None:
    said: list[str] = []
    noted = frame(note="a\x1b[2Jb\nc") + frame(ok=STATE)
    with go(noted, frame(error={"kind": "work", "message": "x\x1b]0;y\x07\nz"}), say=said.append) as device:
        assert device.state().releases == ()
        with pytest.raises(DeployError) as caught:
            device.prune()
    assert said == ["pi@kitchen: a [2Jb c"]
    assert sentence(caught.value) == "pi@kitchen: x ]0;y z"


@pytest.mark.parametrize(
    "need",
    [
        [{"name": "../x", "have": 0}],
        [{"name": "x", "have": -1}],
        [{"name": "x", "have": 5}],
        [{"name": "x", "have": 0.5}],
        [{"name": "x", "have": 0}, {"name": "x", "have": 0}],
        [{"have": 0}],
        "x",
    ],
)
def test_it_can_only_need_what_was_offered(go: Go, need: Any) -> None:
    with go(frame(need=need)) as device, pytest.raises(DeviceError, match="need") as caught:
        device.put("bench/a", {"x": b"data"}, lambda _: None)
    sentence(caught.value)


@pytest.mark.parametrize("size", [2**40, -1, "9", None, 2.0])
def test_a_file_is_no_larger_than_is_believed(go: Go, size: Any) -> None:
    with go(frame(size=size)) as device, pytest.raises(DeviceError, match="can't be understood") as caught:
        device.get("bench/a/result.json")
    sentence(caught.value)


@pytest.mark.parametrize(
    "answer", [{"code": "0", "errors": []}, {"code": 10**9, "errors": []}, {"code": 0, "errors": [1]}, {}]
)
def test_how_a_command_ended_is_checked(go: Go, answer: Any) -> None:
    with go(frame(line="one") + frame(ok=answer)) as device:
        lines: list[str] = []
        with pytest.raises(DeviceError, match=r"run\.(code|errors)"):
            device.run(["true"], "bench/a", lines.append)
        assert lines == ["one"]


def ended(text: str) -> bytes:
    return b"".join(frame(line=line) for line in text.split("\n")) + frame(ok={"code": 0, "errors": ["its last words"]})


DOCTOR = {"schema": 1, "kind": "doctor", "ok": True, "verdict": "bit-identical", "reasons": []}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ([], "found [], an object was expected"),
        ({}, "kind: missing"),
        (DOCTOR | {"ok": "yes"}, "ok: found 'yes'"),
        (DOCTOR | {"reasons": ["wrong"]}, "ok: found True with 1 reasons"),
        (DOCTOR | {"ok": False}, "ok: found False with 0 reasons"),
        (DOCTOR | {"verdict": None}, "verdict None"),
        (DOCTOR | {"verdict": "a\x1b[2J"}, "verdict: found"),
    ],
)
def test_a_doctor_that_is_none_is_not_believed(go: Go, told: Any, words: str) -> None:
    with go(ended(json.dumps(told))) as device, pytest.raises(DeviceError) as caught:
        run_doctor(device, "bench/a", "python", "litert", lambda _: None)
    assert words in sentence(caught.value)


def test_a_doctor_is_heard_up_to_a_limit(go: Go) -> None:
    with go(ended(json.dumps(DOCTOR))) as device:
        assert run_doctor(device, "bench/a", "python", "litert", lambda _: None) == DOCTOR
    with go(ended("x" * 200_000 + "\n" * 20)) as device, pytest.raises(DeployError, match="its last words"):
        run_doctor(device, "bench/a", "python", "litert", lambda _: None)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (b"\xff", "can't decode byte"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"schema": 1, "kind": "probe", "threads": NaN}', "NaN is no number"),
        (b'{"schema": 2}', "is of schema 2, 1 is understood"),
        (b'{"schema": 1, "kind": "probe"}', "environment: missing"),
        (b'{"schema": 1, "kind": "bench"}', "kind: found 'bench', 'probe' was expected"),
    ],
)
def test_a_result_of_a_device_is_held_against_the_job(go: Go, result: bytes, words: str) -> None:
    replies = [frame(ok={}), frame(need=[]) + frame(ok={}), frame(ok={"code": 0, "errors": []})]
    with go(*replies, frame(size=len(result)) + result + frame(ok={})) as device:
        runner = RemoteRunner(device, "bench/a", "python", lambda _: None)
        with pytest.raises(DeviceError) as caught:
            runner.run("probe", {"model": {"sha256": "0" * 64}})
    assert words in sentence(caught.value)


def test_facts_may_grow(go: Go) -> None:
    with go(begins=[*BEGIN, frame(ok=FACTS | {"colour": "red"})]) as device:
        assert dataclasses.asdict(device.facts)["root"] == FACTS["root"]


@pytest.mark.parametrize(
    "mark", ["nonsense", "[]", "{}", '{"dir": "/x", "service": 5}', '{"dir": "/x", "service": "ftp:1"}', "[" * 50_000]
)
def test_a_unit_found_there_is_not_believed_either(mark: str) -> None:
    assert parse_unit(f"# edgedigits: {mark}\n[Unit]\n", "/x") is None
    assert parse_unit('# edgedigits: {"dir": "/x", "service": "http:9000"}\n', "/x") == Service(port=9000)


def test_json_of_others_is_read_within_limits() -> None:
    assert parse(b'{"a": [1, 2.5, null, "\xc3\xa4"]}', 100) == {"a": [1, 2.5, None, "ä"]}
    assert parse("[]", 2) == []
    for text, words in ((b"[1,2]", "longer than 4"), (b"NaN", "NaN is no number"), (b"-Infinity", "is no number")):
        with pytest.raises(ValueError, match=words):
            parse(text, 4 if text.startswith(b"[") else 100)
    with pytest.raises(ValueError, match="more than 3 values"):
        parse(b"[1,2,3,4]", 100, 3)
    assert make_plain("a\r\n\t\x00b" + "c" * 5000, 10) == "a bccccc..."[:7] + "..."


def asked(*requests: bytes) -> list[dict[str, Any]]:
    """What the real agent answers, each line; it must end without a word on stderr."""
    command = [sys.executable, "-I", "-c", "import sys;i=sys.stdin.buffer;exec(i.read(int(i.readline())))"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(pack_agent())
        process.stdin.flush()
        assert b"edgedigits" in process.stdout.readline()
        said, errors = process.communicate(b"".join(requests), timeout=20)
    assert errors == b""
    return [json.loads(line) for line in said.splitlines()]


def test_the_agent_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    first = frame(dir=str(tmp_path / "work"), lock_wait_s=1)
    wrong: list[dict[str, Any]] = [
        {},
        {"do": ["state"]},
        {"do": "format"},
        {"do": "get"},
        {"do": "get", "path": "a\0b"},
        {"do": "remove", "path": "../x"},
        {"do": "run", "argv": [], "cwd": "a"},
        {"do": "run", "argv": "ls", "cwd": "a"},
        {"do": "switch", "name": "../../x"},
        {"do": "release", "filled": "a", "name": "x/../..", "venv": "venvs/a"},
        {"do": "venv", "name": "0" * 12, "system_site": 1, "packages": [], "pip": "x", "online": False},
        {"do": "put", "folder": "bench/a", "files": [{"name": "x", "sha256": "0" * 64, "size": -5}]},
        {"do": "put", "folder": "bench/a", "files": [{"name": "x"}]},
        {"do": "healthy", "port": "80", "fresh": True, "wait_s": 1},
    ]
    answers = asked(first, *(frame(**request) for request in wrong), frame(do="state"))
    assert [set(answer) for answer in answers] == [{"ok"}, *[{"error"}] * len(wrong), {"ok"}]
    assert list(tmp_path.glob("*")) == [tmp_path / "work"]
    assert {path.name for path in (tmp_path / "work").iterdir()} <= {".lock"}


@pytest.mark.parametrize(
    "first", [b"nonsense\n", b"[]\n", b"{}\n", b"[" * 100_000 + b"\n", frame(dir=5, lock_wait_s=1)]
)
def test_the_agent_says_why_it_does_not_begin(first: bytes) -> None:
    (answer,) = asked(first)
    assert answer["error"]["kind"] == "input"


def test_the_agent_does_not_take_a_request_without_end(tmp_path: Path) -> None:
    answers = asked(frame(dir=str(tmp_path / "work"), lock_wait_s=1), b"x" * 5_000_000)
    assert "a request of more than" in answers[-1]["error"]["message"]


def test_a_damaged_release_is_not_intact(tmp_path: Path) -> None:
    release = tmp_path / "work/releases/0123456789ab"
    release.mkdir(parents=True)
    (tmp_path / "work/current").symlink_to("releases/0123456789ab")
    for text in ("", "[]", '{"files": 5}', '{"files": ["x"]}', "[" * 100_000):
        (release / "release.json").write_text(text)
        _, answer = asked(frame(dir=str(tmp_path / "work"), lock_wait_s=1), frame(do="state"))
        assert answer["ok"]["intact"] is False


def test_lines_without_end_are_cut() -> None:
    lines: list[str] = []
    cutter = Lines(lines.append)
    for _ in range(40):
        cutter.feed(b"x" * 65536)
    cutter.feed(b"")
    assert "".join(lines) == "x" * 40 * 65536
    assert max(map(len, lines)) <= 2**18 + 65536
