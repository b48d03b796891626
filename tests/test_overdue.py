"""Overdue jobs, on both engines: who is late, who is not, and what is told."""

import json
from datetime import timedelta

import pytest
import schedule_office
from job_office import JobOffice
from schedule_office import past_run

from notebooks import __main__ as command
from notebooks import job_listing
from notebooks.schedule import overdue, overdue_listing
from store import database, times
from store.database import execute, fetch

DUE = schedule_office.NOW.replace(hour=2)
"""Friday 07:30 in India."""
LATE = DUE + timedelta(minutes=46)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(db, record_url, tmp_path, monkeypatch):
    """An installation whose schedule has been known for a week."""
    office = JobOffice.here(tmp_path, db, record_url, monkeypatch)
    office.write("1")
    known = schedule_office.read(office)
    assert overdue.find(db, known, DUE - timedelta(days=7)) == []
    return office


def late(office, now=LATE, text=schedule_office.JOB):
    """What is overdue at this time."""
    return overdue.find(office.db, schedule_office.read(office, text), now)


def test_a_job_that_never_ran_is_overdue_once_its_deadline_has_passed(office):
    assert late(office, DUE + timedelta(minutes=45) - timedelta(seconds=1)) == late_on_thursday(office)
    [one] = late(office, DUE + timedelta(minutes=45))
    assert (one.job.name, one.due_at, one.last) == ("nightly", DUE, None)
    assert one.fix.startswith("look whether its scheduler is on")


def late_on_thursday(office):
    """Before Friday's deadline it is Thursday's run that is missing."""
    found = late(office, DUE)
    assert [one.due_at for one in found] == [DUE - timedelta(days=1)]
    return found


@pytest.mark.parametrize("begun", [DUE - timedelta(seconds=29), DUE, DUE + 30 * MINUTE, DUE + timedelta(hours=3)])
def test_a_run_that_ended_well_makes_it_good_however_late(office, begun):
    past_run(office, begun, "done")
    assert late(office, DUE + timedelta(hours=4)) == []


@pytest.mark.parametrize(("begun", "outcome", "scheduled_as"), [
    (DUE - timedelta(seconds=31), "done", "nightly"), (DUE + MINUTE, "done", ""), (DUE + MINUTE, "done", "other"),
    (DUE + MINUTE, "failed", "nightly"), (DUE + MINUTE, "died", "nightly"), (DUE + MINUTE, "running", "nightly"),
])  # fmt: skip
def test_a_run_of_before_of_another_job_or_that_did_not_end_well_does_not(office, begun, outcome, scheduled_as):
    past_run(office, begun, outcome, scheduled_as)
    assert [one.due_at for one in late(office)] == [DUE]


def test_a_run_that_failed_and_was_run_again_is_good(office):
    past_run(office, DUE + MINUTE, "failed")
    past_run(office, DUE + 20 * MINUTE, "done")
    assert late(office) == []


def test_what_to_do_is_the_failed_runs_own_fix_first(office):
    past_run(office, DUE + MINUTE, "failed", message="2 rows are refused. To fix: correct them in the file.\nmore")
    [one] = late(office)
    assert one.was_started
    assert one.fix == "correct them in the file; then run it: python -m notebooks run --job nightly"


def test_a_run_that_goes_on_past_its_deadline_is_not_to_be_run_again(office):
    past_run(office, DUE + MINUTE, "running")
    [one] = late(office)
    assert (one.last.outcome, "wait for its run to end" in one.fix) == ("running", True)


def test_a_new_installation_is_not_late_for_times_before_it_was(db, office):
    execute(db, "DELETE FROM scheduled_job")
    assert late(office) == []
    assert late(office, LATE + timedelta(days=1)) == []
    # Saturday and Sunday are free, Monday counts.
    assert [one.due_at for one in late(office, LATE + timedelta(days=3))] == [DUE + timedelta(days=3)]


ADDED = '[jobs.weekly]\nnotebook = "small"\ncron = "0 7 * * 5"\nwithin = "5m"\n'


def test_a_job_that_is_added_or_moved_is_not_late_for_times_before_that(office):
    assert [one.job.name for one in late(office)] == ["nightly"]
    assert [one.job.name for one in late(office, text=schedule_office.JOB + ADDED)] == ["nightly"]
    moved = schedule_office.JOB.replace("30 7", "0 7")
    assert late(office, text=moved) == []
    # As it was before, it is a new one, too.
    assert late(office) == []
    assert [one.due_at for one in late(office, LATE + timedelta(days=3))] == [DUE + timedelta(days=3)]


@pytest.mark.parametrize(
    ("seen", "is_late"), [(DUE + 15 * MINUTE, True), (DUE + 15 * MINUTE + timedelta(seconds=1), False)]
)
def test_a_job_that_is_seen_first_soon_after_its_time_is_late_for_that(db, office, seen, is_late):
    execute(db, "DELETE FROM scheduled_job")
    assert late(office, seen) == []
    assert [one.due_at for one in late(office)] == [DUE] * is_late


