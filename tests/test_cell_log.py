"""What a cell shows of the log while it works: enough to follow, little enough to read, and nothing missing in the file."""

import logging
import shutil

import pytest
from job_office import JobOffice, outputs

from notebooks import cell_log
from notebooks.cell_log import FAILURE_LINES, FIRST_LINES, LINE_CHARS, CellLog, is_failure
from notebooks.progress import bar
from store import database

MANY = 100_000
LOGGED = 'log_file: str = ""  # where the log goes'


@pytest.fixture
def cell(tmp_path):
    return CellLog(tmp_path / "run.log")


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the cell's log sees; the test moves them."""
    seconds = [0.0]
    monkeypatch.setattr(cell_log.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def office(_sqlite_template, tmp_path, monkeypatch):
    """An installation with notebooks of the test's own; a log is the same on every engine."""
    shutil.copy(_sqlite_template, tmp_path / "record.db")
    url = f"sqlite:///{tmp_path}/record.db"
    record = database.open_record(url)
    yield JobOffice.here(tmp_path, record, url, monkeypatch)
    record.close()


@pytest.fixture
def shown(capsys):
    """The lines that were put out since the last call."""
    return lambda: capsys.readouterr().out.splitlines()


def test_the_first_lines_are_shown_as_they_come(cell, clock, shown):
    for number in range(FIRST_LINES):
        cell.show(logging.INFO, f"DEBUG: {number}")
        assert shown() == [f"DEBUG: {number}"]
    cell.end_cell()
    assert shown() == []


def test_beyond_them_the_cell_says_how_many_more_are_in_the_file(cell, clock, shown, tmp_path):
    for number in range(FIRST_LINES + 1_200):
        cell.show(logging.INFO, f"DEBUG: {number}")
    cell.end_cell()
    *_, note, end = told = shown()
    assert len(told) == FIRST_LINES + 2
    assert note.endswith(f"every line is in {tmp_path / 'run.log'}")
    assert end == f"... and 1,200 more lines in {tmp_path / 'run.log'}"


def test_the_next_cell_shows_its_own_first_lines(cell, clock, shown):
    for number in range(3 * FIRST_LINES):
        cell.show(logging.INFO, f"DEBUG: {number}")
    cell.end_cell()
    cell.begin_cell()
    shown()
    cell.show(logging.INFO, "DEBUG: next")
    cell.end_cell()
    assert shown() == ["DEBUG: next"]


def test_failures_are_shown_whatever_came_before_up_to_a_number_and_counted_beyond(cell, clock, shown):
    for number in range(FIRST_LINES + 10):
        cell.show(logging.INFO, f"DEBUG: {number}")
    for number in range(FAILURE_LINES + 7):
        cell.show(logging.ERROR, f"[EMAIL FAILED] {number}")
    cell.end_cell()
    told = shown()
    assert [line for line in told if "FAILED" in line] == [
        f"[EMAIL FAILED] {number}" for number in range(FAILURE_LINES)
    ]
    assert "... and 17 more lines (7 of them failures) in " in told[-1]


@pytest.mark.parametrize(("level", "line", "is_one"), [
    (logging.INFO, "[EMAIL NOT SENT] a", True), (logging.INFO, "[EMAIL UNKNOWN] a", True), (logging.WARNING, "a", True),
    (logging.INFO, "EMAIL: a To fix: b", True), (logging.INFO, "[SUCCESS] a", False), (logging.INFO, "DEBUG: a", False),
])  # fmt: skip
def test_a_failure_is_what_somebody_may_have_to_act_on(level, line, is_one):
    assert is_failure(level, line) is is_one


def test_long_work_goes_on_to_show_its_newest_line_after_growing_pauses(cell, clock, shown):
    for second in range(3_600):
        clock[0] = float(second)
        for number in range(FIRST_LINES):
            cell.show(logging.INFO, f"DEBUG: second {second}, {number}")
    seconds = [int(line.split()[2][:-1]) for line in shown()[FIRST_LINES + 1 :]]
    # The pauses double: 2, 4, 8 seconds and so on, each from the line before.
    assert seconds == [3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047]


def test_a_very_long_line_is_shown_by_its_ends(cell, shown):
    cell.show(logging.ERROR, f"[EMAIL FAILED] {'x' * 100_000} To fix: ask.")
    [line] = shown()
    assert len(line) <= LINE_CHARS + 5
    assert (line[:14], line[-12:]) == ("[EMAIL FAILED]", "To fix: ask.")


def test_a_line_does_not_run_into_a_bar_of_progress(cell, capsys, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    with bar("booking", 10) as progress:
        progress(3)
        cell.show(logging.INFO, "DEBUG: a line")
    # What stands before the last carriage return of a line is overwritten.
    seen = [line.rpartition("\r")[2] for line in capsys.readouterr().out.split("\n")]
    assert "DEBUG: a line" in seen


def test_outside_of_a_notebook_nothing_is_shown(tmp_path, shown):
    with cell_log.writing_to(tmp_path / "run.log") as path:
        logging.getLogger("store").info("DEBUG: one")
    assert shown() == []
    assert path.read_text().endswith("INFO DEBUG: one\n")


def test_a_hundred_thousand_lines_of_a_cell_are_all_in_the_file_and_the_notebook_stays_small(office):
    office.write(
        "from notebooks.opened_run import open_run\nrun = open_run('small', globals())",
        f"""
        import logging
        log = logging.getLogger("mailer.worker")
        for number in range({MANY}):
            log.info("DEBUG: line %d of a***@example.com", number)
        """,
        "log.error('[EMAIL FAILED] b To fix: c')\nrun.close()",
        parameters=LOGGED,
    )
    result = office.run()
    assert (result.outcome, result.message) == ("done", "")
    numbers = [int(line.split()[4]) for line in result.files.log.read_text().splitlines() if "DEBUG: line" in line]
    assert numbers == list(range(MANY))
    put_out = outputs(result.files.notebook)
    assert put_out.count("DEBUG: line") < FIRST_LINES + 10
    assert f"DEBUG: line {FIRST_LINES - 1} of" in put_out
    assert "[EMAIL FAILED] b To fix: c" in put_out
    assert result.files.notebook.stat().st_size < 40_000


RERUN = """
import logging, threading
from notebooks.opened_run import open_run

def opened(name, notebook="small"):
    return open_run(notebook, {**globals(), "log_file": f"{number}/{name}.log"})

def say(text):
    logging.getLogger("store").info("DEBUG: %s", text)

def from_a_thread(text):
    thread = threading.Thread(target=say, args=(text,))
    thread.start()
    thread.join()

def left():
    events = get_ipython().events.callbacks
    return [hook for name in ("pre_run_cell", "post_run_cell") for hook in events[name] if "CellLog" in repr(hook)]
"""


def test_cells_that_are_run_again_write_each_line_once_and_only_into_the_newest_log(office):
    office.write(
        RERUN.replace("{number}", str(office.folder)),
        "run = opened('one')\nsay('first')",
        "run = opened('two')\nsay('second')\nfrom_a_thread('from a thread')",
        "other = opened('three', 'another')\nsay('third')",
        "run.close()\nsay('still third')\nother.close()\nother.close()\nsay('nowhere')\nprint('left:', left())",
        parameters=LOGGED,
    )
    result = office.run()
    assert (result.outcome, result.message) == ("done", "")
    said = {name: texts((office.folder / f"{name}.log").read_text()) for name in ("one", "two", "three")}
    assert said == {"one": ["first"], "two": ["second", "from a thread"], "three": ["third", "still third"]}
    put_out = outputs(result.files.notebook)
    assert "left: []" in put_out
    assert texts(put_out) == ["first", "second", "from a thread", "third", "still third"]


def texts(log):
    return [line.partition(" INFO DEBUG: ")[2] for line in log.splitlines() if " INFO DEBUG: " in line]
