"""Fixtures: a cache of its own for every session of tests, tiny data, tiny trained models."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.pi import bookworm, boot, counter, identity, llvm, trixie  # noqa: F401  # fixtures
from tests.shared import once, shared_folder
from tests.sshd import server  # noqa: F401

_CACHE = tempfile.TemporaryDirectory(prefix="edgedigits-tests-")
os.environ["EDGEDIGITS_CACHE"] = _CACHE.name
os.environ.pop("EDGEDIGITS_DATA", None)
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what libraries log of themselves is asserted to be absent
# A shell starts background jobs with interruptions ignored, and programs that the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_LONGEST = (
    *("test_plain_nets", "test_residual_nets", "test_gated_nets", "test_mobile_nets", "test_efficient_nets"),
    *("test_pipeline", "test_multilabel", "test_api", "test_readme", "test_cli", "test_distil", "test_stages"),
    *("test_attack", "test_notebook", "test_kills", "test_advise", "test_keras_models", "test_foreign_files"),
    *("test_instructions", "test_counted_cycles", "test_layer_kinds", "test_deploy", "test_remote"),
)
"""Files that come first, so that of two processes none is left with a long one while the other has nothing more to do."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs an ssh server, an emulated Pi or its userland needs packages too, and what holds predictions against counts
    converts many nets: both are for `make device` or `make pi`."""
    items.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))
    for item in items:
        if {"server", "boot", "counter", "identity", "counted_nets"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.device)


def pytest_collection_finish() -> None:
    """What was imported stays: nobody need look through it for garbage."""
    gc.collect()
    gc.freeze()


def shapes_npz(path: Path, size: int = 12, channels: int = 1, per_class: int = 60, classes: int = 3) -> Path:
    """Data that tiny nets learn in seconds: a bright bar, in noise, whose place tells the class; keras.datasets' layout."""
    rng = np.random.default_rng(5)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.repeat(np.arange(classes), count).astype(np.uint8)
        images = rng.integers(0, 90, (len(labels), size, size, channels))
        for image, label in zip(images, labels, strict=True):
            start = int(label) * size // classes
            image[start : start + size // classes] += 140
        images[:, 0, 0], images[:, -1, -1] = 0, 255
        order = rng.permutation(len(labels))
        return images.astype(np.uint8)[order], labels[order]

    (x_train, y_train), (x_test, y_test) = part(per_class), part(per_class // 2)
    np.savez_compressed(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey 12x12 images in three classes."""
    return once(shared_folder(tmp_path_factory) / "shapes.npz", shapes_npz)


@pytest.fixture(scope="session", autouse=True)
def one_window() -> Iterator[None]:
    """Operators are timed once, not nine times: no test asks how long one takes."""
    from edgedigits.measure.cost import operator_latency

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operator_latency, "WINDOWS", 1)
        yield


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for one test."""
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
