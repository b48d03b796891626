"""Which notebooks there are to run, and one of them with its parameters: a job."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from notebooks import parameters
from notebooks.parameters.canonical import canonical
from notebooks.parameters.cell import Sheet, read_notebook
from store.errors import StoreError
from store.plain_text import quoted

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Job:
    """A notebook and the value of each of its parameters but the log's; `scheduled_as` is the schedule's name for it."""

    source: Path
    sheet: Sheet
    values: Mapping[str, object]
    scheduled_as: str = ""

    @property
    def name(self) -> str:
        return self.sheet.name

    @property
    def key(self) -> str:
        """What it shares with the same job, however its values are written."""
        # Here, for whoever only checks parameters needs no record.
        from store import job_runs

        return job_runs.job_key(self.name, canonical(self.sheet.parameters, self.values))

    @property
    def takes_log(self) -> bool:
        return any(parameter.name == parameters.LOG_FILE for parameter in self.sheet.parameters)


def names(folder: Path = FOLDER) -> list[str]:
    """The notebooks' names in order."""
    return sorted(path.stem for path in folder.glob("*.ipynb") if "." not in path.stem)


def sheet(name: str, folder: Path = FOLDER) -> Sheet:
    """What a notebook is for and takes. Raises StoreError for a name that none has, with the nearest."""
    known = names(folder)
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else "see: python -m notebooks list."
        raise StoreError(f"There is no notebook {quoted(name)}.", hint)
    return read_notebook(folder / f"{name}.ipynb")


def job(name: str, texts: Iterable[str], folder: Path = FOLDER) -> Job:
    """The job that a command line asks for. Raises StoreError with everything that is wrong with it."""
    about = sheet(name, folder)
    values = parameters.given(about.parameters, texts)
    values.pop(parameters.LOG_FILE, None)
    return Job(folder / f"{name}.ipynb", about, values)
