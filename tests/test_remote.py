"""Reaching a device: a real sshd, everything ssh can refuse, files and commands there, and which packages fit it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cutting import Relay
from edgedigits.devices.ssh.address import Address, check_directory
from edgedigits.devices.ssh.channel import pack_agent
from edgedigits.devices.ssh.device import Device, connect
from edgedigits.errors import DeployError, DeviceError, EdgeDigitsError, InputError
from edgedigits.measure.runtimes.device_facts import DeviceFacts
from edgedigits.measure.runtimes.wheels import choose, find_pip_wheel, list_pythons
from tests import sshd
from tests.sshd import Sshd

PI = DeviceFacts("linux", (3, 11, 2), "aarch64", "glibc", (2, 36))
HOSTILE = ["a b", "it's", 'say "x"', "$(touch x)", "`touch x`", "-rf", "a;touch x", "naïve", "back\\slash", "*", "~x"]


def go(server: Sshd, folder: str = "work", **wish: Any) -> Device:
    address = Address(server.target, config=server.config)
    place = folder if folder.startswith("/") else f"{server.home}/{folder}"
    return connect(dataclasses.replace(address, **wish), place, lambda _: None, lock_wait_s=0.5)


def refusal(server: Sshd, **wish: Any) -> str:
    with pytest.raises(DeviceError) as caught:
        go(server, **wish)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_device_says_what_it_is_and_is_left_untouched(server: Sshd) -> None:
    with go(server, "untouched") as device:
        facts = device.facts
        assert facts.python >= (3, 9)
        assert (facts.system, facts.machine, facts.libc) == ("linux", os.uname().machine, "glibc")
        assert facts.root == f"{server.home}/untouched"
        assert facts.free_bytes > 0
        assert device.current() is None
    assert not (server.seen / "untouched").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_folder_name_means_anything_to_a_shell(server: Sshd, name: str) -> None:
    before = set(server.seen.iterdir())
    with go(server, name) as device:
        device.put("bench/0123456789ab", {"job.json": b"{}"}, print)
        lines: list[str] = []
        ended = device.run(["python3", "-c", "import os; print(os.getcwd())"], "bench/0123456789ab", lines.append)
        assert (ended.code, lines) == (0, [f"{server.home}/{name}/bench/0123456789ab"])
    assert set(server.seen.iterdir()) - before == {server.seen / name}


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "a\x7fb", "", "  ", "\udcff"])
def test_folder_names_that_no_file_can_hold_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^--dir"):
        check_directory(name)


@pytest.mark.parametrize("target", ["-oProxyCommand=x", "pi@-x", "pi@a b", "pi@a\nb", "", "@host", "pi@", "pi@$(x)"])
def test_targets_that_could_be_options_are_refused(target: str) -> None:
    with pytest.raises(InputError, match="not USER@HOST"):
        Address(target).check()


def test_what_is_wrong_with_an_address_is_said(tmp_path: Path) -> None:
    for good in ("pi@raspberrypi.local", "kitchen", "pi@192.168.1.7", "pi@fe80::1%eth0", "first.last@x"):
        Address(good).check()
    with pytest.raises(InputError, match="--port 70000"):
        Address("pi@x", port=70000).check()
    with pytest.raises(InputError, match=r"--identity .*: no such file"):
        Address("pi@x", identity=tmp_path / "none").check()


def test_unknown_host_key_stops(server: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(server.config.read_text().replace("the-device", "another-name"))
    assert "host key is not in known_hosts" in refusal(server, config=config)


def test_changed_host_key_stops(server: Sshd, tmp_path: Path) -> None:
    kind, public, *_ = (server.folder / "stranger.pub").read_text().split()
    (tmp_path / "known").write_text(f"the-device {kind} {public}\n")
    text = server.config.read_text().replace(str(server.folder / "known_hosts"), str(tmp_path / "known"))
    (tmp_path / "config").write_text(text)
    assert "not the one in known_hosts" in refusal(server, config=tmp_path / "config")


def test_refused_key_is_told_apart(server: Sshd, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(server.config.read_text().replace(f"{server.folder}/id\n", f"{server.folder}/stranger\n"))
    assert "the key was refused" in refusal(server, config=config)
    with go(server, config=config, identity=server.key) as device:
        assert device.current() is None, "--identity names the right one"


def test_wrong_port_and_unknown_name_are_told_apart(server: Sshd) -> None:
    assert "nothing listens on port" in refusal(server, port=sshd.free_port())
    assert "the name nowhere.invalid is not known" in refusal(server, target="pi@nowhere.invalid")


def test_port_of_something_else_is_told_apart(server: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert "closed the connection" in refusal(server, port=listener.getsockname()[1])


def test_silent_host_is_told_apart(server: Sshd, tmp_path: Path) -> None:
    """A relay that never answers stands for a host that is off; the timeout is ours, so this takes ten seconds."""
    config = tmp_path / "config"
    config.write_text(server.config.read_text() + "ProxyCommand sleep 30\n")
    started = time.monotonic()
    assert "no answer" in refusal(server, config=config)
    assert time.monotonic() - started < 25


def test_missing_ssh_and_bad_configuration_are_told_apart(
    server: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("NoSuchOption yes\n")
    assert "ssh can't read its configuration" in refusal(server, config=tmp_path / "config")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "ssh is not installed on this machine" in refusal(server)


def test_login_scripts_that_print_do_not_matter(server: Sshd) -> None:
    if server.user != "pi":
        pytest.skip("would change this user's own .bashrc")
    (server.seen / ".bashrc").write_text("echo 'Welcome to the kitchen'; echo '{\"ok\": 1}'\n")
    try:
        with go(server) as device:
            assert device.current() is None
    finally:
        (server.seen / ".bashrc").unlink()


def test_no_python_there_is_told_apart(server: Sshd) -> None:
    if server.user != "pi":
        pytest.skip("would change this user's own .bashrc")
    (server.seen / ".bashrc").write_text("PATH=/nowhere\n")
    try:
        assert "there is no python3 on it" in refusal(server)
    finally:
        (server.seen / ".bashrc").unlink()


def test_only_what_lacks_is_sent_and_comes_back_the_same(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(700_000))
    files: dict[str, Path | bytes] = {"big": tmp_path / "big", "a 'b'": b"text", "none": b""}
    with go(server) as device:
        assert device.put("bench/aaaaaaaaaaaa", files, print) == 700_004
        assert device.put("bench/aaaaaaaaaaaa", files, print) == 0
        assert device.put("bench/aaaaaaaaaaaa", {**files, "none": b"x"}, print) == 1
        assert device.get("bench/aaaaaaaaaaaa/big") == (tmp_path / "big").read_bytes()
        device.remove("bench/aaaaaaaaaaaa")
        with pytest.raises(EdgeDigitsError, match="No such file"):
            device.get("bench/aaaaaaaaaaaa/big")
        assert device.current() is None, "an error does not end the session"


def test_interrupted_upload_goes_on_where_it_was(server: Sshd) -> None:
    data = os.urandom(8_000_000)
    with Relay(server.port) as relay:
        relay.cut_at(4_000_000)
        with go(server, port=relay.port) as device, pytest.raises(DeviceError, match="run again to finish"):
            device.put("bench/bbbbbbbbbbbb", {"model": data}, print)
    assert not (server.seen / "work/bench/bbbbbbbbbbbb/model").exists()
    with go(server) as device:
        assert 0 < device.put("bench/bbbbbbbbbbbb", {"model": data}, print) < 7_000_000
        assert device.get("bench/bbbbbbbbbbbb/model") == data


def test_half_of_another_file_is_not_taken_for_this_one(server: Sshd) -> None:
    with go(server) as device:
        device.put("bench/cccccccccccc", {"model.part": b"x" * 50}, print)
        with pytest.raises(DeployError, match="arrived altered; run again"):
            device.put("bench/cccccccccccc", {"model": b"y" * 100}, print)
    with go(server) as device:
        assert device.put("bench/cccccccccccc", {"model": b"y" * 100}, print) == 100


def test_full_disk_is_said_and_given_back(server: Sshd) -> None:
    if server.user != "pi":
        pytest.skip("needs root: a small disk to fill")
    with go(server, "small/x") as device, pytest.raises(DeviceError, match="the disk is full"):
        device.put("releases/.incoming-dddddddddddd", {"model": b"x" * 9_000_000}, print)
    assert list((server.seen / "small/x/releases").iterdir()) == []


def test_folder_that_may_not_be_written_is_said(server: Sshd) -> None:
    with go(server, "/proc/edgedigits") as device, pytest.raises(EdgeDigitsError, match="/proc/edgedigits"):
        device.put("bench/a", {"x": b""}, print)
    with (
        go(server, "/etc/passwd/x") as device,
        pytest.raises(DeviceError, match="a file stands where a folder is wanted"),
    ):
        device.put("bench/a", {"x": b""}, print)


def test_paths_never_leave_the_folder(server: Sshd) -> None:
    with go(server) as device:
        for path in ("../x", "/etc", "a/../../x", ""):
            with pytest.raises(DeviceError, match="not a path inside"):
                device.remove(path)
        with pytest.raises(DeviceError, match="not a plain file name"):
            device.put("bench/a", {"../x": b""}, print)


def test_commands_stream_lines_and_say_how_they_ended(server: Sshd) -> None:
    code = "import sys, time; print('one', flush=True); time.sleep(.3); print('two'); sys.exit('the reason')"
    with go(server) as device:
        device.put("bench/a", {"x": b""}, print)
        seen: list[tuple[str, float]] = []
        ended = device.run(["python3", "-c", code], "bench/a", lambda line: seen.append((line, time.monotonic())))
        assert [line for line, _ in seen] == ["one", "two"]
        assert seen[1][1] - seen[0][1] > 0.1, "a line comes when it is written"
        assert (ended.code, ended.last_words) == (1, "the reason")
        killed = device.run(["python3", "-c", "import os; os.kill(os.getpid(), 11)"], "bench/a")
        assert killed.code == -11
        with pytest.raises(EdgeDigitsError, match="no-such-program"):
            device.run(["no-such-program"], "bench/a")


def test_command_ends_with_the_connection(server: Sshd) -> None:
    marker = server.seen / "work" / "bench" / "a" / "alive"
    code = "import time, pathlib\nwhile True: pathlib.Path('alive').write_text(str(time.time())); time.sleep(.05)"
    with Relay(server.port) as relay, go(server, port=relay.port) as device:
        device.put("bench/a", {"x": b""}, print)
        relay.cut_after(0.6)
        with pytest.raises(DeviceError, match="the connection was lost half-way"):
            device.run(["python3", "-c", code], "bench/a")
    time.sleep(0.3)
    last = marker.read_text()
    time.sleep(0.3)
    assert marker.read_text() == last


def test_second_session_waits_then_refuses(server: Sshd) -> None:
    with go(server) as first, go(server) as second:
        first.put("bench/a", {"x": b""}, print)
        assert second.current() is None, "looking needs no lock"
        with pytest.raises(DeviceError, match="another deploy or bench is at work there"):
            second.put("bench/a", {"x": b""}, print)
    with go(server) as third:
        third.put("bench/a", {"x": b""}, print)


def test_old_python_gets_a_sentence_and_no_traceback() -> None:
    """The agent's first part runs on Python 3.6; here by the syntax, and by whatever old Python this machine has."""
    boot = pack_agent().split(b"\n", 1)[1]
    compile(boot[: int(pack_agent().split(b"\n", 1)[0])], "boot", "exec", dont_inherit=True)
    for name in ("python3.6", "python3.7", "python3.8"):
        if python := shutil.which(name):
            code = "import sys;i=sys.stdin.buffer;exec(i.read(int(i.readline())))"
            done = subprocess.run([python, "-I", "-c", code], input=pack_agent(), capture_output=True, check=False)
            if done.returncode == 0:  # a version manager's stand-in may not run
                assert b'{"python": [3, ' in done.stdout
    with pytest.raises(DeviceError, match=r"Python 3\.7\.3, and no runtime has wheels below 3\.9"):
        choose(DeviceFacts("linux", (3, 7, 3)))


