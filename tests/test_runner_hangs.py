"""A runner that hangs when it is to stop: it ends all the same, tells what it can, and what it left is published later."""

import signal

import job_office
import pytest
from job_office import JobOffice
from waiting import wait_until

from mailer import delivery, interrupts
from notebooks.runner import alerts, surrender, watch
from notebooks.schedule import units
from store import alerts as mails
from store.database import fetch

HANG = """
import time
from notebooks.runner import watch
from notebooks.runner.run_files import RunFiles
watch.GRACE_SECONDS, watch.HANG_SECONDS = 1.0, 2.0
save = RunFiles.save
def hang(files, text):
    # As a dead network folder does, from the moment at which the cell wants it on.
    if (files.folder.parent.parent / "here").exists():
        time.sleep(1000)
    save(files, text)
RunFiles.save = hang
"""
SURRENDER = """
from store import job_runs
def hang(*_):
    time.sleep(1000)
job_runs.finish = hang
"""


@pytest.fixture
def office(db, record_url, tmp_path):
    """An installation whose notebook works until it is interrupted, and whose runner hangs from then on."""
    environment = job_office.environment_of(tmp_path, record_url) | {"OPS_EMAIL": "ops@example.com"}
    office = JobOffice(tmp_path, db, environment)
    office.write(f"""
        import time
        from pathlib import Path
        print("one", flush=True)
        if number == 1:
            Path({str(tmp_path / "here")!r}).touch()
            time.sleep(60)
    """)
    return office


def ended(office, before, *options, number=0):
    """Starts the run, sends it a signal if one is given; gives exit code, output and errors."""
    process = office.start("run", "small", *options, before=before)
    wait_until((office.folder / "here").exists, 60)
    if number:
        process.send_signal(number)
    said, errors = process.communicate(timeout=60)
    return process.returncode, said, errors


@pytest.mark.parametrize(
    ("record_url", "number", "options", "outcome", "code"),
    [
        ("sqlite", 0, ["--cell-timeout", "1"], "out_of_time", 124),
        ("postgresql", signal.SIGTERM, [], "stopped", 143),
    ],
    indirect=["record_url"],
)
def test_a_runner_that_hangs_ends_with_its_outcome_told_and_its_record_follows(office, number, options, outcome, code):
    assert ended(office, HANG, *options, number=number)[0] == code
    [row] = office.rows()
    assert (row.outcome, row.exit_code, row.artefacts.keys()) == (outcome, code, {"log"})
    assert "The runner itself hung after that, and was ended" in row.message
    assert fetch(office.db, "SELECT count(*) FROM job_lock") == [(0,)]
    assert mails.mail_of(office.db, mails.key_of(row.name)).state == "queued"
    wait_until(lambda: not office.processes())
    assert office.files() == ["log", "part.ipynb", "part.secrets"]

    (office.folder / "here").unlink()
    assert office.command("run", "small", "number=2")[0] == 0
    told = office.rows()[0]
    assert (told.outcome, told.message) == (outcome, row.message)
    assert told.artefacts.keys() == {"notebook", "page", "log"}
    assert office.files() == ["html", "html", "ipynb", "ipynb", "log", "log"]


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_runner_that_hangs_says_so_also_where_the_record_hangs(office):
    quick = "from notebooks.runner import surrender\nsurrender._RECORD_SECONDS = 0.5\n"
    code, said, errors = ended(office, HANG + quick + SURRENDER, "--cell-timeout", "1")
    assert (code, said.splitlines()[-1]) == (124, "small: out_of_time (exit code 124)")
    assert "The runner itself hung" in errors
    assert "The record could not be told, so it tells this run as died for now: it had not ended after 0.5 s" in errors
    assert office.rows()[0].outcome == "running"
    wait_until(lambda: not office.processes())


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_runner_whose_folder_and_record_both_hang_ends_all_the_same(office):
    """Both on one dead network folder."""
    before = """
from notebooks.runner import surrender, unrecorded
surrender._RECORD_SECONDS = 0.5
unrecorded.keep = lambda *_: time.sleep(1000)
"""
    code, _, errors = ended(office, HANG + before + SURRENDER, "--cell-timeout", "1")
    assert (code, "The runner itself hung" in errors) == (124, True)


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_signal_while_what_others_left_is_published_changes_no_exit_code(office):
    before = (
        "import time\nfrom notebooks.runner import left_behind\nleft_behind.publish = lambda *_: time.sleep(1000)\n"
    )
    with office.start("run", "small", "number=2", before=before) as process:
        said = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=20)[1]
    assert (process.returncode, said[-1], errors) == (0, "small: done (exit code 0)\n", "")


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_signal_that_whoever_started_the_run_has_ignored_stays_ignored(office):
    """As `nohup` does."""
    before = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    with office.start("run", "small", "--timeout", "4", before=before) as process:
        wait_until((office.folder / "here").exists, 60)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 124
    assert office.rows()[0].outcome == "out_of_time"


def test_a_stop_takes_less_time_than_systemd_gives_it():
    longest = max(surrender.MOST_SECONDS, alerts.TRY_SECONDS)
    killing = 2 * watch._KILL_SECONDS
    assert watch.GRACE_SECONDS + watch.HANG_SECONDS + killing + longest < units.STOP_SECONDS


def test_a_mail_server_is_waited_for_no_longer_than_a_stopped_cell_is():
    leaving = delivery._LEAVING_SECONDS + 2
    assert interrupts.PATIENCE_SECONDS + leaving < watch.GRACE_SECONDS
    assert watch.URGE_SECONDS + leaving < watch.LOST_SECONDS
