"""The card of a model as the Hugging Face hub reads it: a block of metadata in YAML, then the fields of its model card.

https://huggingface.co/docs/hub/model-cards; all of it from the manifest, so that it is made in a moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any, Final

import numpy as np
import yaml
from edgedigits_runner.scaling import scaling_of
from edgedigits_runner.tasks import from_json

from edgedigits.api.report.commands import tell_commands
from edgedigits.errors import ArtifactError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.model_card import write_artifact_card

LIBRARY: Final = "litert"
_SNIPPET: Final = Template('''from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

labels = Path("labels.txt").read_text(encoding="utf-8").splitlines()
net = Interpreter(model_path="model.tflite")
net.allocate_tensors()
source, sink = net.get_input_details()[0], net.get_output_details()[0]


def classify(image):
    """What the model answers to one image: pixels 0..255 as they come from a file, uint8 [$shape]$order."""
    values = image$turned * np.float32($factor) + np.float32($offset)
    scale, zero = source["quantization"]
    if scale:
        limits = np.iinfo(source["dtype"])
        values = np.clip(np.round(values / scale + zero), limits.min, limits.max)
    net.set_tensor(source["index"], values[None].astype(source["dtype"]))
    net.invoke()
    answer = net.get_tensor(sink["index"])[0].astype(np.float32)
    scale, zero = sink["quantization"]
    return (answer - zero) * scale if scale else answer


image = np.zeros(($shape), np.uint8)  # yours
answer = classify(image)
$told
''')


@dataclass(frozen=True)
class Said:
    """What nobody but its maker can say of a model: the ids of its licence and of its data on the hub, None if not said."""

    license: str | None = None
    dataset: str | None = None


def make_metadata(made: Artifact, said: Said) -> JsonObject:
    """The block of metadata. Raises ArtifactError for an artifact that has no record of its test."""
    manifest = made.manifest
    if "test" not in manifest:
        raise ArtifactError(f"{made.path}: its manifest has no record of a test; compress again")
    name = f"{manifest['model']['name']}-{manifest['recipe']['name']}"
    return {
        **({"license": said.license} if said.license else {}),
        "library_name": LIBRARY,
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "tflite", "litert", "edgedigits", *_tag_export(manifest)],
        **({"datasets": [said.dataset]} if said.dataset else {}),
        "metrics": [metric["type"] for metric in _list_metrics(manifest)],
        "model-index": [{"name": name, "results": [_make_result(manifest, said)]}],
    }


def _tag_export(manifest: JsonObject) -> Iterator[str]:
    export = str(manifest["export"]["export"])
    yield export
    if manifest["export"].get("rounds"):
        yield "quantized"


def _make_result(manifest: JsonObject, said: Said) -> JsonObject:
    name = str(manifest["data"]["name"])
    return {
        "task": {"type": "image-classification", "name": "Image Classification"},
        "dataset": {"type": said.dataset or name, "name": name, "split": "test"},
        "metrics": list(_list_metrics(manifest)),
    }


def _list_metrics(manifest: JsonObject) -> Iterator[JsonObject]:
    test = manifest["test"]
    images = f"{test['images']:,} test images"
    yield {"type": "accuracy", "value": test["accuracy"], "name": f"accuracy of {images}"}
    for key, name in (("f1_macro", "F1, mean over labels"), ("f1_micro", "F1 of all labels together")):
        if key in test.get("scores", {}):
            yield {"type": "f1", "value": test["scores"][key], "name": name}


def write_card(made: Artifact, said: Said) -> str:
    """The README.md of a repository on the hub. Raises as `make_metadata` does."""
    manifest = made.manifest
    block = yaml.safe_dump(make_metadata(made, said), sort_keys=False, allow_unicode=True)
    title, _, evaluation = write_artifact_card(manifest).partition("\n")
    return "\n".join([f"---\n{block}---\n", title, "", *_sections(made, said, evaluation.strip())]).rstrip() + "\n"


def _sections(made: Artifact, said: Said, evaluation: str) -> Iterator[str]:
    manifest = made.manifest
    shape = "x".join(map(str, manifest["input"]["shape"]))
    classes, kind = list(map(str, manifest["data"]["classes"])), _name_kind(manifest)
    shown = ", ".join(classes[:20]) + (f" and {len(classes) - 20} more" if len(classes) > 20 else "")
    sizes = manifest["export"]["size_bytes"], manifest["float"]["size_bytes"]
    yield from ("## Model Details", "")
    kept = f"{manifest['export']['export']}, {sizes[0]:,} bytes"
    yield f"- **Model type:** image classifier, a LiteRT (TensorFlow Lite) file, {kept}"
    yield f"- **Input:** one image of {shape} pixels, scaled to {scaling_of(manifest['input']['scale'])}"
    yield f"- **Output:** {kind}: {shown}"
    model = manifest["model"]
    yield f"- **Compressed from:** {model['name']}, {sizes[1]:,} bytes in float (SHA-256 {model['sha256']})"
    yield f"- **License:** {said.license or 'not said'}"
    yield from (
        "",
        "## Uses",
        "",
        f"Telling images like those of {manifest['data']['name']} apart, on small devices without a network.",
        "",
    )
    yield from ("## Bias, Risks, and Limitations", "", *_limits(manifest), "")
    yield from ("## How to Get Started with the Model", "", "```python", write_snippet(manifest).rstrip(), "```", "")
    yield from (
        "## Training Details",
        "",
        f"- **Training data:** {manifest['data']['name']} (fingerprint {manifest['data']['fingerprint']})",
    )
    yield f"- **Recipe:** {manifest['recipe']['name']}, seed {manifest['seed']}"
    yield f"- **Made again by:** `{tell_commands(manifest, [made.path.name], 'report.html')['compress']}`"
    yield from (
        "",
        "## Evaluation",
        "",
        "The test images were scored once, at the end; nothing was chosen by them.",
        "",
        evaluation,
        "",
    )
    yield from ("## Technical Specifications", "", "Operators: " + ", ".join(manifest["export"]["operators"]) + ".", "")
    versions = ", ".join(f"{name} {number}" for name, number in manifest["versions"].items())
    yield from (f"Made with {versions}.", "", f"SHA-256 of `model.tflite`: {manifest['files']['model.tflite']}")


def _name_kind(manifest: JsonObject) -> str:
    several = manifest.get("task", {}).get("name") == "multilabel"
    logits = bool(manifest["model"].get("logits"))
    said = "a logit" if logits else "a probability"
    return f"{said} for each {'label, of which an image may have several' if several else 'class'}"


def _limits(manifest: JsonObject) -> Iterator[str]:
    test = manifest["test"]
    rows = test.get("classes", [])
    worst = min(rows, key=lambda row: row["compressed_recall"], default=None)
    if worst is not None:
        yield (
            f"Of {worst['class']} it finds {100 * worst['compressed_recall']:.2f} % of {worst['images']:,} test images, "
            "its least."
        )
    yield "It was tested on images of one source; on others, and on what is none of its classes, it answers all the same."
    yield from (f"Warning: {warning}." for warning in manifest["warnings"])


def write_snippet(manifest: JsonObject) -> str:
    """A program that runs the model on one image: NumPy and LiteRT, nothing else."""
    height, width, channels = manifest["input"]["shape"]
    scaling = scaling_of(manifest["input"]["scale"])
    factor, offset = (_write_numbers(values) for values in scaling.line(channels))
    several = manifest.get("task", {}).get("name") == "multilabel"
    return _SNIPPET.substitute(
        shape=f"{height}, {width}, {channels}",
        order=", red first" if channels == 3 else "",
        turned="[..., ::-1]" if scaling.bgr else "",
        factor=factor,
        offset=offset,
        told=_tell_labels(manifest) if several else "print(labels[int(answer.argmax())])",
    )


def _write_numbers(values: Any) -> str:
    numbers = [str(np.float32(value)) for value in values]
    return numbers[0] if len(set(numbers)) == 1 else f"[{', '.join(numbers)}]"


def _tell_labels(manifest: Mapping[str, Any]) -> str:
    cuts = [str(float(cut)) for cut in np.asarray(from_json(manifest["task"]).cuts())]
    return f"print([label for label, value, least in zip(labels, answer, [{', '.join(cuts)}]) if value > least])"


def write_labels(manifest: JsonObject) -> str:
    """The names of the classes, a line each, in the order of the answers."""
    return "".join(re.sub(r"\s+", " ", str(name)) + "\n" for name in manifest["data"]["classes"])