@pytest.mark.parametrize(
    ("facts", "wish", "runtime", "first"),
    [
        (PI, "auto", "litert", "ai-edge-litert 2.3.0"),
        (PI, "tflite-runtime", "tflite-runtime", "tflite-runtime 2.14.0"),
        (dataclasses.replace(PI, python=(3, 13, 5), libc_version=(2, 41)), "auto", "litert", "ai-edge-litert 2.3.0"),
        (dataclasses.replace(PI, python=(3, 9, 2), libc_version=(2, 31)), "auto", "litert", "ai-edge-litert 2.1.0"),
        (dataclasses.replace(PI, machine="x86_64"), "auto", "litert", "ai-edge-litert 2.3.0"),
        (dataclasses.replace(PI, machine="armv7l", numpy="1.24.2"), "auto", "tflite-runtime", "tflite-runtime 2.14.0"),
    ],
)
def test_packages_fit_the_device(facts: DeviceFacts, wish: str, runtime: str, first: str) -> None:
    packages = choose(facts, wish)
    assert packages.runtime == runtime
    assert first in [f"{name} {version}" for name, version in packages.versions.items()]
    assert packages.system_numpy == ("numpy" not in packages.versions)
    for wheel in packages.wheels:
        assert wheel.glibc <= facts.libc_version[1]
        assert wheel.platforms == ("any",) or all(tag.endswith(facts.machine) for tag in wheel.platforms)


