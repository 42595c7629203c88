"""The results of a run so far and their rows, kept as cells end.

A row is made once, so that the ten-thousandth cell costs what the first one did.

>>> ledger = Ledger(directory, manifest, directory.results())
>>> row = ledger.add(result)
>>> ledger.flush()
"""

from collections.abc import Container, Iterable, Mapping

from jaxgrok.results.files.manifest import Manifest
from jaxgrok.results.files.shards import Result
from jaxgrok.results.rows import CellRow, ComponentRow, cell_row, component_rows
from jaxgrok.results.run_directory import RunDirectory


class Ledger:
    """The cells of a manifest that have ended, those of the directory included.

    Args:
        directory: where shards and tables are written.
        manifest: the cells.
        results: results of these cells that the directory holds, by cell id.
    """

    def __init__(
        self,
        directory: RunDirectory,
        manifest: Manifest,
        results: Mapping[str, Result],
    ) -> None:
        self._directory, self._manifest = directory, manifest
        self._index = {cell.id: i for i, cell in enumerate(manifest.cells)}
        # Both by cell index, which is the order of the tables.
        self._rows: dict[int, CellRow] = {}
        self._components: dict[int, list[ComponentRow]] = {}
        # Cells that count as finished. A failed or stopped one has a row, and may not.
        # Before `stand`, no result of the directory does.
        self._standing: set[str] = set()
        self._unwritten: list[Result] = []
        self._untold = False
        for result in results.values():
            self._note(result)

    def __len__(self) -> int:
        return len(self._standing)

    def __contains__(self, cell_id: str) -> bool:
        return cell_id in self._standing

    @property
    def unwritten(self) -> bool:
        """Whether anything is not on disk yet."""
        return bool(self._unwritten)

    @property
    def untold(self) -> bool:
        """Whether the tables on disk lack a row."""
        return self._untold

    def rows(self) -> list[CellRow]:
        """Return the rows of cells.csv, in cell order."""
        return [self._rows[index] for index in sorted(self._rows)]

    def component_rows(self) -> list[ComponentRow]:
        """Return the rows of components.csv, in cell order."""
        rows: list[ComponentRow] = []
        for index in sorted(self._components):
            rows += self._components[index]
        return rows

    def read(self, cell_ids: Container[str]) -> None:
        """Make the rows of these cells from the shards of the directory."""
        for result in self._directory.each_result():
            # Of a cell that was trained again, the later result counts.
            if result.cell_id in cell_ids:
                self._note(result)

    def stand(self, cell_ids: Iterable[str]) -> None:
        """Count only these cells as finished; the rows of others stay in the tables."""
        self._standing = set(cell_ids)

    def reopen(self, cell_ids: Iterable[str]) -> None:
        """Count cells as unfinished that were stopped, and are trained after all."""
        self._standing.difference_update(cell_ids)

    def add(self, result: Result) -> CellRow:
        """Take in the result of a cell that has ended, and return its row."""
        self._unwritten.append(result)
        self._untold = True
        self._standing.add(result.cell_id)
        return self._note(result)

    def flush(self) -> None:
        """Write the results that are not on disk, and the tables."""
        # Shards first: the tables follow from them, and a run that is killed in between
        # has them rewritten by the next one.
        self.write_results()
        self.write_tables()

    def write_results(self) -> None:
        """Write the results that are not on disk."""
        if self._unwritten:
            self._directory.write_results(self._unwritten)
            self._unwritten = []

    def write_tables(self) -> None:
        """Rewrite the tables: all rows, so that it takes the longer, the more."""
        self._directory.write_tables(self._manifest, self.rows(), self.component_rows())
        self._untold = False

    def _note(self, result: Result) -> CellRow:
        """Make the rows of a result."""
        index = self._index[result.cell_id]
        row = cell_row(self._manifest, index, result)
        self._rows[index] = row
        # Most tasks have none, and a million empty lists fill memory too.
        self._components.pop(index, None)
        if components := component_rows(self._manifest, index, result):
            self._components[index] = components
        return row
