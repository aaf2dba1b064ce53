"""The commands of the runner for people: predict in all its forms, bench, evaluate, and wrong calls."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from getopt import GetoptError, gnu_getopt
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from edgedigits_runner.arrays import decode as decode_array
from edgedigits_runner.by_hand import summary
from edgedigits_runner.files import joined
from edgedigits_runner.kept import sealed
from edgedigits_runner.options import WrongOption, split_options

from edgedigits.data.reading import Reading
from edgedigits.data.sources.files.folders import FolderImages
from edgedigits.devices.runner_archive import NAME
from edgedigits.tflite.interpreter import TfliteModel
from tests.tiny_release import copied, environment, images, run, write_pgm

WALLED = ("tensorflow", "tf_keras", "keras", "pandas", "cv2", "edgedigits", "scipy", "click")
WALL = f"""
import runpy, sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {WALLED}:
            raise ImportError(name + " is behind the wall")
sys.meta_path.insert(0, Wall())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
BARE = Path(__file__).parent.parent / "benchmarks" / "bare.py"
BEHIND_WALL = (sys.executable, "-c", WALL)


@pytest.fixture
def release(shapes: Path, tmp_path: Path) -> Path:
    return copied(shapes, tmp_path)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_predict_answers_as_the_model_does(release: Path) -> None:
    pixels, labels = images(release)
    files = [write_pgm(release.parent / f"{number}.pgm", pixels[number]) for number in range(12)]
    done = run(release, "predict", *files)
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    assert [line["file"] for line in found] == [str(file) for file in files]
    model = TfliteModel((release / "model.tflite").read_bytes())
    scores = model.outputs(pixels[:12], "0..1")
    for line, wanted in zip(found, scores, strict=True):
        best = np.argsort(-wanted, kind="stable")[:2]
        assert [top["class"] for top in line["top"]] == best.tolist()
        assert [top["score"] for top in line["top"]] == pytest.approx(wanted[best].tolist(), abs=1e-6)
        assert [top["name"] for top in line["top"]] == [str(i) for i in best]
        assert line["ms"] > 0
    assert np.mean([line["top"][0]["class"] for line in found] == labels[:12]) > 0.8


def test_predict_needs_nothing_but_numpy_and_an_interpreter(release: Path) -> None:
    pixels, _ = images(release)
    np.save(release.parent / "a.npy", pixels[0, ..., 0])
    write_pgm(release.parent / "b.pgm", pixels[0])
    cv2.imwrite(str(release.parent / "c.png"), pixels[0])
    done = run(release, "predict", "a.npy", "b.pgm", "c.png", python=BEHIND_WALL)
    assert done.returncode == 2
    npy, pgm, png = lines(done.stdout)
    assert npy["top"] == pgm["top"]
    assert "python3-opencv" in png["error"]
    assert "opencv-python-headless" in png["error"]


