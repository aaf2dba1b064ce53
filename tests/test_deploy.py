"""Deploying to a real sshd with real packages: first, again, changed, failing, cut, two at once. x86-64 is a device too."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import edgedigits as ed
from benchmarks.cutting import Relay, cut_deploy
from edgedigits.devices.deploy import DeployReport, DeployWish, deploy
from edgedigits.devices.ssh.device import Device, connect
from edgedigits.errors import ArtifactError, DeployError, DeviceError, InputError
from edgedigits.measure.runtimes.wheelhouse import collect
from edgedigits.measure.runtimes.wheels import choose, find_pip_wheel
from tests.both_ways import compared
from tests.sshd import Sshd
from tests.tiny_artifact import tiny_artifact
from tests.warm import edgedigits


@dataclass
class Place:
    """One folder on the test's device."""

    server: Sshd
    name: str
    said: list[str] = field(default_factory=list)

    @property
    def wish(self) -> DeployWish:
        directory = f"{self.server.home}/{self.name}"
        return DeployWish(
            self.server.target, directory=directory, no_network=True, ssh_config=self.server.config, lock_wait_s=0.3
        )

    @property
    def seen(self) -> Path:
        return self.server.seen / self.name

    @property
    def current(self) -> str:
        return str((self.seen / "current").readlink())

    @property
    def releases(self) -> set[str]:
        return {item.name for item in (self.seen / "releases").iterdir()}

    def deploy(self, artifact: Path, **wish: object) -> DeployReport:
        return deploy(artifact, replace(self.wish, **wish), self.said.append, lambda _: None)  # type: ignore[arg-type]

    def connect(self) -> Device:
        return connect(self.wish.address, self.wish.directory, self.said.append, lock_wait_s=0.3)


