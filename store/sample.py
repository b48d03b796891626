"""The sample files: a template whose dates never go stale, and the file with real dates made from it once.

A template is a candidates file in UTF-8 with commas, whose slot_date may also hold one of these; every other value
is copied as it is.

    +3, -1                      so many days after or before today
    dst-gap(Europe/Berlin)      the next day on which clocks go forward there (02:00 to 03:00 does not exist)
    dst-overlap(Europe/Berlin)  the next day on which clocks go back there (02:00 to 03:00 exists twice)

"Next" is after today, and at a full or half hour. Nothing here books or reads a candidate.
"""

import csv
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path

from store import places, times
from store.errors import FileRefused, TimeRefused

TEMPLATES = places.ROOT / "notebooks" / "data"
_DEFAULT = "candidates_sample"
_DAYS = re.compile(r"[+-]\d{1,3}", re.ASCII)
_CHANGE = re.compile(r"dst-(gap|overlap)\(([^()]+)\)")
_CODES = {"gap": "time_skipped", "overlap": "time_twice"}
_SEARCHED_DAYS = 400


def with_real_dates(path: str | Path, folder: Path, today: date) -> Path:
    """The file itself; for one of the samples where it lies, its copy of today in `folder`. Raises FileRefused.

    A copy of a sample elsewhere is a file like any other: +3 is no date there.
    """
    path = places.resolve(path)
    if not (is_template(path) and path.is_file()):
        return path
    name = "candidates" if path.stem == _DEFAULT else path.stem
    return write_sample(path, folder / f"{name}_{today.isoformat()}.csv", today)


def is_template(path: Path) -> bool:
    """Whether this is one of the candidates samples that come with the toolkit."""
    # Path.resolve() raises what is no OSError for a link that leads to itself; who opens the file refuses it.
    real = Path(os.path.realpath(path))
    return real.parent == TEMPLATES.resolve() and real.match("candidates_*.csv")


def write_sample(template: Path, target: Path, today: date) -> Path:
    """Writes the template with real dates to `target`, whole or not at all, and returns `target`.

    A target that exists is kept unchanged, so that later runs see the same bookings. Raises FileRefused.
    """
    template, target = places.resolve(template), places.resolve(target)
    if target.is_file():
        return target
    try:
        with template.open(encoding="utf-8", newline="") as source:
            _write_whole(target, _dated(csv.reader(source), today))
    except OSError as error:
        text = f"The sample {places.shown(target)} cannot be made from {places.shown(template)}: {error.strerror}."
        fix = "check that the template exists and that this user may write the target's folder."
        raise FileRefused("sample_unwritable", text, fix) from error
    return target


def _dated(rows: Iterator[list[str]], today: date) -> Iterator[list[str]]:
    header = next(rows, [])
    if "slot_date" not in header:
        raise FileRefused("sample_template", "The template has no column slot_date.", "give one of the samples.")
    place = header.index("slot_date")
    yield header
    for cells in rows:
        if len(cells) > place:
            cells[place] = _date(cells[place], today)
        yield cells


def _date(text: str, today: date) -> str:
    if _DAYS.fullmatch(text):
        return (today + timedelta(days=int(text))).isoformat()
    change = _CHANGE.fullmatch(text)
    return _next_change(change[1], change[2], today).isoformat() if change else text


def _next_change(kind: str, zone: str, today: date) -> date:
    clocks = [time(hour, minute) for hour in range(24) for minute in (0, 30)]
    for day in (today + timedelta(days=ahead) for ahead in range(1, _SEARCHED_DAYS)):
        if any(_trouble(day, clock, zone) == _CODES[kind] for clock in clocks):
            return day
    text = f"No clock change of the kind {kind} follows in {zone}."
    raise FileRefused("sample_template", text, "name a zone with summer time in the template.")


def _trouble(day: date, clock: time, zone: str) -> str:
    try:
        times.instant(day, clock, zone)
    except TimeRefused as refusal:
        return refusal.code
    return ""


def _write_whole(target: Path, rows: Iterator[list[str]]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        os.replace(aside, target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
