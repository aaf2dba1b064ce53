"""What was found of two files: a row for each layer, suspects with a sentence each, and how the answers differ."""

from __future__ import annotations

from dataclasses import dataclass

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.verify.causes.layer import Finding, Layer

SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Suspect:
    """A layer and what is wrong with it; `carried` are layers behind it that show the same."""

    layer: Layer
    finding: Finding
    carried: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        also = f"; the same shows in {', '.join(self.carried)} behind it" if self.carried else ""
        return f"{name_layer(self.layer)}: {self.finding.seen}{also}. What would mend it: {self.finding.mend}."

    def as_json(self) -> JsonObject:
        return {
            "layer": self.layer.name,
            "index": self.layer.match.index,
            "cause": self.finding.cause,
            "sentence": self.sentence,
            "mend": self.finding.mend,
            "facts": dict(self.finding.facts),
            "carried_to": list(self.carried),
        }


@dataclass(frozen=True, eq=False)
class LayersReport:
    """`layers` come worst first: suspects, then the others by what the own error of a layer alone does to the answers, then by
    its decibels. `unmatched` are steps of the compressed file that its float form has no equal of. `others`: the weights differ
    so much that the two are not one model."""

    name: str
    plain_name: str
    images: str
    kernels: str
    layers: tuple[Layer, ...]
    suspects: tuple[Suspect, ...]
    unmatched: tuple[str, ...]
    answers: JsonObject
    float_answers: JsonObject | None
    notes: tuple[str, ...]
    others: bool = False

    def as_json(self) -> JsonObject:
        return {
            "schema": SCHEMA,
            "kind": "layers",
            "file": self.name,
            "against": self.plain_name,
            "images": self.images,
            "kernels": self.kernels,
            "answers": self.answers,
            "float_answers": self.float_answers,
            "one_model": not self.others,
            "suspects": [one.as_json() for one in self.suspects],
            "layers": [layer_json(one) for one in self.layers],
            "unmatched": list(self.unmatched),
            "notes": list(self.notes),
        }


def layer_json(layer: Layer) -> JsonObject:
    """One row, flat: decibels, shares of 1, errors in steps of the layer's scale, divergences in nats per image."""
    limits = layer.limits
    return {
        "layer": layer.name,
        "index": layer.match.index,
        "kind": layer.match.kind,
        "alone_kl_nats": layer.alone,
        "alone_changed_share": layer.flips,
        "own_snr_db": layer.own_snr_db,
        "own_channel_snr_db": layer.channel_snr_db,
        "inherited_snr_db": layer.found["inherited_snr_db"],
        "snr_db": layer.found["snr_db"],
        "cosine": layer.found["cosine"],
        "largest_error": layer.found["largest_error"],
        "largest_error_steps": layer.largest_steps,
        "cut_share": layer.cut_share,
        "dead_channels": layer.found["dead_channels"],
        "channels": len(layer.channel_sizes),
        "step": limits.step or None,
        "range_low": limits.low if limits.step else None,
        "range_high": limits.high if limits.step else None,
        "values_low": float(layer.found["channel_low"].min()),
        "values_high": float(layer.found["channel_high"].max()),
    }


def name_layer(layer: Layer) -> str:
    """Its place, kind and name in a line."""
    return layer.name if layer.is_input else f"#{layer.match.index} {layer.match.kind} {layer.name}"
