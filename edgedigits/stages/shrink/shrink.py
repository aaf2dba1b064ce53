"""Structured pruning (Li et al. 2017, "Pruning Filters for Efficient ConvNets"): whole channels go, so the model is smaller.

Single zeros save neither bytes nor time on an int8 interpreter; fewer channels save both, on every machine. Which channels can
only go together is found from the graph (`coupling.py`).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError, TargetError
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import Candidate, make_settings_class
from edgedigits.stages.settings import Batch, ClassWeights, EnoughImages, Epochs, Rate, Share, Steps, Temperature

if TYPE_CHECKING:
    from edgedigits.stages.shrink.removal import Ranking
    from edgedigits.stages.shrink.target import Target

TARGETS = (
    "remove",
    "remove_parameters",
    "remove_multiply_adds",
    "remove_cycles",
    "cycles",
    "latency_ms",
    "latency_us",
    "instructions",
)
MULTIPLES = (8, 4, 2, 1)
"""The first that lets the target be reached is taken."""
Removed = Annotated[float, Field(gt=0, lt=1)]
Least = Annotated[int, Field(ge=1)]


@make_settings_class
class Shrink:
    """Remove the channels that matter least until one target holds, then train on what is left.

    remove: the share that goes of the bytes for weights, biases and scales in the int8 form, and of the cycles of a core of kind
    `cpu`: of those that the model takes in float32, less those of its int8 form. remove_parameters, remove_multiply_adds: the
    share that goes. remove_cycles: the share of what one inference of the int8 conversion takes on that core, whatever the net;
    cycles: what it takes there at most, and latency_ms on a `board`, memory included. Cycles are foretold from the shapes, alike
    everywhere.
    latency_us: the same on this machine's interpreter, one thread; it is measured, so another machine may remove other channels.
    instructions: in arm64 instructions on `cpu`, counted under QEMU, which must be installed.
    importance: of a channel; taylor: how much the loss changes without it, to first order (Molchanov et al. 2019), on `images`
    training images; l1, l2: the norm of the weights that make it; bn: the scale its batch normalization gives it.
    scope: global compares a channel with those of other layers, each importance as a share of its layer's mean; layer takes the
    same share of every layer; sensitivity takes next where it costs least for what is won: how much the loss rises when a
    layer alone loses a quarter, a half or three quarters of its channels is measured, on training images kept for calibration.
    balance: of what a loss saves, bytes and multiply-adds count alike if even, and more than is asked of one of them may go;
    auto: where one of the two that `remove` wants is met long before the other, the other counts more, if less loss is foretold.
    multiple: channels are left in multiples of this. Five 3x3 int8 convolutions on 28x28 take 32 us with 4 to 8 channels
    alike, 47 us with 9 to 16, 120 us with 17 to 24, 150 us with 25 to 32: what lies between costs accuracy and saves no time.
    Not given: of 8, and of 4, 2 or 1 where a narrow net can't get to the target otherwise.
    least: channels that every layer keeps; `multiple` where not given. A layer of fewer is left whole.
    drop_blocks: so many residual branches go first, those that change the loss least without them; what they held counts towards
    the target. A narrow layer costs time too: of a MobileNetV2 more goes with whole blocks than with channels.
    merge_pointwise: then 1x1 convolutions with no activation between become one, as where two blocks met at a shortcut that went;
    the answers stay, and the narrow tensor between no longer holds back what training can reach.
    rounds: go there in this many steps of the same ratio, with `epochs_between` of training after each but the last.
    """

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = ""

    remove: Removed | None = None
    remove_parameters: Removed | None = None
    remove_multiply_adds: Removed | None = None
    remove_cycles: Removed | None = None
    cycles: Annotated[int, Field(gt=0)] | None = None
    latency_ms: Annotated[float, Field(gt=0)] | None = None
    latency_us: Annotated[float, Field(gt=0)] | None = None
    instructions: Annotated[int, Field(gt=0)] | None = None
    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76"] = "cortex-a72"
    board: Literal["zero2", "pi3", "pi4", "pi5"] = "pi4"
    importance: Literal["taylor", "l1", "l2", "bn"] = "taylor"
    images: Annotated[int, Field(ge=1)] = 2000
    scope: Literal["global", "layer", "sensitivity"] = "global"
    balance: Literal["even", "auto"] = "even"
    multiple: Least | None = None
    least: Least | None = None
    skip_layers: list[str] = Field(default_factory=list)
    drop_blocks: Annotated[int, Field(ge=0)] = 0
    merge_pointwise: bool = False
    rounds: Annotated[int, Field(ge=1, le=100)] = 1
    epochs_between: Epochs = 0.5
    epochs: Epochs = 3.0
    min_steps: Steps = 100
    enough_images: EnoughImages = None
    rate: Rate = 1e-3
    batch: Batch = 128
    distillation: Share = 0.0
    temperature: Temperature = 3.0
    class_weights: ClassWeights = "auto"

    @model_validator(mode="after")
    def _one_target(self) -> Shrink:
        given = [name for name in TARGETS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"wanted exactly one target of {', '.join(TARGETS)}; found {' and '.join(given) or 'none'}"
            )
        return self

    @property
    def in_words(self) -> str:
        return ""

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        """Promise: a plain model with the same layers by the same names, less what joins copies of one tensor (`copies.merged`),
        the branches that were dropped and the convolutions that were merged; masks and clusters keep what is left of their
        kernels.

        Raises TargetError when the smallest model that these settings allow misses the target, RecipeError when there is
        nothing to remove or fewer branches than `drop_blocks`, ModelError when a layer's channels can't be followed.
        """
        from edgedigits.models.graph.narrowed_size import find_sizes
        from edgedigits.stages.select_layers import check_patterns
        from edgedigits.stages.shrink import removal
        from edgedigits.stages.shrink.balance import Chooser
        from edgedigits.stages.shrink.simplify import carry_along, simplify
        from edgedigits.stages.shrink.target import parse_target

        check_patterns(candidate.model, "shrink.skip_layers", self.skip_layers)
        target = parse_target(self, data, candidate.model)
        simple, gone = simplify(candidate, data, self.drop_blocks, self.merge_pointwise, self.images)
        now, goals = carry_along(candidate, simple), [0.0] * self.rounds
        left: dict[str, str] = {}
        prices: dict[str, list[float]] = {}
        learned: Facts = {}
        value = whole = 0.0
        multiple = 1
        for number in range(self.rounds):
            if number and value <= goals[number]:
                now, learned = self._tuned(now, data, number, progress)
                continue
            layout = removal.lay_out(now.model, self.skip_layers)
            ranking = removal.rank_channels(self, layout, data)
            least = None
            if number == 0:
                value = target.measure(layout, np.ones(layout.coupling.count, bool))
                as_is = simple is candidate.model
                whole = value if as_is else removal.measure_model(target.measure, candidate.model)
                goals = target.goals(whole, value, self.rounds)
                multiple, least = self._find_multiple(target, goals[-1], value, ranking)
            chooser = Chooser(ranking, target, multiple, self.least, least, self.balance == "auto")
            chosen = chooser.choose(goals[number], value)
            if number == 0:
                left, prices = chosen.reasons, chosen.order.list_prices()
            value = chosen.value
            cut = removal.remove_channels(now, layout, chosen.keep)
            cut = replace(cut, kept=removal.remove_in_sequence(now.kept, cut.kept))
            now, learned = self._tuned(cut, data, number, progress)
        facts: Facts = {f"{name}_before": size for name, size in find_sizes(candidate.model).items()}
        facts |= {**find_sizes(now.model), f"{target.unit}_before": whole, target.unit: value}
        facts |= {"channels": removal.channels(candidate.model, now.model), "left_whole": left, "multiple": multiple}
        return now, {
            **learned,
            **facts,
            **gone,
            **({"sensitivity": prices, "balance": chosen.balance} if prices else {}),
        }

    def _find_multiple(self, target: Target, goal: float, whole: float, ranking: Ranking) -> tuple[int, float | None]:
        """The coarsest multiple of channels that the target can be reached with, and what the smallest model then measures; None
        where the `whole` meets the goal. Raises TargetError or RecipeError for none."""
        from edgedigits.stages.shrink.target import check_reachable

        def check(multiple: int) -> tuple[int, float | None]:
            order, _ = ranking.order(multiple, self.least)
            met = whole <= goal
            return multiple, None if met else check_reachable(target, goal, whole, ranking.layout, order)

        *coarse, finest = (self.multiple,) if self.multiple else MULTIPLES
        for multiple in coarse:
            with suppress(TargetError, RecipeError):
                return check(multiple)
        return check(finest)

    def _tuned(self, cut: Candidate, data: FitData, number: int, progress: Progress) -> tuple[Candidate, Facts]:
        """The candidate after the training that follows removal `number`."""
        from edgedigits.stages import training_loop

        plan = training_loop.Plan.of(self)
        if number + 1 < self.rounds:
            plan = replace(plan, epochs=self.epochs_between)
        training_copy = training_loop.make_training_copy(cut.model)
        hold = training_loop.make_holder(training_copy, cut.masks, cut.clusters)
        facts = training_loop.tune(training_copy, cut.original, data, plan, progress, hold=hold)
        return replace(cut, model=training_loop.copy_weights(cut.model, training_copy)), facts