@pytest.mark.parametrize(
    ("changed", "wish", "sentence"),
    [
        ({"libc": "musl", "libc_version": ()}, "auto", "its C library is musl"),
        ({"machine": "armv6l"}, "auto", "Raspberry Pi 1 or Zero"),
        ({"machine": "i686"}, "auto", "no runtime has wheels for it"),
        ({"machine": "riscv64"}, "auto", "no runtime has wheels for it"),
        ({"system": "darwin"}, "auto", "devices are Linux machines"),
        ({"python": (3, 15, 0)}, "auto", "no runtime has wheels above 3.14"),
        ({"python": (3, 8, 10)}, "auto", "no runtime has wheels below 3.9"),
        ({"libc_version": (2, 24)}, "auto", "need glibc 2.2"),
        ({"libc_version": (2, 31)}, "tflite-runtime", "need glibc 2.34, and it has 2.31"),
        ({"python": (3, 13, 5)}, "tflite-runtime", "wheels for Python 3.9 to 3.11.*use --runtime litert"),
        ({"machine": "armv7l", "numpy": "1.24.2"}, "litert", "litert has no wheels for 32-bit ARM"),
        ({"machine": "armv7l"}, "auto", "sudo apt install python3-numpy"),
        ({"machine": "armv7l", "numpy": "2.2.4"}, "auto", "needs NumPy 1, and it has 2.2.4"),
        ({"machine": "armv7l", "python": (3, 13, 5)}, "auto", "install the 64-bit system"),
    ],
)
def test_devices_without_packages_get_one_sentence(changed: dict[str, object], wish: str, sentence: str) -> None:
    with pytest.raises(DeviceError, match=sentence) as caught:
        choose(dataclasses.replace(PI, **changed), wish)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_opencv_comes_when_asked_for() -> None:
    assert "opencv-python-headless" not in choose(PI).versions
    assert "opencv-python-headless" in choose(PI, opencv=True).versions
    with pytest.raises(DeviceError, match="leave --opencv out"):
        choose(dataclasses.replace(PI, machine="armv7l", numpy="1.24.2"), opencv=True)