@pytest.fixture(scope="module")
def seeded(server: Sshd) -> Place:
    """A folder that has had one deploy; its environment is lent to the others, for each installs for seconds."""
    place = Place(server, "seeded")
    with place.connect() as device:
        packages = choose(device.facts)
    try:
        collect([find_pip_wheel(), *packages.wheels], packages.python, print)
    except InputError as error:
        pytest.skip(f"the package index can't be reached: {error}")
    return place


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four that differ in eval.npz alone."""
    folder = tmp_path_factory.mktemp("artifacts")
    return [tiny_artifact(folder / str(seed), seed) for seed in range(4)]


@pytest.fixture(scope="module")
def first(seeded: Place, artifacts: list[Path]) -> DeployReport:
    """The first deploy: with everything, through the real pip."""
    return seeded.deploy(artifacts[0])


@pytest.fixture
def place(server: Sshd, seeded: Place, first: DeployReport, tmp_path: Path) -> Place:
    """A fresh folder where the environment is there already."""
    return copied(seeded, f"fresh-{tmp_path.name}")


def copied(seeded: Place, name: str) -> Place:
    """A folder with the environments of another."""
    fresh = Place(seeded.server, name)
    fresh.seen.mkdir()
    shutil.copytree(seeded.seen / "venvs", fresh.seen / "venvs", symlinks=True)
    owner = seeded.seen.stat()
    for item in (fresh.seen, *fresh.seen.rglob("*")):
        os.chown(item, owner.st_uid, owner.st_gid, follow_symlinks=False)
    return fresh


def test_first_deploy_installs_checks_and_switches(seeded: Place, first: DeployReport) -> None:
    assert first.changed
    assert (first.runtime, first.doctor["ok"], first.doctor["verdict"]) == ("litert", True, "bit-identical")
    assert seeded.current == f"releases/{first.release}"
    about = json.loads((seeded.seen / "current/release.json").read_text())
    assert (about["release"], about["runtime"], about["packages"]) == (first.release, "litert", first.packages)
    assert sorted(item.name for item in seeded.seen.iterdir()) == [".lock", "current", "releases", "venvs"]
    assert not list(seeded.seen.glob("venvs/*/bin/[aA]ctivate*"))
    assert first.sent_bytes > 10_000_000


def test_person_on_the_device_can_run_it(server: Sshd, seeded: Place, first: DeployReport) -> None:
    with seeded.connect() as device:
        ended = device.run(["venv/bin/python", "edgedigits-runner.pyz", "doctor"], "current")
    assert ended.code == 0, ended.errors


def test_the_command_and_the_function_say_the_same(place: Place, artifacts: list[Path]) -> None:
    """Each into a folder of its own, then again into it."""
    other = copied(place, f"{place.name}-other")
    for changed in (True, False):
        options = ("--dir", place.wish.directory, "--ssh-config", place.server.config, "--no-network", "--json")
        done = edgedigits("deploy", artifacts[1], place.server.target, *options)
        assert done.returncode == 0, done.stderr
        found = ed.deploy(
            artifacts[1],
            place.server.target,
            directory=other.wish.directory,
            ssh_config=place.server.config,
            no_network=True,
            progress=False,
        )
        said = compared(json.loads(done.stdout), "deploy")
        assert compared(json.loads(json.dumps(found.as_json())), "deploy") == said
        assert said["changed"] is changed


def test_second_deploy_does_nothing(seeded: Place, first: DeployReport, artifacts: list[Path]) -> None:
    again = seeded.deploy(artifacts[0])
    assert (again.changed, again.sent_bytes, again.release) == (False, 0, first.release)
    assert seeded.said[-1].endswith("is in use already; nothing to do")


def test_changed_artifact_sends_what_differs_and_two_are_kept(place: Place, artifacts: list[Path]) -> None:
    made = [place.deploy(artifact) for artifact in artifacts[:3]]
    changed = sum((artifacts[1] / name).stat().st_size for name in ("eval.npz", "manifest.json"))
    assert made[0].sent_bytes > 50_000
    assert made[1].sent_bytes < changed + 2000, "release.json comes on top"
    assert place.releases == {made[1].release, made[2].release}
    assert place.current == f"releases/{made[2].release}"
    back = place.deploy(artifacts[1])
    assert (back.sent_bytes, back.changed) == (0, True)
    assert place.releases == {made[1].release, made[2].release}


def test_release_that_the_doctor_refuses_never_comes_into_use(
    place: Place, artifacts: list[Path], tmp_path: Path
) -> None:
    bad = tiny_artifact(tmp_path / "bad", wrong=True)
    with pytest.raises(DeployError, match=r"the doctor there refuses release .*; no release is in use") as caught:
        place.deploy(bad)
    assert caught.value.exit_code == 1
    assert place.releases == set()
    assert not (place.seen / "current").exists()


def test_release_that_the_doctor_refuses_leaves_the_old_one(
    place: Place, artifacts: list[Path], tmp_path: Path
) -> None:
    good = place.deploy(artifacts[0])
    with pytest.raises(DeployError, match=f"release {good.release} stays in use"):
        place.deploy(tiny_artifact(tmp_path / "bad", wrong=True))
    assert place.current == f"releases/{good.release}"
    assert place.releases == {good.release}
    assert not place.deploy(artifacts[0]).changed


def test_altered_release_is_mended_with_what_differs(place: Place, artifacts: list[Path]) -> None:
    made = place.deploy(artifacts[0])
    model = place.seen / "current/model.tflite"
    model.write_bytes(b"broken" + model.read_bytes()[6:])
    mended = place.deploy(artifacts[0])
    assert (mended.changed, mended.release, mended.sent_bytes) == (True, made.release, model.stat().st_size)
    assert not place.deploy(artifacts[0]).changed


def test_environment_whose_python_is_gone_is_made_anew(place: Place, artifacts: list[Path]) -> None:
    place.deploy(artifacts[0])
    (python,) = place.seen.glob("venvs/*/bin/python")
    python.unlink()
    assert place.deploy(artifacts[0]).changed
    assert python.exists()


def test_altered_artifact_is_refused_before_anything_is_sent(place: Place, tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path / "a")
    (artifact / "model.tflite").write_bytes(b"TFL3")
    with pytest.raises(ArtifactError, match="missing or altered"):
        place.deploy(artifact)
    with pytest.raises(ArtifactError, match="not an artifact folder"):
        place.deploy(tmp_path)
    manifest = json.loads((artifact / "manifest.json").read_text())
    (artifact / "manifest.json").write_text(json.dumps(manifest | {"files": {"../../x": "0"}}))
    with pytest.raises(ArtifactError, match="files: found an object of 1"):
        place.deploy(artifact)
    assert not (place.seen / "releases").exists()


def test_awkward_folder_names_work_to_the_end(server: Sshd, place: Place, artifacts: list[Path]) -> None:
    for artifact, name in zip(artifacts, ('it\'s a "q" $(touch x) %h', "-dash"), strict=False):
        other = Place(server, name)
        place.seen.rename(other.seen)
        assert other.deploy(artifact).changed
        assert not other.deploy(artifact).changed
        other.seen.rename(place.seen)
    assert not (server.seen / "x").exists()


def test_line_break_in_the_folder_name_is_refused(place: Place, artifacts: list[Path]) -> None:
    with pytest.raises(InputError, match="holds a line break or another control character"):
        place.deploy(artifacts[0], directory="a\nb")


def test_two_at_once_one_waits_and_is_refused(place: Place, artifacts: list[Path]) -> None:
    with place.connect() as device:
        device.put("bench/a", {"x": b""}, print)
        with pytest.raises(DeviceError, match="another deploy or bench is at work there; try again"):
            place.deploy(artifacts[0])
        waiting = threading.Thread(target=place.deploy, args=[artifacts[0]], kwargs={"lock_wait_s": 20.0})
        waiting.start()
        began = time.monotonic()
        while not any("waiting up to 20 s" in line for line in place.said) and time.monotonic() - began < 15:
            time.sleep(0.05)
    waiting.join(60)
    assert place.current.startswith("releases/")
    assert any("waiting up to 20 s" in line for line in place.said)


def test_too_little_room_is_said_before_anything_is_sent(server: Sshd, seeded: Place, artifacts: list[Path]) -> None:
    if server.user != "pi":
        pytest.skip("needs root: a small disk to fill")
    small = Place(server, "small/edgedigits")
    with pytest.raises(DeviceError, match=r"need about 1\d\d\.\d MB, and .* MB are free"):
        small.deploy(artifacts[0])
    assert not (small.seen / "current").exists()
    assert not (small.seen / "venvs").exists()


def test_wrong_wishes_are_refused_with_their_reason(place: Place, artifacts: list[Path]) -> None:
    with pytest.raises(InputError, match="--service 'ftp:1': unknown; give http"):
        place.deploy(artifacts[0], service="ftp:1")
    with pytest.raises(InputError, match="choose from 1024 to 65535"):
        place.deploy(artifacts[0], service="http:80")
    with pytest.raises(DeviceError, match="no systemd session"):
        place.deploy(artifacts[0], service="http")
    assert not (place.seen / "releases").exists()


def test_device_with_its_own_network_is_asked_first(server: Sshd, seeded: Place, tmp_path: Path) -> None:
    """Its own index can't be reached: the packages come from here, and that is said in one line."""
    if server.user != "pi":
        pytest.skip("would change this user's own pip settings")
    settings = server.seen / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.write_text(f"[global]\nindex-url = http://127.0.0.1:{listener.getsockname()[1]}/simple\n")
    settings.chmod(0o644)
    place = Place(server, "networked")
    with place.connect() as device:
        path = device.environment(choose(device.facts), False, lambda _: None)
    shutil.rmtree(settings.parent)
    assert (place.seen / path / "bin/python").exists()
    assert any("it can't fetch the packages itself" in line and "sending them from here" in line for line in place.said)


def test_connection_cut_at_any_moment_never_breaks_what_is_in_use(place: Place, artifacts: list[Path]) -> None:
    """A few moments over a whole deploy, one of them with packages to send; the benchmark does twenty."""
    config = place.server.config
    assert "HostKeyAlias" in config.read_text()
    moments = random.Random(7)
    place.deploy(artifacts[3])
    with Relay(place.server.port) as relay:
        for turn in range(4):
            cut = cut_deploy(artifacts[turn % 3], place.wish, relay, moments.uniform(0.2, 0.9))
            assert cut.safe, cut
    shutil.rmtree(place.seen / "venvs")
    with Relay(place.server.port) as relay:
        cut = cut_deploy(artifacts[0], place.wish, relay, 1.5)
        assert cut.safe, cut
        assert cut.error is not None
        assert "run again to finish" in cut.error
    assert not list(place.seen.rglob(".incoming-*"))
    assert not list(place.seen.rglob(".making-*"))
