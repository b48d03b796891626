"""Jobs under stress, with real processes: started at once, killed at random; for minutes."""

import ctypes
import os
import random
import signal
import sqlite3
import time
from contextlib import suppress

import job_office
import pytest
from job_office import JobOffice, is_alive
from waiting import wait_until

from store.database import fetch

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
PR_SET_CHILD_SUBREAPER = 36
ROUNDS, RUNNERS = 25, 8
ROWS, KILLS, STARTS = 20, 60, 20
WORK = """
    import sqlite3, time
    work = sqlite3.connect({path!r}, isolation_level=None)
    for row in range({rows}):
        if not work.execute("SELECT 1 FROM done WHERE row = ?", (row,)).fetchone():
            work.execute("INSERT INTO done VALUES (?)", (row,))
            print("row", row, flush=True)
            time.sleep(0.05)
"""


@pytest.fixture
def office(db, record_url, tmp_path):
    """An installation with notebooks of the test's own."""
    return JobOffice(tmp_path, db, job_office.environment_of(tmp_path, record_url))


@pytest.fixture
def orphans_come_here():
    """This process takes in what killed runners leave, as a user's service manager does: a kernel sees no process 1 then."""
    prctl = ctypes.CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def test_eight_starts_at_once_and_one_works(office):
    office.write(f"""
        import time
        from pathlib import Path
        folder = Path({str(office.folder)!r})
        with open(folder / f"worked{{number}}", "a") as file:
            file.write("x")
        while not (folder / f"go{{number}}").exists():
            time.sleep(0.02)
    """)
    for number in range(ROUNDS):
        runners = [office.start("run", "small", f"number={number}") for _ in range(RUNNERS)]
        wait_until(lambda started=runners: sum(one.poll() is not None for one in started) == RUNNERS - 1, 60)
        (office.folder / f"go{number}").touch()
        for one in runners:
            one.communicate(timeout=60)
        assert sorted(one.returncode for one in runners) == [0] + [75] * (RUNNERS - 1)
        assert (office.folder / f"worked{number}").read_text() == "x"
    assert [row.outcome for row in office.rows()] == ["done"] * ROUNDS


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_twenty_four_different_jobs_at_once_and_none_is_lost(office):
    office.write("print(number)")
    for turn in range(4):
        runners = [office.start("run", "small", f"number={turn * 24 + place}") for place in range(24)]
        said = [one.communicate(timeout=240) for one in runners]
        assert [(one.returncode, errors) for one, (_, errors) in zip(runners, said, strict=True)] == [(0, "")] * 24
    rows = office.rows()
    assert [row.outcome for row in rows] == ["done"] * 96
    printed = {job_office.outputs(office.runs / "small" / f"{row.name}.ipynb") for row in rows}
    assert printed == {f"{number}\n" for number in range(96)}


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_sixty_random_kills_tear_nothing_and_the_next_run_goes_on(office):
    path = office.folder / "work.db"
    work = sqlite3.connect(path, isolation_level=None)
    work.execute("CREATE TABLE done (row INTEGER)")
    office.write(f"from pathlib import Path; import os; Path({str(office.folder / 'kernel')!r}).write_text(str(os.getpid()))",
                 WORK.format(path=str(path), rows=ROWS))  # fmt: skip
    chance = random.Random(20261128)
    ends = []
    for turn in range(KILLS):
        if work.execute("SELECT count(*) FROM done").fetchone()[0] == ROWS:
            work.execute("DELETE FROM done")
        number = signal.SIGKILL if turn % 2 else signal.SIGTERM
        ends.append(killed(office, number, chance.uniform(0.1, 2.5)))
    assert office.command("run", "small")[0] == 0
    assert work.execute("SELECT row, count(*) FROM done GROUP BY row").fetchall() == [(row, 1) for row in range(ROWS)]
    assert {"died", "stopped"} <= set(ends)
    work.close()


def killed(office, number, seconds):
    """Kills a run after so long; checks what it left, and gives what the record tells of it (empty: it had not begun)."""
    before = len(office.rows())
    process = office.start("run", "small")
    try:
        process.wait(seconds)
    except Exception:  # noqa: BLE001 (whatever it is, the process is to be killed)
        process.send_signal(number)
    process.communicate(timeout=60)
    code = process.returncode
    kernel = office.folder / "kernel"
    if kernel.exists():
        wait_until(lambda: not is_alive(int(kernel.read_text() or 0)))
    office.grow_old()
    office.check_published()
    new = office.rows()[before:]
    # One that was killed or stopped may not have begun, and one that was killed after it had told its end has ended. While
    # Python itself starts and ends, it heeds no signal.
    may_be = {0: [["done"]], 143: [["stopped"], []], -15: [[], ["done"]], -9: [["died"], ["done"], []]}
    outcomes = [row.outcome for row in new]
    assert outcomes in may_be[code], (code, outcomes)
    return outcomes[0] if outcomes else ""


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("orphans_come_here")
def test_no_kernel_outlives_a_runner_that_is_killed_while_it_starts(office):
    office.write("import time\ntime.sleep(60)")
    chance = random.Random()
    for turn in range(STARTS):
        process = office.start("run", "small")
        if turn % 2:
            wait_until(lambda: office.processes("kernel.json"))
        time.sleep(chance.uniform(0.0, 1.0 if turn % 2 else 2.0))
        process.kill()
        process.communicate()
        wait_until(lambda: not office.processes("kernel.json"))
        office.grow_old()


def test_a_run_that_was_killed_is_told_as_died_within_a_minute_and_who_waits_goes_on(office):
    office.write(f"""
        import time
        from pathlib import Path
        if not Path({str(office.folder / "here")!r}).exists():
            Path({str(office.folder / "here")!r}).touch()
            time.sleep(60)
    """)
    process = office.start("run", "small")
    wait_until((office.folder / "here").exists)
    process.kill()
    process.communicate()
    killed_at = time.monotonic()
    assert office.command("run", "small", "--wait", "60")[0] == 0
    assert time.monotonic() - killed_at < 60
    assert [row.outcome for row in office.rows()] == ["died", "done"]
    assert office.files() == ["html", "html", "ipynb", "ipynb", "log", "log"]


def test_a_beating_run_of_a_minute_is_never_told_as_died(office):
    office.write("import time\ntime.sleep(45)")
    process = office.start("run", "small")
    wait_until(lambda: office.rows())
    seen = set()
    while process.poll() is None:
        seen.add(office.rows()[0].outcome)
        [(age,)] = fetch(office.db, "SELECT heartbeat_at - started_at FROM job_run")
    process.communicate()
    assert seen <= {"running", "done"}
    assert age > 30
