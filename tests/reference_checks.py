"""How pytest compares the executed references: nbval, with each notebook's own installation and without looks.

reference_files.py has pytest collect them by this.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import nbformat
import pytest
from jupyter_client.client import KernelClient
from jupyter_client.manager import KernelManager
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError, get_sanitize_patterns
from reference_rooms import FOLDER, REFERENCES, kernel, room

from store import places

CONFIGURATION = places.ROOT / "tests" / "nbval.cfg"
START_SECONDS = 120.0
ADVICE = "If the new output is what was meant: run `make references`, look at the difference, and commit it."
LOOKS = ("image/png", "image/jpeg", "image/svg+xml")


def patterns() -> dict[str, str]:
    """What is put aside before outputs are compared: expressions and what stands in their place, in order."""
    return dict(get_sanitize_patterns(CONFIGURATION.read_text(encoding="utf-8")))


def settled(told: object) -> object:
    """A text without what changes from run to run; anything else as it is."""
    if isinstance(told, str):
        for expression, replacement in patterns().items():
            told = re.sub(expression, replacement, told)
    return told


class StartedKernel(RunningKernel):
    """A kernel that is running already."""

    def __init__(self, manager: KernelManager):
        self.km, self.kc = manager, started_client(manager)
        self._ensure_iopub_up()


def started_client(manager: KernelManager) -> KernelClient:
    """A client of the kernel, once the kernel answers. Raises RuntimeError if it does not."""
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=START_SECONDS)
    return client


class ComparedNotebook(IPyNbFile):
    """An executed reference whose cells are run again in the room that it was made in."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.skip_compare = (*self.skip_compare, *LOOKS)
        # Whatever nbval's own options say.
        self.compare_outputs = True
        self.sanitize_patterns.update(patterns())
        self._held = ExitStack()
        self._broken = ""

    def collect(self):
        for cell in super().collect():
            cell.add_report_section("call", "advice", ADVICE)
            cell.runtest = partial(self._run, cell, cell.runtest)
            yield cell

    def _run(self, cell: IPyNbCell, run: Callable[[], None]) -> None:
        """Runs one cell, unless one before it broke off: nbval itself goes on, with nothing to go on with."""
        if self._broken:
            pytest.skip(f"{self._broken} did not come to its end")
        try:
            run()
        except Exception as error:
            # One that ran to its end and only put out something else leaves the others what they need.
            if not isinstance(error, NbCellError) or self.timed_out or _has_raised(cell):
                self._broken = cell.name
            raise

    def setup(self):
        with ExitStack() as held:
            manager = held.enter_context(kernel(held.enter_context(room(REFERENCES[self.path.stem]))))
            self.kernel = StartedKernel(manager)
            held.callback(self.kernel.kc.stop_channels)
            self._held = held.pop_all()

    def teardown(self):
        self._held.close()


def _has_raised(cell: IPyNbCell) -> bool:
    outputs = cell.test_outputs or ()
    return not cell.options["check_exception"] and any(output.output_type == "error" for output in outputs)


def read(name: str) -> nbformat.NotebookNode:
    """The reference of that name as it is kept."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
