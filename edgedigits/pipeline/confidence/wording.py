"""What was found of confidences, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from edgedigits.ground.facts import JsonObject
from edgedigits.tasks.differences import word_share


def tell_confidence(manifest: JsonObject) -> Iterator[str]:
    """Of an artifact's manifest, those of the test images; nothing where nothing was asked."""
    asked = manifest.get("confidence")
    if not asked:
        return
    test, chosen = manifest["test"]["confidence"], asked
    before, after = test["float"], test["compressed"]
    if asked["calibrated"]:
        yield (
            f"Confidences are divided by a temperature, {chosen['compressed']['temperature']:.3g} (float "
            f"{chosen['float']['temperature']:.3g}), fitted on validation images: on the test images the expected calibration "
            f"error is {word_share(after['ece'])} (float {word_share(before['ece'])}), and would be "
            f"{word_share(after['ece_before'])} (float {word_share(before['ece_before'])}) without."
        )
    if "outliers" not in asked:
        return
    yield (
        f"An answer whose score is below {chosen['compressed']['threshold']:.4g} (float {chosen['float']['threshold']:.4g}) is "
        f"none. That refuses {word_share(after['refused'])} (float {word_share(before['refused'])}) of the test images and "
        f"{word_share(after['outliers_refused'])} (float {word_share(before['outliers_refused'])}) of the images in "
        f"{asked['outliers']['name']} that nothing was chosen by; AUROC {after['auroc']:.4f} (float {before['auroc']:.4f}). "
        "Accuracy counts answers below it, too."
    )
