"""`report`: all that is known of artifacts as one page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgedigits.api.calls import command
from edgedigits.api.given import Data, PathLike, Read, make_data_wish
from edgedigits.api.progress import Watch, telling, without_repeats
from edgedigits.api.result import Result
from edgedigits.data.reading import CleanSaid, Resizing
from edgedigits.errors import InputError
from edgedigits.ground.artifact_folder import Artifact
from edgedigits.ground.facts import JsonObject

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgedigits.api.render.page.markup import Page

_MOST_SENSITIVITY = 16 * 2**20


@dataclass(frozen=True, repr=False)
class Report(Result):
    """A report: `document` is its JSON, `paths` are the files that were written. Frames: "page", every cell of its tables as
    artifact, section, table, row, column and value; "models", "classes", "layers" and "operators", a row for each."""

    FRAMES: ClassVar[tuple[str, ...]] = ("page", "models", "classes", "layers", "operators")

    document: JsonObject = field(repr=False)
    paths: tuple[Path, ...] = ()

    @cached_property
    def _page(self) -> Page:
        from edgedigits.api.report.pages import make_page

        return make_page(self.document)

    @cached_property
    def html(self) -> str:
        """The page."""
        from edgedigits.api.render.page.markup import write_page

        return write_page(self._page, self.document)

    @property
    def markdown(self) -> str:
        """The same as Markdown, without figures."""
        from edgedigits.api.render.page.plain_text import write_markdown

        return write_markdown(self._page, self.document)

    def as_json(self) -> JsonObject:
        return self.document

    def _repr_html_(self) -> str:
        """The page in a frame of its own."""
        from html import escape

        style = "width:100%;height:56rem;border:0;border-radius:12px"
        return f'<iframe srcdoc="{escape(self.html)}" title="edgedigits report" style="{style}"></iframe>'

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        from edgedigits.api.report.pages import tell_in_lines

        return Text("\n".join([*tell_in_lines(self.document), *(f"{path}" for path in self.paths)]))

    def _in_a_line(self) -> str:
        states = [one["verdict"]["state"] for one in self.document["artifacts"]]
        names = [one["name"] for one in self.document["artifacts"]]
        return ", ".join(f"{name}: {state}" for name, state in zip(names, states, strict=True))

    def _rows(self, of: str) -> Sequence[Mapping[str, Any]]:
        from edgedigits.api.render.page.plain_text import list_rows

        if of == "page":
            return list(list_rows(self._page, self.document))
        if of == "models":
            return list(self.document["points"])
        places = {
            "classes": ("classes", "per_class"),
            "layers": ("layers", "layers"),
            "operators": ("operators", "rows"),
        }
        first, second = places[of]
        found = [(one["name"], row) for one in self.document["artifacts"] for row in (one[first] or {}).get(second, [])]
        return [{"artifact": name, **_flatten(row)} for name, row in found]


def _flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Objects in a row as columns of their own, as float_recall."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        found |= {f"{key}_{name}": one for name, one in value.items()} if isinstance(value, dict) else {key: value}
    return found


@command()
def report(
    artifacts: Artifact | PathLike | Sequence[Artifact | PathLike],
    data: Data | None = None,
    *,
    out: PathLike | None = None,
    markdown: PathLike | None = None,
    sensitivity: PathLike | None = None,
    resize: tuple[int, int] | None = None,
    grey: bool = False,
    resizing: Resizing | None = None,
    background: str | None = None,
    classes: Sequence[str] | None = None,
    skip_bad: bool = False,
    shape: tuple[int, ...] | None = None,
    clean: CleanSaid = None,
    images: int = 64,
    windows: int = 5,
    window: float = 0.2,
    progress: Watch = None,
) -> Report:
    """Show all that is known of artifacts on one page: whether to ship, how right, how small, how fast, and why.

    artifacts: one or several, or their folders. data: as in `compress`; by default what they were made of, where it is found by
    its name: parts that need it are left out, with the reason, where it is not. out: the page, ending in .html or .md, with its
    JSON beside it; None writes nothing. markdown: the page as Markdown, too. sensitivity: a JSON that `sensitivity` gave.
    `images` of the validation part are looked at layer by layer; `windows` windows of `window` seconds are timed for each form,
    and as many for the operators.

    Raises InputError's kinds for no artifact, one that was altered, data of other classes, a place that can't be written to.

    >>> found = ed.report(artifact, data, windows=1, window=0.05, progress=False)
    >>> found.document["artifacts"][0]["verdict"]["accuracy"], "<!doctype html>" in found.html
    ('same', True)
    """
    from edgedigits.api.report.gather import Request, gather
    from edgedigits.api.report.write import Places, write_files
    from edgedigits.measure.findings.collect import Asking
    from edgedigits.measure.findings.timing import Clock
    from edgedigits.measure.verify.subject import VerifyWish

    folders = _find_folders(artifacts)
    places = None if out is None else Places(Path(out), None if markdown is None else Path(markdown))
    if places is None and markdown is not None:
        places = Places(Path(markdown))
    if places is not None:
        places.check()
    known = None if sensitivity is None else _read_sensitivity(Path(sensitivity))
    said = make_data_wish(data, None, Read(resize, grey, resizing, background, classes, skip_bad, shape, clean))
    wishes = [VerifyWish(model=folder, images=images, **said) for folder in folders]
    asking = Asking(Clock(windows, window))
    with telling(progress) as watched:
        told = without_repeats(watched)
        request = Request(wishes, str(places.out if places else "report.html"), asking, known)
        document = gather(request, told.say, told.progress)
        paths = () if places is None else tuple(write_files(document, places))
    return Report(document, paths)


def _find_folders(artifacts: Any) -> list[Path]:
    given = [artifacts] if isinstance(artifacts, (Artifact, str, os.PathLike)) else artifacts
    if not isinstance(given, Sequence) or not all(isinstance(one, (Artifact, str, os.PathLike)) for one in given):
        raise InputError(f"artifacts: found {type(artifacts).__name__}; wanted an artifact's folder, or several")
    if not given:
        raise InputError("artifacts: found none; give the folder of an artifact, as compress writes it")
    folders = [one.path if isinstance(one, Artifact) else Path(one) for one in given]
    twice = next(
        (one for at, one in enumerate(folders) if one.resolve() in [two.resolve() for two in folders[:at]]), None
    )
    if twice is not None:
        raise InputError(f"{twice}: given twice; name each artifact once")
    return folders


def _is_row(row: Any) -> bool:
    """Of a layer, with probes by name."""
    probes = row.get("probes") if isinstance(row, dict) and "layer" in row else None
    return isinstance(probes, dict) and bool(probes) and all(isinstance(one, dict) for one in probes.values())


def _read_sensitivity(path: Path) -> JsonObject:
    """The JSON of `edgedigits sensitivity`. Raises InputError for anything else."""
    what = "give what `edgedigits sensitivity --json` printed"
    try:
        if path.stat().st_size > _MOST_SENSITIVITY:
            raise InputError(f"--sensitivity {path}: {path.stat().st_size:,} bytes; {what}")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--sensitivity {path}: can't be read ({error.strerror}); {what}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"--sensitivity {path}: no JSON; {what}") from error
    rows = found.get("layers") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not rows or not all(map(_is_row, rows)):
        raise InputError(f"--sensitivity {path}: holds no layers; {what}")
    return dict(found)
