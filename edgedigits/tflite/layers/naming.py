"""Which Keras layers an operator computes, by the names that converters give its tensors: "model_1/layer_1/Operator;..."."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from edgedigits.ground.names import cut_number
from edgedigits.tflite.contents import Contents, Operator


def name_layers(contents: Contents) -> dict[int, frozenset[str]]:
    """By the operator's number, for those of the first graph: the layers that were fused into it, as they are called in Keras.

    Converters call the last tensor by its place in the signature: what makes it goes by its weights' names, else by the layer
    before it. An operator that nothing names has no layers, and those of files without names have none.
    """
    found: dict[int, frozenset[str]] = {}
    makers: dict[int, int] = {}
    for operator in contents.operators:
        if operator.subgraph:
            continue
        named = frozenset(_read_names(contents, operator))
        if not named:
            before = next((makers[end] for end in operator.inputs if end in makers), None)
            named = found[before] if before is not None else named
        found[operator.index] = named
        makers.update(dict.fromkeys(operator.outputs, operator.index))
    return found


def matches(layers: Iterable[str], patterns: Iterable[str]) -> bool:
    """Whether a layer is named by a pattern, as `block_*`."""
    patterns = tuple(patterns)
    return any(fnmatchcase(name, pattern) for name in layers for pattern in patterns)


def find_operators(contents: Contents, patterns: Sequence[str]) -> frozenset[int]:
    """The operators of layers so named, and where there are any, those that turn their numbers into others."""
    found = {number for number, layers in name_layers(contents).items() if matches(layers, patterns)}
    turning = {one.index for one in contents.operators if one.subgraph == 0 and one.name in ("QUANTIZE", "DEQUANTIZE")}
    return frozenset(found | turning if found else found)


def _read_names(contents: Contents, operator: Operator) -> Iterator[str]:
    made = [contents.tensor(end).name for end in operator.outputs[:1]]
    if names := [name for text in made for name in _split(text)]:
        yield from names
        return
    for end in operator.inputs:
        if end >= 0 and contents.tensor(end).role == "weight":
            yield from _split(contents.tensor(end).name)


def _split(text: str) -> Iterator[str]:
    for part in text.split(";"):
        scopes = part.split("/")
        if len(scopes) > 2:
            yield cut_number(scopes[1])
