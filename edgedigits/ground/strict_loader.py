"""YAML as it is meant in the files that people write for us: safe, bounded before anything is built, every fault with its line.

A few lines of anchors and aliases can stand for billions of values, a tag can ask for any type, and a word like `2024-01-01` or
`1e-3` is read otherwise than it is meant: all of it is settled here, before a value is looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.error import Mark
from yaml.events import AliasEvent
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from edgedigits.ground.names import is_steering

MOST_NODES = 20_000
"""Values and keys in a file, aliases counted as what they stand for."""
MOST_DEPTH = 32
TAG = "tag:yaml.org,2002:"
TAGS = frozenset(TAG + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge"))
MOST_INTEGER = 2**63


class StrictLoader(yaml.SafeLoader):
    """Safe YAML that reads 1e-3 as the number it is (YAML 1.2) and dates as text, and refuses what no file of ours needs."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = self._nodes = 0
        self._stands_for: dict[int, int] = {}

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """One value; refuses depth and number while they come, so that no more is read than is allowed."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._depth, self._nodes = self._depth + 1, self._nodes + 1
        if self._depth > MOST_DEPTH:
            raise _fault(f"nested deeper than {MOST_DEPTH} levels", mark)
        is_alias = self.check_event(AliasEvent)
        node = super().compose_node(parent, index)
        if is_alias and id(node) not in self._stands_for:
            raise _fault("an alias inside of what it stands for", mark)
        self._depth -= 1
        if (node is not None and self._count(node) > MOST_NODES) or self._nodes > MOST_NODES:
            raise _fault(f"more than {MOST_NODES:,} values, aliases counted as what they stand for", mark)
        return node

    def _count(self, node: Node) -> int:
        """How many values a node stands for, itself among them."""
        if id(node) not in self._stands_for:
            parts: list[Node | tuple[Node, Node]] = node.value if isinstance(node, CollectionNode) else []
            children = [each for part in parts for each in (part if isinstance(part, tuple) else (part,))]
            self._stands_for[id(node)] = 1 + sum(self._stands_for[id(each)] for each in children)
        return self._stands_for[id(node)]

    def construct_object(self, node: Node, deep: bool = False) -> object:
        """A value of the kinds that TAGS names; what does not fit its kind is a fault of the file."""
        kind = {TAG + "map": MappingNode, TAG + "seq": SequenceNode}.get(node.tag, ScalarNode)
        if node.tag not in TAGS or not isinstance(node, kind):
            raise _fault(f"{_cut(node.tag)}: no kind of value that is known here", node.start_mark)
        try:
            value = super().construct_object(node, deep)
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
            raise _fault(f"{_cut(node.value)} is no {node.tag.rpartition(':')[2]}", node.start_mark) from error
        if fault := _fault_of(value):
            raise _fault(f"{_cut(node.value)}: {fault}", node.start_mark)
        return value

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Keys are words, each written once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise _fault("a list or a mapping is no key; wanted a word", key.start_mark)
            if key.value in seen:
                raise _fault(f"{_cut(key.value)} is written twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _fault(problem: str, mark: Mark) -> ConstructorError:
    return ConstructorError(None, None, problem, mark)


def _cut(value: object) -> str:
    shown = ascii(value) if not isinstance(value, str) or is_steering(value) else repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _fault_of(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "wanted a finite number"
    if isinstance(value, int) and abs(value) > MOST_INTEGER:
        return "too large for a whole number"
    if isinstance(value, str) and is_steering(value):
        return "holds control characters, or ones that turn the direction of writing"
    return ""


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith((":timestamp", ":value"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver(
    TAG + "float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+0123456789.")
)
