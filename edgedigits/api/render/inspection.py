"""What a .tflite file holds, for people (tables of rich) and for programs (a JSON-safe dict)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgedigits.ground.facts import JsonObject
from edgedigits.tflite.byte_breakdown import PARTS, PartBytes
from edgedigits.tflite.contents import Contents, Operator, Tensor, count_weight_zeros, list_float_operators
from edgedigits.tflite.rewrite.before_and_after import Change

_SCHEMA: Final = 1
_MOST_LINES: Final = 60
_NAME_WIDTH: Final = 12  # what is left of a name at the least
_LISTED_FIRST: Final = ("weight", "bias", "constant", "input", "output", "activation")
_LEDGER_NOTE: Final = "Each part is packed alone, the file as a whole; gzip -9, zstd -19."


def to_json(contents: Contents, change: Change | None = None, notes: Sequence[str] = ()) -> JsonObject:
    """All that `render` shows and more, uncut; sizes are in bytes, shares between 0 and 1.

    `slim` is there where a change is known: bytes of each part before and after. `input_notes` where there are any.
    """
    return {
        "schema": _SCHEMA,
        "source": contents.source,
        "size_bytes": contents.size_bytes,
        "gzip_bytes": contents.total.gzip,
        "zstd_bytes": contents.total.zstd,
        "tflite_schema_version": contents.schema_version,
        "description": contents.description,
        "min_runtime": contents.min_runtime,
        "float16_arithmetic": contents.float16_arithmetic,
        "inputs": [_place(tensor) for tensor in contents.inputs],
        "outputs": [_place(tensor) for tensor in contents.outputs],
        "signatures": [
            {"key": entry.key, "subgraph": entry.subgraph, "inputs": list(entry.inputs), "outputs": list(entry.outputs)}
            for entry in contents.signatures
        ],
        "metadata": [{"name": name, "size_bytes": size} for name, size in contents.metadata],
        "operators": [_operator_json(operator) for operator in contents.operators],
        "float_operators": list_float_operators(contents),
        "tensors": [_tensor_json(tensor) for tensor in contents.tensors],
        "ledger": [_part_json(row) for row in contents.breakdown],
        **({"slim": {"before": change.before, "after": change.after}} if change else {}),
        **({"input_notes": list(notes)} if notes else {}),
    }


def render(contents: Contents, change: Change | None = None, notes: Sequence[str] = ()) -> Group:
    """Header, operators, tensors with weights first, the bytes of each part, and its change by slim; made for 100 columns."""
    blocks = [_header(contents, notes), _operators(contents), *_tensors(contents), _breakdown(contents)]
    note = Text(_LEDGER_NOTE)
    if change is None:
        return Group(*_spaced(blocks), note)
    return Group(*_spaced(blocks), note, Text(), _change(change))


def _place(tensor: Tensor | Operator) -> dict[str, int]:
    return {"subgraph": tensor.subgraph, "index": tensor.index}


def _operator_json(operator: Operator) -> JsonObject:
    return {
        **_place(operator),
        "name": operator.name,
        "version": operator.version,
        "inputs": list(operator.inputs),
        "outputs": list(operator.outputs),
        "input_dtypes": list(operator.input_dtypes),
        "output_dtypes": list(operator.output_dtypes),
    }


def _tensor_json(tensor: Tensor) -> JsonObject:
    return {
        **_place(tensor),
        "name": tensor.name,
        "role": tensor.role,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "elements": tensor.elements,
        "scales": tensor.scales.tolist(),
        "zero_points": tensor.zero_points.tolist(),
        "axis": tensor.axis,
        "buffer": tensor.buffer,
        "size_bytes": tensor.size_bytes,
        "sparse": tensor.sparse,
        "zeros": tensor.zeros,
        "no_zeros": tensor.no_zeros,
    }


def _part_json(row: PartBytes) -> dict[str, str | int]:
    return {"part": row.part, "raw_bytes": row.raw, "gzip_bytes": row.gzip, "zstd_bytes": row.zstd}


def _spaced(blocks: Iterable[RenderableType]) -> list[RenderableType]:
    return [piece for block in blocks for piece in (block, Text())]


def _plain(name: str) -> Text:
    """A name from the file, with whatever could steer the terminal made visible."""
    return Text("".join(char if char.isprintable() else repr(char)[1:-1] for char in name))


def _table(title: str, *columns: str, right: Sequence[str] = (), name: str = "") -> Table:
    """A table whose column `name` gives way when the line is full; `right` are the columns of numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.show_edge = table.pad_edge = False
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
        if column == name:
            table.columns[-1].ratio, table.columns[-1].min_width = 1, _NAME_WIDTH
    table.expand = bool(name)
    return table


def _header(contents: Contents, notes: Sequence[str]) -> Table:
    grid = Table.grid(padding=(0, 2))
    total = contents.total
    grid.add_row("file", _plain(contents.source))
    grid.add_row("size", f"{total.raw:,} bytes, gzip {total.gzip:,}, zstd {total.zstd:,}")
    for end, tensors in (("input", contents.inputs), ("output", contents.outputs)):
        for tensor in tensors:
            words = [tensor.dtype, _shape(tensor), _quantization(tensor)]
            grid.add_row(end, Text("  ".join(filter(None, words)) + "  ") + _plain(tensor.name))
    for note in notes:
        grid.add_row("note", _plain(note))
    grid.add_row("written by", _plain(contents.description or "not said"))
    grid.add_row("runs on", f"TFLite {contents.min_runtime} or later" if contents.min_runtime else "not said")
    grid.add_row("arithmetic", _arithmetic(contents))
    grid.add_row("weights", _sparsity(contents))
    return grid


