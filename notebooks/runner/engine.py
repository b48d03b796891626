"""papermill's own engine, but that it saves the notebook once a cell of code, and not twice a cell, of text too.

The end of a cell is saved with the beginning of the next one, which follows at once, and that of the last one by itself.
"""

from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

NAME = "interview-ops"


class _Manager(NotebookExecutionManager):
    _is_due = True

    def cell_start(self, cell: NotebookNode, cell_index: int | None = None, **given: Any) -> None:
        self._is_due = cell.cell_type == "code"
        super().cell_start(cell, cell_index, **given)

    def cell_complete(self, cell: NotebookNode, cell_index: int | None = None, **given: Any) -> None:
        self._is_due = cell_index == len(self.nb.cells) - 1
        super().cell_complete(cell, cell_index, **given)

    def notebook_complete(self, **given: Any) -> None:
        self._is_due = True
        super().notebook_complete(**given)

    def save(self, **given: Any) -> None:
        if self._is_due:
            super().save(**given)


class _Engine(NBClientEngine):
    @classmethod
    def execute_notebook(
        cls, nb: NotebookNode, kernel_name: str, output_path: str | None = None, progress_bar: bool = False,
        log_output: bool = False, autosave_cell_every: float = 30, **given: Any,
    ) -> NotebookNode:  # fmt: skip
        manager = _Manager(nb, output_path, log_output, progress_bar, autosave_cell_every)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, **given)
        finally:
            manager.notebook_complete()
        return manager.nb


papermill_engines.register(NAME, _Engine)
