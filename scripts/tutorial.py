"""Write docs/tutorial.md and its pictures from docs/tutorial.ipynb.

    python scripts/tutorial.py                # after an edit of the notebook
    python scripts/tutorial.py --run ~/runs   # execute it first, all outputs anew

The notebook is the only source. Its cells run in the folder of --run, which keeps what
they train: take a new one, as a sweep that is there already says less. A picture has
the id of its cell. --run needs nbclient, and TransformerLens 4 with ipywidgets for one
section. docs/tutorial/report.png is a screenshot of RUN/report.html.
"""

import argparse
import base64
import os
import re
import sys
import textwrap
from pathlib import Path

import nbformat
from nbformat import NotebookNode

DOCS = Path(__file__).parent.parent / "docs"
NOTEBOOK = DOCS / "tutorial.ipynb"
COLUMNS = 100
"""Width of a page, and of the outputs."""


def main() -> int:
    """Execute if asked to, and write what belongs beside the notebook."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="execute it there")
    folder = parser.parse_args().run
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    if folder:
        execute(notebook, folder.expanduser())
        nbformat.write(notebook, NOTEBOOK)
    text, pictures = markdown(notebook)
    NOTEBOOK.with_suffix(".md").write_text(text, encoding="utf-8")
    for name, data in pictures.items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_bytes(data)
    print(f"{NOTEBOOK.with_suffix('.md')}, {len(pictures)} pictures")
    return 0


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in a folder; keep their outputs, but not when each of them ran."""
    from nbclient import NotebookClient

    folder.mkdir(parents=True, exist_ok=True)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook,
        timeout=3600,
        record_timing=False,
        coalesce_streams=True,
        resources=resources,
    ).execute(env=os.environ | {"JUPYTER_COLUMNS": str(COLUMNS)})


def markdown(notebook: NotebookNode) -> tuple[str, dict[str, bytes]]:
    """Return the text of a notebook, and its pictures by their paths from docs/."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        # A last semicolon hides a value from the notebook; a page shows none anyway.
        parts.append(f"```python\n{cell.source.removesuffix(';')}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                name = f"tutorial/{cell.id}.png"
                pictures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![{cell.id.replace('-', ' ').capitalize()}]({name})")
            elif text := output.get("text", data.get("text/plain", "")).strip("\n"):
                parts.append(f"```\n{plain(text)}\n```")
    return "\n\n".join(parts) + "\n", pictures


def plain(text: str) -> str:
    """Return an output without colours, its lines no longer than those of a page."""
    lines: list[str] = []
    for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines():
        # What fits keeps its spaces: it may be a row of a table.
        if len(line) <= COLUMNS:
            lines.append(line.rstrip())
        else:
            lines += textwrap.wrap(line, COLUMNS)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
