"""A report in the form that Model Explorer loads as node data, to colour the graph of the compressed file by.

`{graph: {"results": {node: {"value": ...}}, "gradient": [...]}}`, as google-ai-edge/model-explorer writes it in
`node_data_builder.py`: the graph is called by the subgraph's name, "main" where it has none, and a node by its operator's number.
"""

from __future__ import annotations

from typing import Final

from edgedigits.ground.facts import JsonObject
from edgedigits.measure.verify.causes.layer import Layer
from edgedigits.measure.verify.report import LayersReport
from edgedigits.tflite import schema
from edgedigits.tflite.checked_walk import follow
from edgedigits.tflite.layers.sums import MOST_DB

_GRADIENT: Final = [
    {"stop": 0, "bgColor": "#d93025"},
    {"stop": 0.5, "bgColor": "#fdd663"},
    {"stop": 1, "bgColor": "#81c995"},
]
"""From the least decibels in red to the most in green."""


def make_node_data(report: LayersReport, flat: bytes) -> JsonObject:
    """The own signal to noise of every layer's median channel in decibels; a layer without any error of its own is left white."""
    with follow(report.name):
        name = schema.unpack(flat).subgraphs[0].name
    values: dict[str, JsonObject] = {}
    for layer in report.layers:
        if not layer.is_input and layer.channel_snr_db < MOST_DB:
            values.setdefault(str(layer.match.index), {"value": _round(layer)})
    graph = name.decode(errors="replace") if isinstance(name, bytes) and name else "main"
    return {graph: {"results": values, "gradient": _GRADIENT}}


def _round(layer: Layer) -> float:
    return round(layer.channel_snr_db, 2)
