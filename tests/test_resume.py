"""Every notebook, killed at random points and run again: it completes, nothing is doubled, and what is done shows as done."""

import email
import random
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import booking_desk
import interview_room
import job_office
import pytest
from booking_desk import DAY, HOUR, Desk
from job_office import JobOffice
from waiting import wait_until

from mailer import portal_process
from notebooks import jobs
from store import batches, places, record_copies, times
from store.database import fetch
from store.outcomes import EXIT_CODES

ROWS = 100
KILLS = ("kill", "stop", "kernel")
MAILING = {"booking_batch": 1.6, "cancel_interviews": 1.6}
"""So many times as long as a look takes a run of these that also mails; of the others about as long."""
RUNS = 4
"""So many runs may be needed at most after the kills: a mail of unknown fate is sent by a later one."""
SHORT_LEASES = {"EMAIL_LEASE": "3", "EMAIL_DEADLINE": "2", "EMAIL_TIMEOUT": "1", "EMAIL_HOLD": "1"}


@dataclass
class Place:
    """An installation that notebooks are run in; `before` is what a case remembers of it."""

    office: JobOffice
    desk: Desk
    portal: str
    before: object = None

    def count(self, sql: str) -> int:
        return fetch(self.office.db, sql)[0][0]

    def mails(self) -> dict[str, Counter]:
        """The delivered mails as bytes, by Message-ID, each with how often it came."""
        found = defaultdict(Counter)
        for path in (self.office.folder / "mailbox" / "new").glob("*"):
            data = path.read_bytes()
            found[email.message_from_bytes(data)["Message-ID"]][data] += 1
        return found

    def check_mails(self) -> None:
        """Each was sent, each arrived, and one that came twice came the same to the byte."""
        mails = self.mails()
        assert [len(copies) for copies in mails.values()] == [1] * len(mails)
        rows = fetch(self.office.db, "SELECT message_id, state FROM notification")
        assert {message for message, _ in rows} == set(mails)
        assert {state for _, state in rows} == {"sent"}


@dataclass(frozen=True)
class Case:
    """A notebook at work: its parameters, what must hold in the end, and what one more run shows of what is done."""

    given: Callable[[Place], dict[str, object]]
    check: Callable[[Place], None]
    shown: str = ""


def batch_given(place):
    path = place.office.folder / "batch.csv"
    booking_desk.write_file(path, requests())
    return {"batch_csv": path, "dry_run": False, "portal_url": place.portal}


def requests(count=ROWS):
    start = times.now().replace(microsecond=0, second=0) + 2 * DAY
    return [booking_desk.request(start, email=f"c{number}@cand.example", capacity=count) for number in range(count)]


def batch_check(place):
    assert place.count("SELECT count(*) FROM interview") == ROWS
    assert place.count("SELECT count(*) FROM interview_schedule WHERE state = 'booked'") == ROWS
    assert len(place.mails()) == ROWS
    place.check_mails()


def cancel_given(place):
    path = place.office.folder / "batch.csv"
    booking_desk.write_file(path, requests())
    place.desk.apply(path)
    # They are told already, as by a mail server that has no mailbox here.
    place.desk.deliver()
    return {"cancel_csv": path, "dry_run": False}


def cancel_check(place):
    assert place.count("SELECT count(*) FROM interview WHERE state = 'cancelled' AND sequence = 1") == ROWS
    assert place.count("SELECT count(*) FROM seat") == ROWS
    assert place.count("SELECT count(*) FROM interview_schedule WHERE seat_id IS NOT NULL") == 0
    assert place.count("SELECT count(*) FROM notification WHERE kind = 'cancelled' AND state = 'sent'") == ROWS
    assert [len(copies) for copies in place.mails().values()] == [1] * ROWS


def interview_given(_):
    return {"slot_date": f"{times.now() + 3 * DAY:%Y-%m-%d}", "dry_run": False}


def interview_check(place):
    assert place.count("SELECT count(*) FROM interview") == len(place.mails()) == 1
    place.check_mails()


def questions_given(_):
    return {"questions_csv": "notebooks/data/questions_sample.csv", "dry_run": False}


def questions_check(place):
    rows = fetch(place.office.db, "SELECT job_id, position FROM question")
    assert len(set(rows)) == len(rows) > 5
    asked = (places.ROOT / "notebooks/data/questions_sample.csv").read_text(encoding="utf-8")
    texts = [text for (text,) in fetch(place.office.db, "SELECT text FROM question")]
    assert all(text[:20] in asked for text in texts)


def review_given(place):
    booked = place.desk.book(booking_desk.request(place.desk.now + HOUR))
    room = interview_room.room_of(place.desk, booked.interview_id).later(60)
    room.begin()
    room.save("I use both.")
    room.finish()
    return {"interview_id": booked.interview_id, "overall_score": 7.5, "traits": "clarity=8", "dry_run": False}


def review_check(place):
    assert fetch(place.office.db, "SELECT interview_id, overall_score FROM evaluation") == [(1, 7.5)]


def verification_given(place):
    return {"recipient": "ops@acme.example", "portal_url": place.portal}


def verification_check(place):
    assert place.count("SELECT count(*) FROM interview WHERE NOT is_test") == 0
    assert [len(copies) for copies in place.mails().values()] == [1] * len(place.mails())
    assert place.mails()


def reader_given(place):
    place.before = record_copies.fingerprints(place.office.db)
    return {}


def rehearsal_given(place):
    path = place.office.folder / "batch.csv"
    booking_desk.write_file(path, requests(20))
    return {"batch_csv": path, **reader_given(place)}