def _arithmetic(contents: Contents) -> str:
    floats = len(list_float_operators(contents))
    said = f"{floats} of {len(contents.operators)} operators read or write floats" if floats else "integers only"
    return f"{said}; in float16 where the processor can" if contents.float16_arithmetic else said


def _sparsity(contents: Contents) -> str:
    kernels = count_weight_zeros(contents)
    elements = sum(kernel.elements for kernel in kernels if kernel.zeros is not None)
    zeros = sum(kernel.zeros or 0 for kernel in kernels)
    uncounted = sum(kernel.zeros is None for kernel in kernels)
    counted = f"{elements:,} in {len(kernels) - uncounted} tensors, {zeros:,} zero"
    share = f" ({100 * zeros / elements:.2f} %)" if elements else ""
    return counted + share + (f"; {uncounted} more tensors can't be counted" if uncounted else "")


def _operators(contents: Contents) -> Table:
    if len(contents.operators) > _MOST_LINES:
        return _operator_kinds(contents)
    many = any(operator.subgraph for operator in contents.operators)
    columns = ("#", "operator", "version", "inputs", "outputs", "writes")
    table = _table("Operators", *columns, right=("#", "version"), name="writes")
    for operator in contents.operators:
        number = f"{operator.subgraph}:{operator.index}" if many else str(operator.index)
        written = [contents.tensor(index, operator.subgraph).name for index in operator.outputs if index >= 0]
        dtypes = (_dtypes(operator.input_dtypes), _dtypes(operator.output_dtypes))
        table.add_row(number, _plain(operator.name), str(operator.version), *dtypes, _plain(", ".join(written)))
    return table


def _operator_kinds(contents: Contents) -> Table:
    table = _table("Operators by kind", "count", "operator", "version", "inputs", "outputs", right=("count", "version"))
    kinds = Counter(
        (operator.name, operator.version, _dtypes(operator.input_dtypes), _dtypes(operator.output_dtypes))
        for operator in contents.operators
    )
    for (name, version, inputs, outputs), count in kinds.most_common():
        table.add_row(str(count), _plain(name), str(version), inputs, outputs)
    return table


def _dtypes(dtypes: Iterable[str]) -> str:
    """INT8 ×2, INT32; inputs left out stay out."""
    runs = [(dtype, len(list(run))) for dtype, run in groupby(dtypes) if dtype != "NONE"]
    return ", ".join(dtype if count == 1 else f"{dtype} ×{count}" for dtype, count in runs)


def _tensors(contents: Contents) -> list[RenderableType]:
    shown = [tensor for tensor in contents.tensors if tensor.role != "activation"]
    if len(contents.tensors) <= _MOST_LINES:
        shown = list(contents.tensors)
    many = any(tensor.subgraph for tensor in contents.tensors)
    columns = ("#", "role", "dtype", "shape", "bytes", "zeros", "%", "quantization", "name")
    table = _table("Tensors", *columns, right=("#", "bytes", "zeros", "%"), name="name")
    for tensor in sorted(shown, key=lambda tensor: _LISTED_FIRST.index(tensor.role)):
        number = f"{tensor.subgraph}:{tensor.index}" if many else str(tensor.index)
        size = f"{tensor.size_bytes:,}" if tensor.size_bytes else ""
        cells = (tensor.dtype, _shape(tensor), size, *_zeros(tensor), _quantization(tensor))
        table.add_row(number, tensor.role, *cells, _plain(tensor.name))
    hidden = len(contents.tensors) - len(shown)
    return [table, Text(f"{hidden} activations are not listed; --json lists them.")] if hidden else [table]


def _zeros(tensor: Tensor) -> tuple[str, str]:
    if tensor.zeros is None:
        return ("?", "") if tensor.size_bytes else ("", "")
    return f"{tensor.zeros:,}", f"{100 * tensor.zeros / tensor.elements:.2f}"


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"


def _quantization(tensor: Tensor) -> str:
    """Scale and zero point; per channel, how many scales there are and along which axis."""
    words = ["sparse"] if tensor.sparse else []
    if tensor.scales.size:
        words.append(
            f"{tensor.scales[0]:.4g}" if tensor.axis is None else f"{tensor.scales.size} on axis {tensor.axis}"
        )
    points = sorted(set(tensor.zero_points.tolist()) - {0})
    if points:
        words.append(f"zp {points[0]}" if len(points) == 1 else f"zp {points[0]} to {points[-1]}")
    return ", ".join(words)


def _breakdown(contents: Contents) -> Table:
    table = _table("Where every byte goes", "part", "raw", "%", "gzip", "zstd", right=("raw", "%", "gzip", "zstd"))
    for row in (*contents.breakdown, contents.total):
        if not row.raw:
            continue
        if row is contents.total:
            table.add_section()
        share = f"{100 * row.raw / contents.size_bytes:.1f}"
        table.add_row(row.part, f"{row.raw:,}", share, f"{row.gzip:,}", f"{row.zstd:,}")
    return table


def _change(change: Change) -> Table:
    table = _table("By slim", "part", "before", "after", "saved", "%", right=("before", "after", "saved", "%"))
    rows = [(part, change.before[part], change.after[part]) for part in PARTS]
    for part, before, after in [row for row in rows if any(row[1:])]:
        table.add_row(part, *_saved(before, after))
    table.add_section()
    table.add_row("file", *_saved(sum(change.before.values()), sum(change.after.values())))
    return table


def _saved(before: int, after: int) -> tuple[str, str, str, str]:
    share = f"{100 * (before - after) / before:.1f}" if before else ""
    return f"{before:,}", f"{after:,}", f"{before - after:,}", share
