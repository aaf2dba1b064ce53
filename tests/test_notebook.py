"""The notebook of examples/ runs from its first cell to its last, and is kept without what running it shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "quickstart.ipynb"


def read_notebook() -> Any:
    """It as nbformat, which says no types, reads it."""
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The notebook as it is after it ran, in an empty folder, with nothing that it could download from."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebook")
    os.environ.setdefault("IPYTHONDIR", str(folder / "ipython"))
    os.environ.setdefault("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    try:
        KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        pytest.fail(f"ipykernel is not in the environment of {sys.executable}")
    notebook = read_notebook()
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook, folder


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = read_notebook()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_the_notebook_runs_and_makes_what_it_says(ran: Any) -> None:
    notebook, folder = ran
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [one for one in shown if one.output_type == "error"]
    said = " ".join(one.get("text", "") for one in shown)
    assert "Warning" not in said
    assert sorted(path.name.rpartition("-")[0] for path in (folder / "out").iterdir()) == [
        "digits_net-prune_qat_short",
        "digits_net-ptq_int8",
    ]
    assert (folder / "edgedigits-runner.pyz").is_file()
    assert any("p50" in one.get("data", {}).get("text/html", "") for one in shown), "a result shows itself"
