"""What is told and what is left where something ends or halts that nobody asked: a kernel, a runner, a lock, a row's owner."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from job_office import RUN, JobOffice, is_alive
from nbformat import read
from waiting import wait_until

from store import job_locks, places
from store.database import connect, execute

STALE = """
from notebooks.runner import heart
heart.STALE_SECONDS, heart._BEAT_SECONDS = heart._MARGIN_SECONDS + 0.5, 0.2
heart.Heart.__init__.__defaults__ = (0.1,)
"""


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    return JobOffice.here(tmp_path, db, record_url, monkeypatch)


@pytest.fixture
def temporary():
    """A folder for temporary files, with a name so short that sockets can lie in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_kernel_that_is_killed_at_once_leaves_its_memory_and_the_cell_that_did_not_end(office):
    office.write("print('one')", "import os\nheld = b'x' * 400_000_000\nos.kill(os.getpid(), 9)", "print('three')")
    assert office.command("run", "small")[0] == 138
    [row] = office.rows()
    assert 400_000_000 < row.peak_memory < 1_500_000_000
    cells = [cell for cell in read(row.artefacts["notebook"], as_version=4).cells if cell.cell_type == "code"]
    states = {cell.source.split("\n")[0]: cell.metadata.papermill.status for cell in cells}
    assert [states[first] for first in ("print('one')", "import os", "print('three')")] == [
        "completed", "failed", "pending",
    ]  # fmt: skip


def test_a_run_whose_lock_was_lost_unseen_says_at_its_end_that_another_may_have_worked_beside_it(office):
    office.write("print('one')", "from store import database")
    take, stolen = job_locks.take, []

    def taken(db, key, name):
        lock = take(db, key, name)
        execute(db, "UPDATE job_lock SET owner = 'another' WHERE job_key = ?", (key,))
        stolen.append(key)
        return lock

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(job_locks, "take", taken)
        result = office.run()
    assert (result.outcome, result.exit_code) == ("overtaken", 75)
    assert "another run may have worked beside it. To fix: " in result.message
    [row] = office.rows()
    assert (row.outcome, row.exit_code, row.message) == ("overtaken", 75, result.message)
    assert stolen == [row_key for (row_key,) in office.db.execute_sql("SELECT job_key FROM job_lock").fetchall()]


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process was marked with")
def test_what_a_cell_started_ends_with_the_next_run_where_the_runner_was_killed(office, temporary):
    office.environment["TMPDIR"] = str(temporary)
    told = office.folder / "number"
    office.write(f"""
        import subprocess, time
        from pathlib import Path
        away = subprocess.Popen(["sleep", "300"], start_new_session=True)
        Path({str(told)!r}).with_suffix(".new").write_text(str(away.pid))
        Path({str(told)!r}).with_suffix(".new").rename({str(told)!r})
        time.sleep(300 if number else 0)
    """)
    with office.start("run", "small") as process:
        wait_until(told.exists, 60)
        process.kill()
    number = int(told.read_text())
    assert is_alive(number)
    try:
        assert office.command("run", "small", "number=0")[0] == 0
        assert not is_alive(number)
        assert list(temporary.iterdir()) == []
    finally:
        if is_alive(number):
            os.kill(number, signal.SIGKILL)


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("halt", [signal.SIGTSTP, signal.SIGTTOU])
def test_ctrl_z_does_not_halt_a_run(office, halt):
    here = office.folder / "here"
    office.write(f"from pathlib import Path\nimport time\nPath({str(here)!r}).touch()\ntime.sleep(1)")
    command = [sys.executable, "-c", RUN, str(office.folder), "run", "small"]
    environment = office.environment | {"PYTHONPATH": str(places.ROOT)}
    # A group of its own in this session: in a session of its own nothing halts it anyway.
    with subprocess.Popen(command, cwd="/", env=environment, process_group=0) as process:
        try:
            wait_until(here.exists, 60)
            process.send_signal(halt)
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("record_url", ["postgresql"], indirect=True)
def test_a_run_whose_row_another_session_holds_is_stopped_before_its_lock_is_another_s(office, record_url):
    here, heard = office.folder / "here", office.folder / "heard"
    office.write(f"""
        from pathlib import Path
        import time
        Path({str(here)!r}).touch()
        try:
            time.sleep(60)
        finally:
            Path({str(heard)!r}).touch()
    """)
    other = connect(record_url)
    with office.start("run", "small", before=STALE) as process:
        wait_until(here.exists, 60)
        with other.atomic():
            execute(other, "SELECT id FROM job_run FOR UPDATE")
            wait_until(heard.exists, 30)
        _, errors = process.communicate(timeout=60)
    other.close()
    assert process.returncode == 1
    assert "The record did not answer the heartbeat, so another run might have begun." in errors
    assert office.rows()[0].outcome == "failed"
