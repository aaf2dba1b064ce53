"""`card`: a folder for the Hugging Face hub, whose metadata is the artifact's and whose program runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import edgedigits as ed
from edgedigits.api.report.hub_card import write_labels, write_snippet
from tests import tiny_release
from tests.tiny_artifact import tiny_artifact
from tests.warm import edgedigits


@pytest.fixture
def hub(shapes: Path, tmp_path: Path) -> Path:
    return ed.card(tiny_release.made(shapes), out=tmp_path / "hub", license="apache-2.0", dataset="me/shapes").path


def metadata(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    return found


def snippet(folder: Path) -> str:
    (found,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return str(found)


def test_the_metadata_has_the_hubs_fields(hub: Path, shapes: Path) -> None:
    found, made = metadata(hub), ed.Artifact.open(tiny_release.made(shapes))
    assert (found["license"], found["library_name"], found["pipeline_tag"]) == (
        "apache-2.0",
        "litert",
        "image-classification",
    )
    assert {"tflite", "int8", "edgedigits"} <= set(found["tags"])
    assert (found["datasets"], found["metrics"]) == (["me/shapes"], ["accuracy"])
    ((entry),) = found["model-index"]
    (result,) = entry["results"]
    assert result["task"]["type"] == "image-classification"
    assert result["dataset"] == {"type": "me/shapes", "name": made.manifest["data"]["name"], "split": "test"}
    assert result["metrics"][0]["value"] == made.accuracy
    headings = re.findall(r"^## (.+)$", (hub / "README.md").read_text(), re.MULTILINE)
    assert headings[0] == "Model Details"
    assert {"Uses", "Bias, Risks, and Limitations", "Training Details", "Evaluation"} <= set(headings)


def test_the_folder_is_whole_and_holds_no_images(hub: Path, shapes: Path) -> None:
    names = {one.name for one in hub.iterdir()}
    assert names == {"README.md", "labels.txt", "manifest.json", "model.tflite", ".gitattributes"}
    made = tiny_release.made(shapes)
    assert (hub / "model.tflite").read_bytes() == (made / "model.tflite").read_bytes()
    assert (hub / "labels.txt").read_text().split() == ["0", "1", "2"]
    assert ed.card(made, out=hub).as_json()["metadata"].get("license") is None, "its own folder is replaced"


def test_its_program_answers_as_the_model_does(hub: Path, shapes: Path) -> None:
    """As it stands, and on the test images."""
    (hub / "try.py").write_text(snippet(hub))
    done = subprocess.run([sys.executable, "try.py"], cwd=hub, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("0", "1", "2")
    names: dict[str, Any] = {}
    code = snippet(hub).replace('"labels.txt"', repr(str(hub / "labels.txt")))
    exec(code.replace('"model.tflite"', repr(str(hub / "model.tflite"))), names)
    images, labels = tiny_release.images(tiny_release.made(shapes))
    right = np.mean([names["classify"](image).argmax() == label for image, label in zip(images, labels, strict=True)])
    assert right == ed.Artifact.open(tiny_release.made(shapes)).accuracy


def test_programs_of_other_models_say_what_they_take() -> None:
    scale = {"range": "0..1", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.2], "bgr": True}
    task = {"name": "multilabel", "labels": ["a", "b"], "thresholds": [0.5, 0.25]}
    manifest = {"input": {"shape": [8, 9, 3], "scale": scale}, "task": task, "data": {"classes": ["a\nb", "b"]}}
    code = write_snippet(manifest)
    compile(code, "snippet", "exec")
    assert "image[..., ::-1] * np.float32(" in code
    assert "(8, 9, 3)" in code
    assert "[0.5, 0.25]" in code
    assert write_labels(manifest) == "a b\nb\n"


WRONG = {
    "no artifact": (["empty"], "not an artifact folder that can be used"),
    "altered": (["altered"], "missing or altered since it was written"),
    "no test": (["bare"], "no record of a test"),
    "a full folder": (["whole", "--out", "full"], "holds mine.txt, which would be lost"),
    "a file": (["whole", "--out", "mine"], "mine: a file"),
    "a strange id": (["whole", "--license", "a b"], "--license: found 'a b'; wanted an id"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_sentence(name: str, shapes: Path, tmp_path: Path) -> None:
    for folder in ("empty", "full"):
        (tmp_path / folder).mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "mine").touch()
    shutil.copytree(tiny_release.made(shapes), tmp_path / "whole")
    shutil.copytree(tiny_release.made(shapes), tmp_path / "altered")
    (tmp_path / "altered" / "README.md").write_text("by hand")
    tiny_artifact(tmp_path / "bare")
    words, sentence = WRONG[name]
    done = edgedigits("card", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert (tmp_path / "full" / "mine.txt").is_file()
