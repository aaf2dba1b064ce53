"""The pages lead where they say: links and anchors, the site that is built of them, the files and tables that they name."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from benchmarks.pages import DOCS, README, ROOT, pages, prose, read
from tests.test_rooms import MAY

MOST_LINES = 250
PAGES = pages()
LINK = re.compile(r"\]\(([^)\s]+)\)")
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}
NEVER_FETCHED = ("canonical", "alternate", "next", "prev")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages; whatever MkDocs warns of ends the build."""
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return folder


def anchors(text: str) -> set[str]:
    """Of a page's headings, as they are made where a repository is shown."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_files_and_anchors(page: Path) -> None:
    for link in LINK.findall(prose(read(page))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(read(target)), link


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    text = read(README)
    assert len(text.splitlines()) < MOST_LINES
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= set(LINK.findall(text))


def test_the_readme_names_the_pythons_that_the_package_takes() -> None:
    declared = re.search(
        r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert declared
    assert f"Python 3.{declared[1]} to 3.{int(declared[2]) - 1} " in read(README)


def test_a_site_is_built_of_all_pages(site: Path) -> None:
    wanted = {page.with_suffix(".html").name for page in DOCS.glob("*.md")}
    assert wanted | {"index.html"} <= {path.name for path in site.glob("*.html")}
    for page in (site / name for name in ("index.html", "results.html")):
        assert "<td>" in page.read_text(encoding="utf-8")
        assert "&lt;!--" not in page.read_text(encoding="utf-8")


class Loaded(HTMLParser):
    """What a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if dict(attributes).get("rel") not in NEVER_FETCHED:
            self.found += [value for name, value in attributes if (tag, name) in LOADED and value]


def test_the_site_fetches_nothing(site: Path) -> None:
    for page in site.rglob("*.html"):
        parser = Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        assert parser.found
        assert [one for one in parser.found if re.match(r"(https?:)?//", one)] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8"))


def test_files_and_tables_that_the_page_on_development_names_are_there() -> None:
    text = prose(read(DOCS / "development.md"))
    paths = {name for name in re.findall(r"`([\w./]+/[\w./]*)`", text) if not name.startswith("build/")}
    ours = {name for name in paths if name.partition("/")[0] not in MAY}
    assert len(ours) > 10
    assert [name for name in sorted(ours) if not (ROOT / name).exists()] == []
    rows = re.findall(r"`([A-Z]+)` in `([\w./]+\.py)`", text)
    assert len(rows) > 4
    for table, path in rows:
        assert re.search(rf"^{table}\b.* = \{{", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), table
