"""What was found of confidences, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from edgedigits.ground.facts import JsonObject


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
            f"error is {_percent(after['ece'])} (float {_percent(before['ece'])}), and would be "
            f"{_percent(after['ece_before'])} (float {_percent(before['ece_before'])}) without."
        )
    if "outliers" not in asked:
        return
    yield (
        f"An answer whose score is below {chosen['compressed']['threshold']:.4g} (float {chosen['float']['threshold']:.4g}) is "
        f"none. That refuses {_percent(after['refused'])} (float {_percent(before['refused'])}) of the test images and "
        f"{_percent(after['outliers_refused'])} (float {_percent(before['outliers_refused'])}) of the images in "
        f"{asked['outliers']['name']} that nothing was chosen by; AUROC {after['auroc']:.4f} (float {before['auroc']:.4f}). "
        "Accuracy counts answers below it, too."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
