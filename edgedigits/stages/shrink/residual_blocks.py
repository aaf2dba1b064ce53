"""Residual branches: what an addition adds to its shortcut, and models without some of them.

A net of residual blocks still answers without one of them (Veit et al. 2016, "Residual Networks Behave Like Ensembles of
Relatively Shallow Networks"); training mends the rest. On a small net a layer costs time however narrow it is, so whole branches
that go save what narrower ones can't.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from edgedigits.backend import as_graph, tf
from edgedigits.data.feed import make_plain_batches
from edgedigits.data.samples import draw_sample
from edgedigits.data.splits import FitData
from edgedigits.keras_types import KerasLayer, KerasModel, KerasTensor
from edgedigits.models.graph import walk
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.task import Task

IMAGES = 2000
BATCH = 250


@dataclass(frozen=True)
class Branch:
    """What the layer `add` adds to its shortcut.

    layers: names, in graph order; those of branches within it too. shortcut: which of the two inputs of `add` goes around.
    calls: places in `graph.calls` of what only this branch needs.
    """

    add: str
    layers: tuple[str, ...]
    shortcut: int
    calls: frozenset[int]


def find_branches(model: KerasModel) -> tuple[Branch, ...]:
    """Of every addition of two tensors one of which is made from the other, by layers that nothing else reads; in graph order."""
    calls = list(walk.list_calls(model))
    names = [call.layer.name for call in calls]
    needs = _needs(calls)
    found = []
    for place, call in enumerate(calls):
        if type(call.layer).__name__ == "Add" and len(call.inputs) == 2 and names.count(call.layer.name) == 1:
            for shortcut in (0, 1):
                within = _within(calls, needs, place, shortcut)
                if within:
                    layers = dict.fromkeys(names[index] for index in sorted(within))
                    found.append(Branch(call.layer.name, tuple(layers), shortcut, within))
    return tuple(found)


def _needs(calls: list[walk.Call]) -> dict[int, frozenset[int]]:
    """Tensor -> places of the calls that it takes to compute it; none for the model's input."""
    needs: dict[int, frozenset[int]] = {}
    for place, call in enumerate(calls):
        before = [needs.get(number, frozenset()) for number in call.inputs]
        for number in call.outputs:
            needs[number] = frozenset({place}).union(*before)
    return needs


def _within(calls: list[walk.Call], needs: dict[int, frozenset[int]], place: int, shortcut: int) -> frozenset[int]:
    """The calls of the branch if that input of the addition is a shortcut around the other, else none."""
    add = calls[place]
    around, end = add.inputs[shortcut], add.inputs[1 - shortcut]
    within = needs.get(end, frozenset()) - needs.get(around, frozenset())
    made = {number for index in within for number in calls[index].outputs}
    starts = any(around in calls[index].inputs for index in within)
    leaves = any(made & set(call.inputs) for index, call in enumerate(calls) if index not in within and index != place)
    spread = add.use.read[shortcut].shape != add.use.made[0].shape
    return frozenset() if leaves or spread or not starts else within


def remove_branches(model: KerasModel, adds: Collection[str]) -> KerasModel:
    """The model in which the additions of these names give out their shortcut; what they added is gone, branches within it too.

    All other layers keep their names and weights. Promise: where the branches gave zeros, the answers are the same.
    """
    found = {branch.add: branch for branch in find_branches(model) if branch.add in adds}
    gone = {place for branch in found.values() for place in branch.calls}
    order = {call.outputs[0]: place for place, call in enumerate(walk.list_calls(model))}
    made: dict[str, KerasLayer] = {}

    def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor | None:
        layer = call.layer
        if order[call.outputs[0]] in gone:
            return None
        if layer.name in found:
            return args[0][found[layer.name].shortcut]
        if layer.name not in made:
            made[layer.name] = type(layer).from_config(layer.get_config())
        return made[layer.name](*args, **kwargs)

    result = walk.rebuild_with(model, apply)
    for name, layer in made.items():
        layer.set_weights(model.get_layer(name).get_weights())
    return result


def measure_branch_importance(model: KerasModel, data: FitData, images: int = IMAGES) -> dict[str, float]:
    """Name of the addition -> by how much the loss of an image changes, to first order, when its branch gives zeros.

    The mean over `images` training images of |the sum over the branch's values of gradient times value| (Molchanov et al. 2019,
    "Importance Estimation for Neural Network Pruning"). The loss is the cross entropy of the labels.
    """
    found = {branch.add: branch for branch in find_branches(model)}
    if not found:
        return {}
    net, task = walk.clone(model, logits=True), find_task(data)
    changes = as_graph(lambda pixels, labels: _changes(task, net, found, pixels, labels))
    picked = draw_sample(data.fit, images, data.seed)
    total = np.zeros(len(found))
    for pixels, labels in make_plain_batches(picked, data.scale, BATCH):
        total += changes(pixels, labels).numpy()
    return dict(zip(found, (total / len(picked)).tolist(), strict=True))


def _changes(
    task: Task, net: KerasModel, found: dict[str, Branch], pixels: KerasTensor, labels: KerasTensor
) -> KerasTensor:
    """Sum over the images of |d loss / d gate|, [branches], where a gate of one multiplies what each branch gives."""
    gates = tf.ones([len(found), tf.shape(pixels)[0]])
    number = {add: place for place, add in enumerate(found)}
    with tf.GradientTape() as tape:
        tape.watch(gates)

        def apply(call: walk.Call, args: tuple[KerasTensor, ...], kwargs: dict[str, object]) -> KerasTensor | None:
            if call.layer.name not in found:
                return call.layer(*args, **kwargs)
            pair = list(args[0])
            end = 1 - found[call.layer.name].shortcut
            spread = [-1, *[1] * (len(pair[end].shape) - 1)]
            pair[end] *= tf.reshape(gates[number[call.layer.name]], spread)
            return call.layer(pair)

        logits = walk.run(net, pixels, apply)
        loss = tf.reduce_sum(task.weighted(task.loss(labels, logits), labels, None))
    result: KerasTensor = tf.reduce_sum(tf.abs(tape.gradient(loss, gates)), axis=1)
    return result
