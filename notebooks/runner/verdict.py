"""How a run ended, judged from the error that ended it and from which cells ran; papermill's metadata is no witness."""

from collections.abc import Mapping
from dataclasses import dataclass

from store.outcomes import DONE, EXIT_CODES, FAILED, KERNEL_DIED, OUT_OF_TIME, WRONG_SETTINGS

AGAIN = "To fix: run it again; what is done is not done twice."
_LONGER = "To fix: give it more time, or run it again; what is done is not done twice."
_SETTINGS_ERROR = "SettingsWrong"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, and what to tell of it: the failed cell's own words, or why the run was stopped."""

    outcome: str
    message: str

    @property
    def exit_code(self) -> int:
        """Of a run that told its end itself."""
        return EXIT_CODES[self.outcome]

    @property
    def is_good(self) -> bool:
        return self.outcome == DONE


def judge(notebook: Mapping, error: Exception | None, reason: str, detail: str, last_words: str) -> Verdict:
    """The verdict on an executed notebook. `reason` is why the watch stopped it; `error` what papermill raised, if any.

    Raises `error` itself if it tells of nothing that can end a notebook.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if error is None:
        return _complete(notebook)
    if reason:
        return Verdict(reason, f"{detail} {_LONGER if reason == OUT_OF_TIME else AGAIN}")
    if isinstance(error, PapermillExecutionError):
        return Verdict(WRONG_SETTINGS if error.ename == _SETTINGS_ERROR else FAILED, _told(error.ename, error.evalue))
    if "didn't respond" in str(error):
        return Verdict(KERNEL_DIED, f"The kernel did not come up in time: the machine is too busy, perhaps. {AGAIN}")
    if isinstance(error, DeadKernelError) or "Kernel died" in str(error):
        why = f": {last_words}" if last_words else " (out of memory, perhaps)"
        return Verdict(KERNEL_DIED, f"The kernel died before the notebook ended{why}. {AGAIN}")
    if isinstance(error, CellTimeoutError):
        return Verdict(OUT_OF_TIME, f"The kernel's output could not be followed in time. {AGAIN}")
    raise error


def _told(name: str, value: str) -> str:
    """A failed step's own words; of any other error its kind, too."""
    return value if name in ("JobFailed", _SETTINGS_ERROR) else f"{name}: {value}" if value else name


def _complete(notebook: Mapping) -> Verdict:
    # sys.exit(0) in a cell passes for success, and the cells after it are left out.
    left = [number for number, cell in enumerate(notebook["cells"], 1) if _was_left_out(cell)]
    if left:
        what = f"The notebook ended before its end: cell {left[0]} did not run."
        return Verdict(FAILED, f"{what} To fix: take sys.exit out of the notebook.")
    return Verdict(DONE, "")


def _was_left_out(cell: Mapping) -> bool:
    is_code = cell["cell_type"] == "code" and bool(str(cell["source"]).strip())
    return is_code and cell.get("execution_count") is None and "skip-execution" not in cell["metadata"].get("tags", ())
