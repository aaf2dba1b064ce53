"""How a small int8 net bears the fifteen corruptions, beside its float form, and beside the shipped small net that saw none.

The net is the student of `best32k_int8` (about 32,000 parameters), trained from labels alone. Four of five training images are
spoilt by the corruptions that the test asks, at severities up to the tested ones (`corrupted` of its augmentation); no image of
the validation or the test part is among them. So its accuracy says how well a small net learns these kinds, not how it bears
others.
Training is kept after every epoch, in the cache; a finished net is taken as it is. The test images are asked once, last.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.document import target

OPTIONS: Final = {
    "filters": [8, 16, 32, 32, 35],
    "strides": [1, 2, 2, 1, 1],
    "unpadded": 2,
    "pooled": False,
}
AUGMENT: Final = {"rotation_degrees": 10.0, "shift": 0.08, "zoom": 0.1, "shear": 0.1, "corrupted": 0.8}
EPOCHS: Final = 6
WANTED: Final = 97.0
MOST_DROP: Final = 0.3


def find_net() -> Path:
    """The trained net in the cache, trained now where it is not there; an interrupted training goes on."""
    from edgedigits.data.sources.named import load_data
    from edgedigits.ground.cache_dir import find_cache_dir
    from edgedigits.pipeline.baselines import save
    from edgedigits.pipeline.train import Settings, train

    path = find_cache_dir() / "zoo" / "robust.keras"
    if not path.is_file():
        settings = Settings("nano", epochs=EPOCHS, patience=EPOCHS, rate=5e-3, augment=AUGMENT, options=OPTIONS)
        made = train(settings, load_data("mnist"), path.with_suffix(".training"), say=print)
        save(made.model, made.record, path)
    return path


def measure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Targets, and every corruption of both nets."""
    import edgedigits as ed

    raw: dict[str, Any] = {"augment": AUGMENT, "options": OPTIONS, "epochs": EPOCHS}
    with tempfile.TemporaryDirectory(prefix="edgedigits-corruptions-") as out:
        robust = ed.compress(find_net(), "mnist", recipe="ptq_int8", out=out, progress=False)
        plain = ed.compress(zoo="nano", data="mnist", recipe="ptq_int8", out=out, progress=False)
        raw["validation"] = ed.robustness(robust, "mnist", validation=True, progress=False).as_json()["mean"]
        for name, made in (("plain", plain), ("robust", robust)):
            told = ed.robustness(made, progress=False).as_json()
            test = {key: value for key, value in told.items() if key != "artifact"}
            raw[name] = {"size_bytes": made.manifest["export"]["size_bytes"], "test": test}
    found = raw["robust"]["test"]["mean"]
    accuracy, drop = round(100 * found["accuracy"], 3), round(found["drop_points"], 3)
    size = f"{raw['robust']['size_bytes']:,} bytes"
    return [
        target(f"mean over fifteen corruptions, int8, {size}", f">= {WANTED:g}", accuracy, "%", accuracy >= WANTED),
        target("the same against its float form", f"<= {MOST_DROP:g}", drop, "points lost", drop <= MOST_DROP),
    ], raw