def test_a_longer_deadline_makes_no_new_job(office):
    assert [one.due_at for one in late(office, text=schedule_office.JOB.replace("45m", "46m"))] == [DUE]
    assert fetch(office.db, "SELECT count(*) FROM scheduled_job") == [(1,)]


def test_a_run_that_died_is_told_until_another_of_the_same_job_ends_well(office):
    row = past_run(office, DUE, "died", scheduled_as="")
    past_run(office, DUE + MINUTE, "failed", scheduled_as="")
    assert [found.name for found in overdue.died(office.db, LATE)] == [row.name]
    assert overdue.died(office.db, LATE + timedelta(days=8)) == []
    past_run(office, DUE + 2 * MINUTE, "done", scheduled_as="")
    assert overdue.died(office.db, LATE) == []


@pytest.fixture
def said(office, capsys, monkeypatch):
    """Runs `overdue` at 46 minutes after the time; gives exit code, output and errors."""
    monkeypatch.setattr(times, "now", lambda: LATE)
    path = schedule_office.write(office.folder)

    def said(*options):
        code = command.main(["overdue", "--schedule", str(path), *options], office.folder)
        told = capsys.readouterr()
        return code, told.out, told.err

    return said


def test_the_command_tells_what_was_due_and_what_to_do_and_exits_with_1(said, office):
    past_run(office, DUE - timedelta(days=1), "done")
    code, out, err = said()
    assert (code, err) == (1, "")
    assert out.splitlines()[0] == "1 overdue. Times are those of Asia/Kolkata."
    assert "nightly  Fri 2026-11-27 07:30  Fri 2026-11-27 08:15  Thu 2026-11-26 07:30  done, the time before" in out
    assert "\n      To fix: look whether its scheduler is on" in out


def test_the_command_exits_with_0_when_nothing_is_overdue_and_names_what_died(said, office):
    past_run(office, DUE, "done")
    assert said() == (0, "Nothing is overdue.\n", "")
    row = past_run(office, DUE + MINUTE, "died", scheduled_as="")
    code, out, _ = said()
    assert code == 0
    assert f"  {row.name}  small     Fri 2026-11-27 07:31  Fri 2026-11-27 07:32  cron, ops@here" in out


def test_programs_are_told_in_utc(said, office):
    past_run(office, DUE + MINUTE, "failed", message="No. To fix: say yes.")
    code, out, _ = said("--json")
    [one] = json.loads(out)["overdue"]
    assert (code, one["job"], one["due_at"], one["deadline"]) == (
        1, "nightly", "2026-11-27T02:00:00Z", "2026-11-27T02:45:00Z")  # fmt: skip
    assert (one["last"]["outcome"], one["fix"].partition(";")[0]) == ("failed", "say yes")
    assert one["last"]["message"] == "No. To fix: say yes."
    assert "\n      No\n      To fix: say yes; then run it: " in said()[1]
    assert json.loads(out)["died"] == []


def change(office, text):
    schedule_office.write(office.folder, text)


def test_a_job_that_is_taken_out_and_put_back_is_a_new_one(said, office):
    assert said()[0] == 1
    change(office, 'timezone = "Asia/Kolkata"\n' + ADDED)
    assert said()[:2] == (0, f"Nothing is overdue.\n{job_listing.nothing(database.named(office.db))}\n")
    change(office, schedule_office.JOB)
    assert said()[0] == 0


@pytest.mark.parametrize("broken", ["[jobs", 'timezone = "Asia/Kolkata"', schedule_office.JOB.replace("45m", "soon"),
                                    schedule_office.JOB.replace("Asia/Kolkata", "Asia")])  # fmt: skip
def test_a_job_that_cannot_be_read_for_a_while_is_known_from_before(said, office, broken):
    change(office, broken)
    code, out, err = said()
    assert (code, out) == (2, "No job could be looked at.\n")
    assert "To fix: " in err
    change(office, schedule_office.JOB)
    assert "nightly  Fri 2026-11-27 07:30" in said()[1]


def test_the_jobs_that_are_right_are_judged_and_the_mistakes_of_others_told(said, office):
    change(
        office, schedule_office.JOB + ADDED.replace("5m", "soon") + ADDED.replace("weekly", "third").replace("5m", "x")
    )
    code, out, err = said()
    assert (code, out.splitlines()[0]) == (2, "1 overdue. Times are those of Asia/Kolkata.")
    assert [line.split()[1] for line in err.splitlines()] == [
        f"[schedule.jobs.{name}.within]" for name in ("weekly", "third")
    ]
    past_run(office, DUE, "done")
    assert said()[1] == "1 of 3 jobs could be looked at; none of them is overdue.\n"


def test_a_hundred_overdue_jobs_are_told_one_below_the_other(office):
    one = '[jobs.job{0}]\nnotebook = "small"\ncron = "0 7 * * *"\nwithin = "5m"\n'
    text = 'timezone = "UTC"\n' + "".join(one.format(number) for number in range(100))
    known = schedule_office.read(office, text)
    late(office, DUE, text)
    found = late(office, DUE + timedelta(days=1), text)
    assert len(found) == 100
    assert len(overdue_listing.listing(known, found, []).splitlines()) == 202
