"""The results of a run so far, and their rows, kept as cells end.

Owns what is finished and what of it is not on disk yet. A row is made once, so that the
ten-thousandth cell costs what the first one did.

    >>> ledger = Ledger(directory, manifest)
    >>> row = ledger.add(result)
    >>> ledger.flush()
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jaxgrok.results.manifest import Manifest
from jaxgrok.results.rows import Result, component_rows, row_of
from jaxgrok.results.run_directory import RunDirectory


class Ledger:
    """Finished cells of a manifest, those of the directory included.

    Args:
        directory: where shards and tables are written.
        manifest: the cells.
        there: results that the directory has of these cells.
    """

    def __init__(
        self,
        directory: RunDirectory,
        manifest: Manifest,
        there: Mapping[str, Result],
    ) -> None:
        self._directory, self._manifest = directory, manifest
        self._index = {cell.id: i for i, cell in enumerate(manifest.cells)}
        self._rows: dict[int, dict[str, Any]] = {}
        self._components: dict[int, list[dict[str, Any]]] = {}
        self._standing: set[str] = set()
        self._unwritten: list[Result] = []
        for result in there.values():
            self._note(result)

    def __len__(self) -> int:
        return len(self._standing)

    def __contains__(self, cell: str) -> bool:
        return cell in self._standing

    @property
    def unwritten(self) -> bool:
        """Whether anything is not on disk yet."""
        return bool(self._unwritten)

    def rows(self) -> list[dict[str, Any]]:
        """Rows of cells.csv, in cell order."""
        return [self._rows[index] for index in sorted(self._rows)]

    def component_rows(self) -> list[dict[str, Any]]:
        """Rows of components.csv, in cell order."""
        parts = self._components
        return [row for index in sorted(parts) for row in parts[index]]

    def stand(self, cells: Iterable[str]) -> None:
        """Only these cells count as finished, whatever the tables tell of others."""
        self._standing = set(cells)

    def reopen(self, cell: str) -> None:
        """A cell that was stopped is trained after all."""
        self._standing.discard(cell)

    def add(self, result: Result) -> dict[str, Any]:
        """A cell has ended; its row of cells.csv."""
        self._unwritten.append(result)
        self._standing.add(result.cell)
        return self._note(result)

    def flush(self) -> None:
        """Write the results that are not on disk, and the tables."""
        if self._unwritten:
            self._directory.write_results(self._unwritten)
            self._unwritten = []
        self._directory.write_tables(self._manifest, self.rows(), self.component_rows())

    def _note(self, result: Result) -> dict[str, Any]:
        index = self._index[result.cell]
        row = row_of(self._manifest, index, result)
        self._rows[index] = row
        self._components[index] = component_rows(self._manifest, index, result)
        return row
