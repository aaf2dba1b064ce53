"""benchmarks.house: what is counted, on small made-up trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.house.__main__ import ROOT, measured
from benchmarks.house.counting import any_count, any_per_thousand, defined_twice, entries, fullest
from benchmarks.house.reading import House
from benchmarks.house.touching import NEW, New, touched


def built(root: Path, files: dict[str, str]) -> House:
    """A checkout with these files; those that do not begin with "device" are the toolkit's."""
    for name, text in files.items():
        path = root / name if name.startswith("device/") else root / "edgedigits" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return House(root)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Three rooms and the runner: low is imported by high, high/inner imports back up, two modules of low go in a circle."""
    return built(
        tmp_path,
        {
            "__init__.py": "",
            "errors.py": "",
            "low/__init__.py": "",
            "low/one.py": "from edgedigits.low import two\nimport edgedigits.errors\n",
            "low/two.py": "def late():\n    from edgedigits.low.one import x\n",
            "high/__init__.py": "",
            "high/top.py": "import os\nfrom edgedigits.low.one import x\nfrom edgedigits_runner.part import y\n",
            "high/inner/__init__.py": "",
            "high/inner/deep.py": "if TYPE_CHECKING:\n    from edgedigits.high.top import X\n",
            "device/edgedigits_runner/__init__.py": "",
            "device/edgedigits_runner/part.py": "",
        },
    )


MAY = {"errors": "", "low": "errors", "high": "errors low runner"}


def test_imports_are_found_at_any_depth(house: House) -> None:
    assert len(house.modules) == 11
    assert house.imports["edgedigits.low.one"] == {"edgedigits.low.two", "edgedigits.errors"}
    assert house.imports["edgedigits.low.two"] == {"edgedigits.low.one"}
    assert house.imports["edgedigits.high.inner.deep"] == {"edgedigits.high.top"}


def test_rooms_are_held_against_the_table(house: House) -> None:
    assert house.wrong_rooms(MAY) == []
    assert house.wrong_rooms({**MAY, "high": "errors low"}) == ["edgedigits.high.top imports edgedigits_runner.part"]
    assert house.wrong_rooms({**MAY, "low": ""}) == ["edgedigits.low.one imports edgedigits.errors"]


def test_folders_of_a_room_are_held_against_the_table(house: House) -> None:
    assert house.wrong_folders({"high/inner": "high"}) == []
    assert house.wrong_folders({"high": "high/inner"}) == ["edgedigits.high.inner.deep imports edgedigits.high.top"]


def test_circles_name_who_is_in_them_and_nobody_else(house: House, tmp_path: Path) -> None:
    assert house.circles() == [["edgedigits.low.one", "edgedigits.low.two"]]
    straight = built(tmp_path, {"low/two.py": ""})
    assert straight.circles() == []


def test_entries_and_the_fullest_folder(house: House) -> None:
    (house.toolkit / "low" / "__pycache__").mkdir()
    (house.toolkit / "low" / "__pycache__" / "one.pyc").touch()
    assert entries(house.toolkit) == (2, 2)
    assert entries(house.toolkit / "low") == (3, 0)
    assert fullest(house.toolkit) == ("low", 3)
    for number in range(4):
        (house.toolkit / "high" / "inner" / f"{number}.json").touch()
    assert fullest(house.toolkit) == ("high/inner", 6), "what is no code counts too"


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from typing import Any\n", 0),
        ('"""Any."""\nx = 1  # Any\ny = "Any"\n', 0),
        ("def f(a: Any, *b: list[Any]) -> Any: ...\n", 3),
        ("import typing\nx: typing.Any = 1\n", 1),
        ("Builder = Callable[..., Any]\nclass C(Type[Any]):\n    z: Any\n", 3),
        ("Anything = 1\n", 0),
    ],
)
def test_any_is_counted_in_code_alone(source: str, count: int) -> None:
    assert any_count(source) == count


def test_any_per_thousand_lines_counts_all_lines(tmp_path: Path) -> None:
    house = built(tmp_path, {"a.py": "x: Any = 1\n\n# two\n", "b/c.py": "\n" * 5})
    assert any_per_thousand(house.toolkit) == (1, 8, 125.0)
    assert any_per_thousand(house.toolkit / "nothing") == (0, 0, 0.0)


def test_names_that_stand_more_than_once(tmp_path: Path) -> None:
    house = built(
        tmp_path,
        {
            "a.py": "class Row: ...\nSAY, MORE = 1, 2\nclass _Own: ...\nonce = 1\nclass Row: ...\n",
            "b.py": "Row: int = 1\nMORE = 3\nclass _Own: ...\nonce = 1\nclass Kept:\n    SAY = 1\n",
        },
    )
    assert defined_twice(house.toolkit) == {"MORE": ["a.py", "b.py"], "Row": ["a.py", "b.py"]}


def test_what_is_not_reached_stays_in_unmet(house: House) -> None:
    targets, raw = measured(house)
    rows = {row["name"]: row for row in targets}
    assert (rows["circles of imports"]["got"], rows["circles of imports"]["met"]) == (1, False)
    assert rows["entries in edgedigits/"] == {
        "name": "entries in edgedigits/",
        "wanted": "<= 17",
        "got": 4,
        "unit": "",
        "met": True,
    }
    assert len(rows) == 6
    assert raw["circles"] == [["edgedigits.low.one", "edgedigits.low.two"]]
    assert raw["back_up"], "the made-up rooms are in no table"


def test_what_a_new_thing_touches_is_there_and_shown() -> None:
    """Each file that is not its own exists, each test too, and the lists are as short as they must be."""
    for new in NEW:
        assert len(new.files) <= new.most
        assert all((ROOT / name).parent.is_dir() for name in new.files)
        assert all((ROOT / name).is_file() for name in new.files if "{name}" not in name)
        assert (ROOT / new.shown_by).is_file()
        assert f"a_new_{new.kind}" in (ROOT / new.shown_by).read_text(encoding="utf-8") or new.kind == "export"


def test_a_file_that_is_missing_is_no_measurement(tmp_path: Path) -> None:
    assert touched(tmp_path, New("thing", 1, ("edgedigits/table.py",), "tests/test_thing.py")) is None
    (tmp_path / "edgedigits").mkdir()
    (tmp_path / "edgedigits" / "table.py").touch()
    assert touched(tmp_path, New("thing", 1, ("edgedigits/table.py",), "tests/test_thing.py")) is None, "no test"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_thing.py").write_text("def test_thing(): pass")
    assert touched(tmp_path, New("thing", 1, ("edgedigits/table.py",), "tests/test_thing.py")) == 1