def test_predict_takes_a_folder_and_answers_the_rest_when_one_is_bad(release: Path) -> None:
    pixels, _ = images(release)
    folder = release.parent / "some images"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), pixels[number])
    (folder / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("")
    done = run(release, "predict", folder, "nowhere.png", release.parent / "a release")
    assert done.returncode == 2
    first, bad, third, absent, none = lines(done.stdout)
    assert ("top" in first, "top" in third) == (True, True)
    assert bad["error"].startswith("can't be decoded as an image: not a whole PNG file")
    assert "1 files that are no images are left out" in done.stderr
    assert (absent["file"], absent["error"]) == ("nowhere.png", "can't be read (No such file or directory)")
    assert "holds no images" in none["error"]


def described(release: Path, **settings: Any) -> None:
    """The manifest's input, told otherwise."""
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["input"] |= settings
    (release / "manifest.json").write_text(json.dumps(sealed(manifest)))


def test_predict_reads_images_as_the_data_set_was_read(release: Path) -> None:
    """By the method, the background and the bits of the manifest, the same to the bit."""
    model = TfliteModel((release / "model.tflite").read_bytes())
    rng = np.random.default_rng(3)
    deep = (rng.integers(0, 256, (40, 30), np.uint8).astype(np.uint16) << 4) | 3
    clear = rng.integers(0, 256, (40, 30, 4), np.uint8)
    cv2.imwrite(str(release.parent / "deep.png"), deep)
    cv2.imwrite(str(release.parent / "clear.png"), clear)
    found = {}
    for resizing, background in (("lanczos", "black"), ("keras", "#80ff00")):
        described(release, resizing=resizing, background=background, bits=12)
        done = run(release, "predict", "deep.png", "clear.png")
        assert done.returncode == 0, done.stdout
        data = Reading(size=(12, 12), resizing=resizing, background=background, bits=12)  # type: ignore[arg-type]
        for name, line in zip(("deep.png", "clear.png"), lines(done.stdout), strict=True):
            paths, labels = (release.parent / name,), np.zeros(1, np.int32)
            pixels = FolderImages(paths, labels, (12, 12, 1), data).read(np.array([0]))
            scores = model.outputs(pixels, "0..1")[0]
            best = np.argsort(-scores, kind="stable")[:2]
            assert [top["class"] for top in line["top"]] == best.tolist()
            assert [top["score"] for top in line["top"]] == pytest.approx(scores[best].tolist(), abs=1e-6)
            found[resizing, name] = line["top"]
    assert found["lanczos", "deep.png"] != found["keras", "deep.png"]
    described(release, bits=10)
    assert "uses 12 of its 16 bits" in lines(run(release, "predict", "deep.png").stdout)[0]["error"]
    described(release, resizing="guessed")
    assert "incomplete or altered" in run(release, "predict", "deep.png").stderr


def test_predict_reads_regular_files_of_any_name_that_hold_images(release: Path) -> None:
    pixels, _ = images(release)
    folder = release.parent / "mixed"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), pixels[0])
    (folder / "a.png").rename(folder / "photo of today")
    os.mkfifo(folder / "pipe.png")
    done = run(release, "predict", folder, folder / "pipe.png", "/dev/zero", "x" * 300)
    photo, pipe, zero, long = lines(done.stdout)
    assert (photo["file"], "top" in photo) == (str(folder / "photo of today"), True)
    assert pipe["error"] == zero["error"] == "can't be read (not a regular file)"
    assert long["error"] == "can't be read (File name too long)"


def imported(folder: Path, *command: Any) -> set[str]:
    """The modules that a program has imported at its end, beyond those that Python itself starts with."""
    folder.mkdir(exist_ok=True)
    at_exit = "lambda before=set(sys.modules): print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    (folder / "sitecustomize.py").write_text(f"import atexit, sys\natexit.register({at_exit})\n")
    known = {**environment(), "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=known, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.splitlines()[-1].split())


def test_predict_imports_hardly_more_than_a_bare_script(release: Path, tmp_path: Path) -> None:
    """Every other module is time to the first answer, which benchmarks/overhead.py measures."""
    np.save(tmp_path / "x.npy", images(release)[0][0, ..., 0])
    predict = (release / NAME, "predict", tmp_path / "x.npy")
    imported(tmp_path / "site", *predict)  # unpacks itself
    more = imported(tmp_path / "site", *predict) - imported(tmp_path / "site", BARE, release / "model.tflite")
    assert "edgedigits_runner.predict" in more
    assert {name for name in more if name.split(".")[0] != "edgedigits_runner"} <= {
        *("__future__", "json", "json.decoder", "json.encoder", "json.scanner", "_json", "_sha256", "_sha2"),
        *("signal", "fcntl"),  # to watch the process that runs the model
        *("runpy", "importlib._abc", "importlib.util"),  # how Python starts any .pyz
    }


def test_predict_finds_the_release_it_lies_in_or_is_told(release: Path) -> None:
    pixels, _ = images(release)
    image = write_pgm(release.parent / "x.pgm", pixels[0])
    here = run(release, "predict", image)
    (release.parent / NAME).write_bytes((release / NAME).read_bytes())
    elsewhere = run(release.parent, "predict", "--in", release, image)
    assert lines(here.stdout)[0]["top"] == lines(elsewhere.stdout)[0]["top"]
    nowhere = run(release.parent, "predict", image)
    assert nowhere.returncode == 2
    assert "manifest.json: not found" in nowhere.stderr


@contextmanager
def started(release: Path, *arguments: Any) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(release / NAME), *map(str, arguments)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str], seconds: float) -> dict[str, Any] | None:
    """The next line, None if none comes in time."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        return None
    line = process.stdout.readline()
    return json.loads(line) if line else None


def be_ready(process: subprocess.Popen[str], folder: Path, pixels: Any) -> None:
    """Write images until one is answered: what lay there before it watched counts as old."""
    for attempt in range(50):
        write_pgm(folder / f"ready{attempt}.pgm", pixels)
        if next_line(process, 0.2):
            return
    pytest.fail("it never watched")


def end_quietly(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    assert process.wait(10) == 0
    assert process.stdout is not None
    assert process.stdout.read() == ""
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_a_watched_folder_gets_every_whole_file_answered_once(release: Path) -> None:
    pixels, _ = images(release)
    folder = release.parent / "watched"
    folder.mkdir()
    write_pgm(folder / "old.pgm", pixels[0])
    with started(release, "predict", "--watch", folder) as process:
        be_ready(process, folder, pixels[0])
        while next_line(process, 1.2):  # the other files of the attempts
            pass
        whole = write_pgm(release.parent / "whole.pgm", pixels[1]).read_bytes()
        with (folder / "slow.pgm").open("wb") as slow:
            for byte in range(0, len(whole), 40):
                slow.write(whole[byte : byte + 40])
                slow.flush()
                time.sleep(0.15)
        write_pgm(folder / "x.part", pixels[1])
        write_pgm(folder / ".x.pgm", pixels[1])
        answer = next_line(process, 5)
        assert answer is not None
        assert answer["file"] == str(folder / "slow.pgm")
        assert "top" in answer
        (folder / "x.part").rename(folder / "moved.pgm")
        moved = next_line(process, 5)
        assert moved is not None
        assert moved["file"] == str(folder / "moved.pgm")
        (folder / "bad.txt").write_text("no image")
        bad = next_line(process, 5)
        assert bad is not None
        assert "error" in bad
        end_quietly(process, signal.SIGTERM)


def test_a_watcher_that_is_interrupted_ends_quietly(release: Path) -> None:
    folder = release.parent / "watched"
    folder.mkdir()
    with started(release, "predict", "--watch", folder) as process:
        be_ready(process, folder, images(release)[0][0])
        while next_line(process, 1.2):  # the other files of the attempts
            pass
        end_quietly(process, signal.SIGINT)


def test_a_video_is_answered_frame_by_frame(release: Path) -> None:
    """The same code as a camera's, which this machine may lack."""
    pixels, _ = images(release)
    path = release.parent / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (96, 96))
    for number in range(3):
        large = cv2.resize(pixels[number], (96, 96), interpolation=cv2.INTER_NEAREST)
        writer.write(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR))
    writer.release()
    done = run(release, "predict", "--camera", path, "--every", "0.05")
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    assert [line["frame"] for line in found] == [0, 1, 2]
    small = [write_pgm(release.parent / f"{number}.pgm", pixels[number]) for number in range(3)]
    answers = lines(run(release, "predict", *small).stdout)
    assert [line["top"][0]["class"] for line in found] == [line["top"][0]["class"] for line in answers]


