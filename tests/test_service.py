"""The systemd user unit: its text as systemd reads it, and a real `systemd --user` that runs it behind a real sshd."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgedigits.devices.deploy import DeployReport, DeployWish, deploy
from edgedigits.devices.service import Service, parse_service, parse_unit, write_unit
from edgedigits.errors import DeployError, InputError
from tests import sshd
from tests.sshd import Manager, Sshd
from tests.tiny_artifact import tiny_artifact

AWKWARD = 'a b %h $HOME "q" it\'s ;x'


def test_what_a_service_may_be() -> None:
    assert parse_service("http") == Service(port=8765)
    assert parse_service("http:9000") == Service(port=9000)
    assert parse_service("watch:in coming") == Service(folder="in coming")
    assert parse_service("watch:~/a").watched("/home/pi") == "/home/pi/a"
    assert parse_service("watch:/srv/a").watched("/home/pi") == "/srv/a"
    for wrong in ("", "http:", "http:80", "http:x", "httpx", "watch", "watch:", "watch:a\nb", "ftp:1"):
        with pytest.raises(InputError, match=r"^--service"):
            parse_service(wrong)


def test_unit_says_what_it_was_made_for() -> None:
    for service in (Service(port=9000), Service(folder='a"b%c')):
        unit = write_unit(service, "/home/pi/e", "/home/pi", True)
        assert parse_unit(unit, "/home/pi/e") == service
        assert parse_unit(unit, "/home/pi/other") is None
    assert parse_unit("[Unit]\n", "/home/pi/e") is None
    assert parse_unit(None, "/home/pi/e") is None


def test_unit_never_gives_up() -> None:
    """Five failures within a minute used to end it for good."""
    for service in (Service(port=9000), Service(folder="in")):
        unit = write_unit(service, "/home/pi/e", "/home/pi", True)
        assert "StartLimitIntervalSec=0\n" in unit
        assert "StartLimitBurst" not in unit
        assert "Restart=on-failure\n" in unit


def test_unit_without_namespaces_keeps_what_works() -> None:
    without = write_unit(Service(port=9000), "/home/pi/e", "/home/pi", False)
    assert "NoNewPrivileges=yes" in without
    assert "MemoryMax=" in without
    assert "ProtectSystem" not in without, "it would end with 226/NAMESPACE"
    assert "CapabilityBoundingSet" not in without, "it would end with 218/CAPABILITIES"


@pytest.mark.parametrize("name", ["plain", AWKWARD])
@pytest.mark.parametrize("wish", ["http:9000", "watch:in 100% \"x\" $y 'z'"])
def test_systemd_takes_the_unit(tmp_path: Path, name: str, wish: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "edgedigits.service"
    unit.write_text(write_unit(parse_service(wish), f"/home/pi/{name}", "/home/pi", True))
    environment = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"}
    command = ["systemd-analyze", "verify", "--user", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    complaints = [line for line in done.stderr.splitlines() if "edgedigits.service" in line]
    assert complaints == []
    assert done.returncode == 0, done.stderr


def test_unit_is_hardened_as_systemd_counts_it(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "edgedigits.service"
    unit.write_text(write_unit(Service(port=9000), "/home/pi/e", "/home/pi", True))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for edgedigits.service: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze rates no files: {done.stderr.strip()}")
    assert float(found[1]) <= 3.0, done.stdout


@pytest.fixture(scope="module")
def manager(server: Sshd) -> Iterator[Manager]:
    running = sshd.start_manager(server)
    if isinstance(running, str):
        pytest.skip(running)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("artifacts")
    return [tiny_artifact(folder / str(seed), seed) for seed in range(2)]


def put(manager: Manager, artifact: Path, said: list[str] | None = None, service: str | None = None) -> DeployReport:
    server = manager.server
    wish = DeployWish(server.target, directory=AWKWARD, no_network=True, service=service, ssh_config=server.config)
    try:
        return deploy(artifact, wish, (said if said is not None else []).append, lambda _: None)
    except InputError as error:
        if "can't be downloaded here" in str(error):
            pytest.skip(f"the package index can't be reached: {error}")
        raise


def ask(port: int, path: str) -> bytes:
    """A GET, tried for a while: a service that was just put back needs a moment."""
    end = time.monotonic() + 10
    while True:
        try:
            with contextlib.closing(urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5)) as answer:
                content: bytes = answer.read()
                return content
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def shown(manager: Manager) -> dict[str, Any]:
    said = manager.systemctl("show", "edgedigits", "--property=ActiveState,MainPID,ExecMainStatus,MemoryMax")
    return dict(line.split("=", 1) for line in said.splitlines())


def test_service_serves_survives_and_comes_back(manager: Manager, artifacts: list[Path]) -> None:
    """One story, for each step needs the one before."""
    port, said = sshd.free_port(), list[str]()
    made = put(manager, artifacts[0], said, f"http:{port}")
    assert made.changed
    assert json.loads(ask(port, "/health"))["ok"] is True
    assert b"# TYPE" in ask(port, "/metrics")
    before = shown(manager)
    assert (before["ActiveState"], before["MemoryMax"]) == ("active", str(512 * 2**20))
    assert manager.systemctl("is-enabled", "edgedigits") == "enabled"

    assert not put(manager, artifacts[0], said, f"http:{port}").changed
    assert shown(manager)["MainPID"] == before["MainPID"], "nothing to do means nothing restarted"

    another = put(manager, artifacts[1], said)
    assert another.changed
    after = shown(manager)
    assert after["MainPID"] != before["MainPID"], "a service that is there follows a new release"
    working = Path(f"/proc/{after['MainPID']}/cwd")
    assert working.readlink().name == another.release

    os.kill(int(after["MainPID"]), 11)
    end = time.monotonic() + 15
    while shown(manager)["MainPID"] in ("0", after["MainPID"]) and time.monotonic() < end:
        time.sleep(0.2)
    assert json.loads(ask(port, "/health"))["ok"] is True, "restarted after a crash"

    with socket.create_server(("127.0.0.1", 0)) as taken:
        other = taken.getsockname()[1]
        with pytest.raises(DeployError, match=f"release {another.release} stays in use"):
            put(manager, artifacts[0], said, f"http:{other}")
    assert str((manager.server.seen / AWKWARD / "current").readlink()) == f"releases/{another.release}"
    assert json.loads(ask(port, "/health"))["ok"] is True, "the old release serves again, where it did"


def test_service_watches_a_folder_and_sees_the_disk_read_only(manager: Manager, artifacts: list[Path]) -> None:
    put(manager, artifacts[0], service="watch:in coming 100%")
    state = shown(manager)
    assert state["ActiveState"] == "active"
    assert (manager.server.seen / "in coming 100%").is_dir()
    status = Path(f"/proc/{state['MainPID']}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapBnd:\t0000000000000000" in status
    mounts = Path(f"/proc/{state['MainPID']}/mounts").read_text()
    home = [line.split()[3] for line in mounts.splitlines() if line.split()[1].startswith("/home")]
    assert home
    assert all(options.split(",")[0] == "ro" for options in home), mounts