def test_pip_for_devices_is_pure_python_and_pythons_are_listed() -> None:
    assert find_pip_wheel().platforms == ("any",)
    assert list_pythons("litert") == ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
    assert list_pythons("tflite-runtime", "armv7l") == ["3.9", "3.10", "3.11"]


def test_32_bit_system_on_a_64_bit_kernel_is_seen() -> None:
    from edgedigits.devices.agent.facts import machine

    assert machine("aarch64", 64) == "aarch64"
    assert machine("aarch64", 32) == "armv7l"
    assert machine("armv7l", 32) == "armv7l"
    assert machine("armv6l", 32) == "armv6l"
    assert machine("x86_64", 32) == "i686"


def test_agent_runs_on_every_python_it_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `ssh` that stays on this machine, for Pythons that the sshd's login may not have."""
    (tmp_path / "ssh").write_text('#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n')
    (tmp_path / "ssh").chmod(0o755)
    found = [python for minor in range(9, 15) if (python := running_python(f"3.{minor}"))]
    for version, program in found:
        (tmp_path / "python3").unlink(missing_ok=True)
        (tmp_path / "python3").write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
        (tmp_path / "python3").chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
            with connect(Address("here"), str(tmp_path / version), lambda _: None) as device:
                assert device.facts.python_minor == version
                device.put("bench/a", {"x": b"data"}, print)
                assert device.run(["true"], "bench/a").code == 0
                assert device.get("bench/a/x") == b"data"
    assert found


def running_python(version: str) -> tuple[str, str] | None:
    """A Python on PATH that truly runs: version managers put stand-ins there."""
    for folder in os.get_exec_path():
        python = Path(folder) / f"python{version}"
        if python.is_file() and not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
            return version, str(python)
    return None


def test_ways_to_a_device_load_no_tensorflow() -> None:
    code = "import edgedigits.devices.deploy, sys; sys.exit(bool({'tensorflow', 'keras', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