def reader_check(place):
    assert record_copies.fingerprints(place.office.db) == place.before
    assert not place.mails()


CASES = {
    "booking_batch": Case(batch_given, batch_check, f"{ROWS} unchanged; 0 mails sent now"),
    "cancel_interviews": Case(cancel_given, cancel_check, f"{ROWS} unchanged; 0 mails sent now"),
    "book_interview": Case(interview_given, interview_check, "unchanged; its mail was sent before"),
    "load_questions": Case(questions_given, questions_check, "unchanged"),
    "review": Case(review_given, review_check, "rated 7.5, before 7.5"),
    "email_verification": Case(verification_given, verification_check),
    "rehearsal": Case(rehearsal_given, reader_check),
    "job_history": Case(reader_given, reader_check),
    "start_here": Case(reader_given, reader_check),
}


def test_every_notebook_has_a_case_here():
    assert set(CASES) == set(jobs.names())


@pytest.fixture
def place(db, desk, record_url, tmp_path):
    """An installation with a portal, whose record is the test's."""
    environment = job_office.environment_of(tmp_path, record_url) | SHORT_LEASES
    environment["BACKEND_URL"] = desk.settings.backend_url
    desk.now = times.now() - DAY
    with portal_process.running(environment) as address:
        yield Place(JobOffice(tmp_path, db, environment, jobs.FOLDER), desk, address)


BOTH = [(name, "sqlite") for name in CASES] + [(name, "postgresql") for name in ("booking_batch", "cancel_interviews")]


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "record_url"), BOTH, indirect=["record_url"])
def test_a_notebook_that_was_killed_at_random_points_is_completed_by_running_it_again(place, name):
    office, case = place.office, CASES[name]
    given = [f"{key}={value}" for key, value in case.given(place).items()]
    seed = random.SystemRandom().randrange(10**9)
    chance = random.Random(seed)
    longest, ends = MAILING.get(name, 0.9) * looked(office, name, given), []
    for how in KILLS:
        # The first comes early, so that it meets work; and all sooner where the machine was busy and is so no longer.
        latest = 1.0 if ends and "done" not in ends else 0.5 ** (1 + ends.count("done"))
        ends.append(killed(office, name, given, how, chance.uniform(0.1, 1.0) * latest * longest))
    assert ends != ["done"] * len(KILLS), f"no kill came in time; seed {seed}"
    tries = completed(place, name, given)
    print(f"\n{name}: seed {seed}, {ends}, complete at run {tries}")
    case.check(place)
    check_record(office, name)
    if case.shown:
        assert office.command("run", name, *given)[0] == 0
        assert case.shown in job_office.outputs(newest(office, name))
        case.check(place)


@pytest.mark.long
def test_a_plan_whose_run_was_killed_goes_on_and_shows_what_was_applied_before(place):
    office, path = place.office, place.office.folder / "batch.csv"
    booking_desk.write_file(path, requests())
    planned = batches.plan_batch(office.db, path, settings=place.desk.settings, clock=times.now)
    given = [f"batch_csv={path}", f"fingerprint={planned.fingerprint}", "dry_run=False", "deliver_mail=False"]
    process = office.start("run", "booking_batch", *given)
    wait_until(lambda: place.count("SELECT count(*) FROM interview"), 60)
    office.kill(process, "kill")
    office.grow_old()
    assert office.command("run", "booking_batch", *given)[0] == 0
    assert f"Applied before, and skipped now: {ROWS} of {ROWS} rows." in job_office.outputs(
        newest(office, "booking_batch")
    )
    assert place.count("SELECT count(*) FROM interview") == place.count("SELECT count(*) FROM notification") == ROWS


def looked(office, name, given):
    """How many seconds a run takes that only looks, or one as it is of a notebook that changes nothing."""
    begun = time.monotonic()
    code, said, errors = office.command("run", name, *(text for text in given if text != "dry_run=False"))
    assert code == 0, said + errors
    return time.monotonic() - begun


def killed(office, name, given, how, seconds):
    """Starts a run and kills it after so long, unless it has ended; gives what the record tells of it."""
    before = len(office.rows())
    process = office.start("run", name, *given)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        office.kill(process, how)
    wait_until(lambda: not office.processes(), 10)
    office.grow_old()
    office.check_published(name)
    told = [row.outcome for row in office.rows()[before:]]
    may_be = [[outcome] for outcome, code in EXIT_CODES.items() if code == process.returncode]
    # One that was killed or stopped may not have begun; one that was killed after it had told its end has ended.
    may_be += [[]] if process.returncode == 143 else [[], ["died"], ["done"]] if process.returncode < 0 else []
    assert told in may_be, (how, process.returncode, told)
    return told[0] if told else ""


def completed(place, name, given):
    """Runs it to its end; gives how many runs that took."""
    for number in range(1, RUNS + 1):
        wait_until(lambda: not in_hand(place))
        code, said, errors = place.office.command("run", name, *given)
        if code == 0:
            return number
    raise AssertionError(said + errors)


def in_hand(place):
    sql = "SELECT count(*) FROM notification WHERE state IN ('claimed', 'handed_over') AND lease_until > ?"
    return fetch(place.office.db, sql, (times.epoch(times.now()),))[0][0]


def check_record(office, name):
    """Nothing lies about that is torn or aside; every run that has a notebook in its row has one in `runs`."""
    office.check_published(name)
    assert set(office.files(name)) <= {"html", "ipynb", "log"}
    for row in office.rows():
        assert row.outcome != "running"
        assert all((places.resolve(path)).exists() for path in row.artefacts.values())


def newest(office, name):
    return max(path for path in (office.runs / name).glob("*.ipynb"))