def test_a_camera_that_is_not_there_is_one_sentence(release: Path) -> None:
    done = run(release, "predict", "--camera", "73")
    assert done.returncode == 2
    assert "camera 73 can't be opened" in done.stderr
    done = run(release, "predict", "--camera", "0", python=BEHIND_WALL)
    assert done.returncode == 2
    assert "--camera needs OpenCV" in done.stderr


def test_bench_and_evaluate_say_it_in_a_line_per_model(release: Path) -> None:
    out = release.parent / "result.json"
    done = run(release, "bench", "--windows", "2", "--window", "0.02", "--threads", "1,2", "--cold", "--out", out)
    assert done.returncode == 0, done.stderr
    model, baseline = done.stdout.splitlines()
    result = json.loads(out.read_text())
    _, labels = images(release)
    right = 100 * result["models"][0]["answers"]["right"] / len(labels)
    assert model.startswith(f"tiny_int8: {right:.2f} % right of {len(labels)}, ")
    assert baseline.startswith("float: ")
    assert "with 2 threads" in model
    assert "loads in" in model
    assert [probe["cold"] for probe in result["probes"]] == [True, True]
    done = run(release, "evaluate", "--out", out)
    assert done.returncode == 0, done.stderr
    evaluated = json.loads(out.read_text())
    for name in ("class", "runner_up", "score"):
        one, other = (decode_array(found["models"][0]["answers"][name]) for found in (evaluated, result))
        np.testing.assert_array_equal(one, other)


def test_void_windows_are_said_and_not_counted() -> None:
    from edgedigits_runner.arrays import encode, encode_ns

    windows = [
        {"laps_ns": encode_ns(np.full(10, laps)), "void": void}
        for laps, void in ((1000, None), (9000, "throttled"), (3000, None))
    ]
    result = {
        "labels": encode(np.zeros(4, np.int32)),
        "models": [{"name": "m", "scores": {"accuracy": 0.75}}],
        "latency": [
            {"threads": 1, "models": [{"windows": windows}]},
            {"threads": 2, "models": [{"windows": windows[1:2]}]},
        ],
    }
    assert summary(result) == [
        "m: 75.00 % right of 4, p50 0.0020 ms with 1 thread (1 of 3 windows void: throttled), "
        "no p50 with 2 threads (1 of 1 windows void: throttled)"
    ]


