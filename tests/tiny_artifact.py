"""An artifact folder in a moment, from tests/golden: real bytes, real golden vectors, no training and no TensorFlow."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).parent / "golden"


def tiny_artifact(folder: Path, seed: int = 0, images: int = 20, wrong: bool = False) -> Path:
    """Another `seed` gives another eval.npz and nothing else; `wrong`: golden answers that no machine gives."""
    folder.mkdir(parents=True)
    shutil.copy(GOLDEN / "int8.tflite", folder / "model.tflite")
    shutil.copy(GOLDEN / "float16.tflite", folder / "float.tflite")
    inputs, outputs = _answered(folder / "model.tflite")
    shape, classes = inputs.shape[1:], outputs.shape[1]
    np.savez_compressed(folder / "golden.npz", inputs=inputs, outputs=outputs[::-1] + 1 if wrong else outputs)
    rng = np.random.default_rng(seed)
    pixels, labels = rng.integers(0, 256, (images, *shape), np.uint8), np.zeros(images, np.int32)
    np.savez_compressed(folder / "eval.npz", images=pixels, labels=labels)
    write_manifest(folder, shape, classes)
    return folder


def write_manifest(folder: Path, shape: tuple[int, ...], classes: int) -> None:
    """With the hash of every file that is there."""
    files = {item.name: hashlib.sha256(item.read_bytes()).hexdigest() for item in sorted(folder.iterdir())}
    manifest = {
        "schema": 1,
        "model": {"name": "tiny", "sha256": "0" * 64, "logits": False},
        "recipe": {"name": "tiny_int8"},
        "export": {"export": "int8"},
        "data": {"name": "noise", "fingerprint": "0", "classes": [str(index) for index in range(classes)]},
        "input": {"shape": list(shape), "scale": "0..1", "resize": "area"},
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _answered(model: Path) -> tuple[Any, Any]:
    """Inputs, and what the reference kernels answer."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    net = Interpreter(model_path=str(model), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    net.allocate_tensors()
    source, sink = net.get_input_details()[0], net.get_output_details()[0]
    inputs = np.random.default_rng(0).integers(-128, 128, (4, *source["shape"][1:]), np.int8)
    answers = []
    for image in inputs:
        net.set_tensor(source["index"], image[None])
        net.invoke()
        answers.append(net.get_tensor(sink["index"])[0])
    return inputs, np.stack(answers)
