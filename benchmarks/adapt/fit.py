"""Train a net of the zoo in plain Keras, as other people do, on any backend: `KERAS_BACKEND=jax python -m benchmarks.adapt.fit`.

    python -m benchmarks.adapt.fit NET IMAGES.npz OUT.keras [--epochs N] [--batch B] [--strength S] [--erase]

IMAGES.npz holds uint8 `x_fit`, `y_fit`, `x_held`, `y_held`. Nothing of the toolkit is used but the net, so that it runs without
TensorFlow, too: OpenCV moves the images, the rate falls as a cosine, the optimizer averages the weights. Writes OUT.keras and
OUT.json, with what was held back scored once, at the end.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgedigits.models.zoo import ZOO

RATE, DECAY, SMOOTHING, AVERAGE = 2e-3, 5e-4, 0.05, 0.999
"""The highest rate, the decay of weights, the smoothing of labels, the momentum of the averaged weights."""
PHOTOS = 64
"""Images of at least so many pixels a side are moved more."""
Pixels = np.ndarray[Any, Any]


def move(images: Pixels, rng: np.random.Generator, strength: float, erase: bool) -> Pixels:
    """float32 0..1: shifted, turned and zoomed a little, half of them mirrored; colours in other light; some partly erased."""
    import cv2

    count, height, width, channels = images.shape
    photos = height >= PHOTOS
    angles = np.radians(rng.normal(0, strength * (7 if photos else 3), count))
    zooms = np.exp(rng.normal(0, strength * (0.08 if photos else 0.04), count))
    shifts = rng.normal(0, strength * 0.03, (count, 2)) * (width, height)
    mirrored = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    cosines, sines, middle = zooms * np.cos(angles), zooms * np.sin(angles), ((width - 1) / 2, (height - 1) / 2)
    linear = np.stack([np.stack([cosines * mirrored, sines], -1), np.stack([-sines * mirrored, cosines], -1)], 1)
    places = np.concatenate([linear, (shifts + middle - linear @ middle)[..., None]], -1)
    edge = cv2.BORDER_REPLICATE if channels == 3 else cv2.BORDER_CONSTANT
    moved = np.empty_like(images)
    for image, place, to in zip(images, places, moved, strict=True):
        cv2.warpAffine(image, place, (width, height), dst=to, flags=cv2.INTER_LINEAR, borderMode=edge)
    out: Pixels = moved.astype(np.float32) / np.float32(255)
    if channels == 3:
        contrast, light = (rng.uniform(*of, (count, 1, 1, 1)).astype(np.float32) for of in ((0.7, 1.3), (-0.15, 0.15)))
        out = np.clip((out - 0.5) * contrast + (0.5 + light), 0, 1)
    for number in np.flatnonzero(rng.random(count) < 0.5) if erase else ():
        side = int(rng.uniform(0.15, 0.4) * height)
        top, left = rng.integers(0, (height - side + 1, width - side + 1))
        out[number, top : top + side, left : left + side] = rng.random()
    return out


def main() -> None:
    import keras

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", choices=ZOO)
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--strength", type=float, default=1.0, help="how far images are moved, as a multiple")
    parser.add_argument("--erase", action="store_true")
    given = parser.parse_args()
    keras.utils.set_random_seed(0)
    with np.load(given.images) as of:
        images, labels, held, answers = (of[name] for name in ("x_fit", "y_fit", "x_held", "y_held"))
    classes = int(labels.max()) + 1
    net: Any
    net, plain = (ZOO[given.net](images.shape[1:], classes) for _ in range(2))
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=DECAY, use_ema=True, ema_momentum=AVERAGE)
    net.compile(optimizer, keras.losses.CategoricalCrossentropy(label_smoothing=SMOOTHING))
    began = time.perf_counter()

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        epoch = 0
        order = np.random.default_rng((0, 0)).permutation(len(images))

        def __len__(self) -> int:
            return int(len(images) // given.batch)

        def __getitem__(self, index: int) -> tuple[Pixels, Pixels]:
            rows = self.order[index * given.batch : (index + 1) * given.batch]
            moved = move(images[rows], np.random.default_rng((self.epoch, index)), given.strength, given.erase)
            return moved, np.eye(classes, dtype=np.float32)[labels[rows]]

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self.order = np.random.default_rng((0, self.epoch)).permutation(len(images))

    def rate(epoch: int) -> float:
        ramp = min(1.0, (epoch + 1) / 3)
        return RATE * ramp * (0.01 + 0.99 * (1 + math.cos(math.pi * epoch / given.epochs)) / 2)

    falling = keras.callbacks.LearningRateScheduler(lambda epoch, _: rate(epoch))
    net.fit(Batches(workers=3, max_queue_size=32), epochs=given.epochs, verbose=2, callbacks=[falling])
    plain.set_weights(net.get_weights())  # without the optimizer's state
    scored = float(np.mean(np.argmax(plain.predict(held / np.float32(255), verbose=0), 1) == answers))
    plain.save(given.out)
    facts = {
        "parameters": plain.count_params(),
        "held_accuracy": scored,
        "epochs_run": given.epochs,
        "seconds": round(time.perf_counter() - began, 1),
        "backend": keras.backend.backend(),
    }
    given.out.with_suffix(".json").write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