@pytest.mark.parametrize("command", ["predict", "doctor", "bench", "evaluate", "profile", "serve", "job"])
def test_every_command_has_help_without_numpy(release: Path, command: str) -> None:
    blocked = WALL.replace("in (", "in ('numpy', ")
    done = run(release, command, "--help", python=(sys.executable, "-c", blocked))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: edgedigits-runner {command} ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dance"], "no command 'dance'; give one of predict, doctor"),
        (["predict"], "give image files or folders, or --watch DIR, or --camera N"),
        (["predict", "x.pgm", "--watch", "."], "one of these"),
        (["predict", "--threads", "0", "x.pgm"], "--threads: found '0'; give a whole number from 1 to 1024"),
        (["predict", "--runtime", "onnx", "x.pgm"], "--runtime: found 'onnx'; give auto, litert or tflite-runtime"),
        (["predict", "--watch", "nowhere"], "nowhere: can't be watched (No such file or directory)"),
        (["bench", "--windws", "3"], "option --windws not recognized; see edgedigits-runner bench --help"),
        (["bench", "--window", "soon"], "--window: found 'soon'; give seconds"),
        (["bench", "a", "b"], "give one folder; found 2: a, b"),
        (["evaluate", "--out", "/nowhere/x.json"], "/nowhere/x.json: can't be written"),
        (["serve", "--port", "99999"], "--port: found '99999'"),
        (["job", "x.json"], "job JOB.json RESULT.json"),
    ],
)
def test_wrong_calls_are_one_sentence(release: Path, arguments: list[str], said: str) -> None:
    done = run(release, *arguments)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("INFO:", "accuracy of", "litert"))]
    assert len(errors) == 1, errors
    assert errors[0].startswith("edgedigits-runner: ")
    assert said in errors[0]


def test_options_are_read_as_getopt_reads_them() -> None:
    takes = {"help": False, "in": True, "window": True, "windows": True, "json": False}
    longs = [name + "=" if text else name for name, text in takes.items()]
    texts = (
        "--in",
        "--in=x",
        "--i",
        "--in=",
        "--window",
        "--windows=3",
        "--windo",
        "--w=1",
        "--json",
        "--js",
        "--json=1",
    )
    others = ("--help", "--", "-", "-h", "-hh", "-hx", "-x", "--none", "--=", "a", "")
    for words in product((*texts, *others), repeat=3):
        wanted: Any
        found: Any
        try:
            flags, rest = gnu_getopt(list(words), "h", longs)
            names = [({"-h": "help"}.get(flag, flag[2:]), text) for flag, text in flags]
            wanted = names, rest
        except GetoptError as error:
            wanted = error.msg
        try:
            found = split_options(list(words), takes)
        except WrongOption as error:
            found = str(error)
        assert found == wanted, words


def test_paths_are_joined_as_pathlib_joins_them() -> None:
    parts = ("", ".", "..", "a", "./a", "a/", "a//b/./c", "/", "/a/..", "../x", "/./a.npy", "..x/.y")
    for folder, name in product(parts, repeat=2):
        assert joined(folder, name) == str(Path(folder, name))
        assert joined(name) == str(Path(name))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (b"", "not a readable JSON file"),
        (b'{"schema": 9}', "not of schema 1"),
        (b'{"schema": 1}', "incomplete or altered"),
    ],
)
def test_folders_that_are_no_release(release: Path, changed: bytes, said: str) -> None:
    (release / "manifest.json").write_bytes(changed)
    done = run(release, "predict", "x.pgm")
    assert done.returncode == 2
    assert said in done.stderr


def test_an_altered_model_is_not_run(release: Path) -> None:
    flat = bytearray((release / "model.tflite").read_bytes())
    flat[-1] ^= 1
    (release / "model.tflite").write_bytes(flat)
    done = run(release, "predict", "x.pgm")
    assert done.returncode == 2
    assert "SHA-256" in done.stderr


def test_a_reader_that_leaves_is_no_error(release: Path) -> None:
    folder = release.parent / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number:03}.pgm").write_bytes(b"no image, " * 9)
    command = f"exec 3>&1; ({sys.executable} '{release / NAME}' predict many; echo $? >&3) | head -1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=release.parent, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] in {"0", "2"}
    assert "Traceback" not in done.stderr
