"""What was found of every layer, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgedigits.ground.facts import JsonObject
from edgedigits.pipeline.recipe import Recipe
from edgedigits.pipeline.sensitivity.confidence import Finding
from edgedigits.pipeline.sensitivity.prober import PERCENTS, Found

INT8, FLOAT, HALF = "int8_alone", "float_alone", "half_channels"
PRUNED = tuple(f"pruned_{percent}" for percent in PERCENTS)
NAMES = (INT8, FLOAT, *PRUNED, HALF)
"""Of the probes of a layer."""


@dataclass(frozen=True)
class LayerRow:
    """A layer with weights, `place` in graph order from 0; `found` by name of the probe; `together`: layers that lose their
    channels with it."""

    name: str
    kind: str
    place: int
    weights: int
    found: Mapping[str, Found]
    together: Sequence[str]

    def finding(self, probe: str) -> Finding | None:
        """None where it can't be probed so."""
        found = self.found[probe]
        return found if isinstance(found, Finding) else None

    @property
    def badness(self) -> float:
        """What ranks it: nats that int8 of this layer alone makes; below all where that can't be asked."""
        found = self.finding(INT8)
        return -1.0 if found is None else found.kl_nats

    def as_json(self, max_drop: float) -> JsonObject:
        """`probes` by name: numbers with a verdict, or `why` there are none."""
        probes = {
            name: {"why": one} if isinstance(one, str) else one.as_json(max_drop) for name, one in self.found.items()
        }
        return {
            "layer": self.name,
            "kind": self.kind,
            "place": self.place,
            "weights": self.weights,
            "loses_channels_with": list(self.together),
            "probes": probes,
        }


@dataclass(frozen=True)
class Outcome:
    """`images`: of the validation part, at most for each probe; `int8`: the whole net in it; `layers`: the worst first; `recipe`
    leaves out or softens what hurts, `reasons` by layer why; `kept` of `probes` came from an earlier run."""

    model: str
    data: str
    images: int
    seed: int
    max_drop: float
    float_accuracy: float
    int8: Finding
    layers: Sequence[LayerRow]
    recipe: Recipe
    reasons: Mapping[str, str]
    warnings: Sequence[str]
    probes: int
    kept: int

    def hurts(self, *probes: str) -> list[LayerRow]:
        """Layers of which one of these probes surely costs what matters."""
        return [
            row
            for row in self.layers
            if any((one := row.finding(name)) and one.judge(self.max_drop) == "hurts" for name in probes)
        ]

    @property
    def best_left(self) -> LayerRow | None:
        """The layer that gives most back where it alone stays in float; None where none surely gives any."""
        asked = [(found, row) for row in self.layers if (found := row.finding(FLOAT)) and found.high_points < 0]
        return min(asked, key=lambda one: one[0].drop_points)[1] if asked else None

    def as_json(self) -> JsonObject:
        """What the command prints with --json."""
        return {
            "model": self.model,
            "data": self.data,
            "images": self.images,
            "seed": self.seed,
            "max_drop_points": self.max_drop,
            "float_accuracy": self.float_accuracy,
            "int8": self.int8.as_json(self.max_drop),
            "layers": [row.as_json(self.max_drop) for row in self.layers],
            "recipe": self.recipe.as_dict(),
            "reasons": dict(self.reasons),
            "warnings": list(self.warnings),
            "probes": self.probes,
            "probes_kept": self.kept,
        }

    def list_rows(self) -> Iterator[JsonObject]:
        """One flat row for each layer, as a frame has it."""
        for row in self.layers:
            flat: JsonObject = {"layer": row.name, "kind": row.kind, "place": row.place, "weights": row.weights}
            for name in NAMES:
                one = row.finding(name)
                flat |= {f"{name}_accuracy": one and one.accuracy, f"{name}_drop_points": one and one.drop_points}
                flat |= {f"{name}_kl_nats": one and one.kl_nats}
            yield flat

    def list_probes(self) -> Iterator[JsonObject]:
        """One row for each layer and probe."""
        for row in self.layers:
            for name, one in row.as_json(self.max_drop)["probes"].items():
                yield {"layer": row.name, "probe": name, **one}
