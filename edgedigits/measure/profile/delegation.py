"""Whether XNNPACK runs an operator, why it does not, and what would change that: each as it was found by trying."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.profile.variants import DENSE, ONE_SCALE, PLAIN, STORED
from edgedigits.tflite.contents import Contents, Operator
from edgedigits.tflite.fragments import Fragment

Tried = Mapping[str, bool]
"""What was changed of an operator, and whether XNNPACK takes it then."""

_CAUSES: Final = {
    STORED: ("a parameter of it is computed, not stored", "storing that parameter as a constant"),
    DENSE: ("its weights are stored sparsely", "storing its weights densely"),
    PLAIN: ("of the function fused into it", "applying that function as an operator of its own"),
    ONE_SCALE: ("its weights have a scale per channel", "one scale for all of its weights"),
}
_DYNAMIC: Final = frozenset({"RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "TILE", "BROADCAST_TO", "FILL"})
"""Operators whose second input is a size: where that is computed, so is the size of all behind."""


@dataclass(frozen=True)
class Delegation:
    """`runs`: whether XNNPACK runs it inside the net, None where the runtime does not tell; else "" and "", or the causes found,
    and what makes XNNPACK take it, "" where nothing that was tried does."""

    runs: bool | None
    why_not: str = ""
    would_change: str = ""


def group_tries(marks: Sequence[tuple[str, str]], files: Iterable[JsonObject]) -> dict[str, dict[str, bool]]:
    """By signature; a file that does not run is one that XNNPACK does not take."""
    found: dict[str, dict[str, bool]] = {}
    for (signature, what), told in zip(marks, files, strict=True):
        found.setdefault(signature, {})[what] = not told["reason"] and bool(told["taken"])
    return found


def name_cure(what: str) -> str:
    """A change of `variants`, in words."""
    return _CAUSES[what][1] if what in _CAUSES else f"the same operator in {what}"


@dataclass(frozen=True)
class Asked:
    """What the machine told: the operators taken inside the net (None: not told), which products were taken, what was tried."""

    runtime: str
    taken: Sequence[int] | None
    products: Mapping[str, bool]
    tries: Mapping[str, Tried]


def explain(asked: Asked, contents: Contents, part: Fragment, taken_alone: bool) -> Delegation:
    """Of one operator of the net."""
    operator = next(one for one in contents.operators if one.subgraph == 0 and one.index == part.index)
    if asked.taken is None or part.unpacks:
        return Delegation(None)
    if part.index in asked.taken:
        return Delegation(True)
    if taken_alone:
        return _inside(contents, operator)
    if not any(asked.products.values()):
        return Delegation(
            False, f"{asked.runtime} runs nothing with XNNPACK on this machine", "all, on another --runtime"
        )
    if not part.flat:
        return Delegation(False, f"{part.kind} runs other graphs or keeps a state, which XNNPACK does not")
    dtype = name_type(operator)
    if dtype == "int8" and not asked.products["int8"]:
        return Delegation(
            False,
            f"{asked.runtime} gives XNNPACK no int8 operators",
            "the same operator on another --runtime, as litert",
        )
    return _from_tries(asked, operator, dtype, asked.tries.get(part.signature))


def name_type(operator: Operator) -> str:
    """What an operator computes with, as people say it."""
    slot = 2 if operator.name == "TRANSPOSE_CONV" else 0
    data = operator.input_dtypes[slot] if slot < len(operator.input_dtypes) else "NONE"
    weights = operator.input_dtypes[1] if len(operator.input_dtypes) > 1 else "NONE"
    if (data == "FLOAT32" and weights in ("INT8", "INT4", "INT2")) or (data == "INT8" and weights == "INT4"):
        return f"{data.lower()} with {weights.lower()} weights"
    return data.lower()


def _from_tries(asked: Asked, operator: Operator, dtype: str, tried: Tried | None) -> Delegation:
    named = f"XNNPACK of {asked.runtime} does not take {operator.name} version {operator.version} in {dtype}"
    if tried is None:
        return Delegation(False, f"{named}; what would change that could not be tried")
    for what, (cause, cure) in _CAUSES.items():
        if tried.get(what):
            return Delegation(False, f"{named}, for {cause}".replace("for of", "because of"), cure)
    types = [what for what in tried if what not in _CAUSES]
    able = [what for what in types if tried[what]]
    if able:
        return Delegation(False, named, f"the same operator in {' or '.join(able)}")
    forms = f" nor in {' or '.join(types)}" if types else ""
    return Delegation(False, f"{named}{forms}")


def _inside(contents: Contents, operator: Operator) -> Delegation:
    """Of an operator that XNNPACK would take alone."""
    alone = f"alone XNNPACK takes this {operator.name}, inside the net it does not"
    source = _find_dynamic(contents, operator)
    if source is None:
        return Delegation(False, alone)
    return Delegation(
        False, f"{alone}, where #{source.index} {source.name} before it has a size known only at run time"
    )


def _find_dynamic(contents: Contents, operator: Operator) -> Operator | None:
    """The operator before it, or itself, that makes a tensor of a size computed at run time."""
    makers = {end: one for one in contents.operators if one.subgraph == 0 for end in one.outputs}
    waiting, seen = [operator], {operator.index}
    while waiting:
        one = waiting.pop()
        if one.name in _DYNAMIC and len(one.inputs) > 1 and one.inputs[1] in makers:
            return one
        for end in one.inputs:
            maker = makers.get(end)
            if maker is not None and maker.index not in seen:
                seen.add(maker.index)
                waiting.append(maker)
    return None
