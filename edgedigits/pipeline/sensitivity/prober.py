"""Probes of one model on validation images: what it answers with one thing changed, image by image beside what it did before.

Nets are compiled when the first probe asks for them: where all are kept, none is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgedigits.data.images import Images, read_all
from edgedigits.data.scale import scale_pixels
from edgedigits.measure.verify.answers import Answers
from edgedigits.models.graph import walk
from edgedigits.pipeline.export.conversion import draw_representative
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.sensitivity.confidence import Finding, plan_looks, sum_up
from edgedigits.pipeline.sensitivity.kept_probes import KeptProbes
from edgedigits.pipeline.sensitivity.rounded_net import RoundedNet
from edgedigits.pipeline.sensitivity.subject import Subject
from edgedigits.pipeline.sensitivity.thinned_net import ThinnedNet
from edgedigits.stages.prune import prune_smallest
from edgedigits.tasks.kinds.table import find_task

PERCENTS: Final = (50, 80, 90)
"""Of a layer's weights go by magnitude."""
Answer = Callable[[np.ndarray], np.ndarray]
Found = Finding | str
"""What a probe found; else why it can't be made."""


@dataclass(frozen=True)
class _Said:
    """Answers to every image: outputs [n, outputs], and which are right, bool [n]."""

    outputs: np.ndarray
    right: NDArray[np.bool_]


class Prober:
    """`subject` is what is asked, and what is found is kept in `kept`."""

    def __init__(self, subject: Subject, kept: KeptProbes) -> None:
        self.subject, self._kept = subject, kept
        self.thinned = ThinnedNet(subject.model, subject.data, subject.images)
        self._rounded = RoundedNet(subject.folded, self._calibration())
        self._looks = plan_looks(subject.images)
        self._task = find_task(subject.data)
        self._half = self._task.half(subject.classes, subject.logits)
        self._nats = Answers("sigmoid" if self._task.closing == "sigmoid" else "softmax")

    def round_all(self) -> Finding:
        """The whole net in int8, against the float model, on all images."""
        rounded = self._rounded.wiring.round_all()
        return self._keep("int8", lambda: self._ask(lambda pixels: self._rounded.answer(pixels, rounded), whole=True))

    def round_only(self, layer: str) -> Found:
        """This layer alone in int8, against the float model."""
        if why := self._refusal(layer):
            return why
        rounded = self._rounded.wiring.round_only(layer)
        return self._keep(
            f"int8_alone {layer}",
            lambda: self._ask(lambda pixels: self._rounded.answer(pixels, rounded), ranks=True),
        )

    def round_others(self, layer: str) -> Found:
        """All but this layer in int8, against all of them."""
        if why := self._refusal(layer):
            return why
        wiring = self._rounded.wiring
        rounded = wiring.round_others(layer)
        if rounded == wiring.round_all():
            return "has no kernel, and its neighbours round what it reads and makes"
        return self._keep(
            f"float_alone {layer}",
            lambda: self._ask(lambda pixels: self._rounded.answer(pixels, rounded), against=self._int8),
        )

    def prune(self, layer: str, percent: int) -> Found:
        """This layer alone without so many of its smallest weights, against the float model."""
        if why := self._refusal(layer):
            return why
        kernels = walk.collect_kernels(self.subject.model)
        paths = [path for path in kernels if path.rpartition("/")[0] == layer]
        if not paths:
            return "has no kernel"

        def pruned() -> Finding:
            masks = {path: prune_smallest(kernels[path].numpy(), percent / 100) for path in paths}
            fewer = {path: self._rounded.whole[path] * mask for path, mask in masks.items()}
            return self._ask(lambda pixels: self._rounded.answer(pixels, kernels=fewer))

        return self._keep(f"pruned_{percent} {layer}", pruned)

    def thin(self, layer: str) -> Found:
        """This layer, with those that are tied to it, without half of its channels, against the float model under the same
        statistics of batch normalization."""
        free = self.thinned.find_free(layer)
        if isinstance(free, str):
            return free
        thinned = self.thinned
        return self._keep(
            f"half_channels {free.mark}",
            lambda: self._ask(
                lambda pixels: thinned.answer(pixels, free), against=self._unthinned, nats_from=self._unthinned
            ),
        )

    def look_at_float(self, judge: Callable[[np.ndarray, np.ndarray], Sequence[str]]) -> list[str]:
        """What `judge` says of the float model's outputs and the labels of all images."""
        found = self._kept.once("warnings", lambda: {"said": judge(self._float.outputs, self._images.labels)})
        return list(found["said"])

    def _refusal(self, layer: str) -> str:
        """Why it can't be probed; "" where it can."""
        kind = type(self.subject.model.get_layer(layer)).__name__
        return f"{kind} is a kind that is not known here" if layer in self._rounded.wiring.left else ""

    def _keep(self, what: str, make: Callable[[], Finding]) -> Finding:
        return Finding(**self._kept.once(what, lambda: asdict(make())))

    def _ask(
        self,
        answer: Answer,
        against: _Said | None = None,
        nats_from: _Said | None = None,
        ranks: bool = False,
        whole: bool = False,
    ) -> Finding:
        """Part by part until it is settled, or to the end where the `whole` is wanted; the float model is what is compared with
        where nothing else is."""
        before, wanted = against or self._float, nats_from or self._float
        right: list[NDArray[np.bool_]] = []
        nats: list[np.ndarray] = []
        for number, part in enumerate(self._looks.parts, 1):
            outputs = answer(self._scaled(part))
            right.append(self._judge(outputs, part))
            nats.append(self._nats.divergences(self._share(wanted.outputs[part]), self._share(outputs)))
            if number not in self._looks.after or (whole and number < len(self._looks.parts)):
                continue
            so_far = np.concatenate(right)
            confidence = 0.95 if whole else self._looks.confidence
            found = sum_up(before.right[: len(so_far)], so_far, np.concatenate(nats), confidence)
            if found.is_settled(self.subject.max_drop, ranks):
                break
        return found

    @cached_property
    def _images(self) -> Images:
        return self.subject.draw()

    @cached_property
    def _pixels(self) -> np.ndarray:
        return np.asarray(read_all(self._images))

    @cached_property
    def _float(self) -> _Said:
        return self._say(self._rounded.answer)

    @cached_property
    def _int8(self) -> _Said:
        rounded = self._rounded.wiring.round_all()
        return self._say(lambda pixels: self._rounded.answer(pixels, rounded))

    @cached_property
    def _unthinned(self) -> _Said:
        return self._say(self.thinned.answer)

    def _say(self, answer: Answer) -> _Said:
        outputs = [answer(self._scaled(part)) for part in self._looks.parts]
        right = [self._judge(one, part) for one, part in zip(outputs, self._looks.parts, strict=True)]
        return _Said(np.concatenate(outputs), np.concatenate(right))

    def _scaled(self, part: slice) -> np.ndarray:
        return np.asarray(scale_pixels(self._pixels[part], self.subject.data.scale), np.float32)

    def _judge(self, outputs: np.ndarray, part: slice) -> NDArray[np.bool_]:
        return self._half.right(self._half.decode(outputs), self._images.labels[part])

    def _share(self, outputs: np.ndarray) -> np.ndarray:
        return self._task.probabilities(outputs, self.subject.logits)

    def _calibration(self) -> Iterator[np.ndarray]:
        """As the int8 export calibrates, many images at once."""
        data = self.subject.data
        images = [image for (image,) in draw_representative(data.calibration, data.scale, Int8().calibration_images)]
        for start in range(0, len(images), 100):
            yield np.concatenate(images[start : start + 100])
