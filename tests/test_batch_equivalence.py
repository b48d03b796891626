"""A batch and single bookings follow the same rules: random files come out the same, row by row and in the record."""

from datetime import UTC, datetime

import pytest
from booking_desk import HOUR, MINUTE, Desk, request, write_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import booking, database
from store.batch_rows import OUTCOMES
from store.errors import BookingRefused
from store.session_keys import KeyRing
from store.settings import Settings

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
SLOTS = ((-30, 60), (0, 60), (1, 60), (60, 30), (60, 60), (90, 60), (120, 60), (180, 45))
"""Start in minutes from now, and length: past, just past, and some that overlap."""

WORK = (
    "candidate", "job", "interview_slot", "seat", "interview", "interview_schedule", "interview_session", "notification",
    "event", "batch_row", "batch",
)  # fmt: skip
rows = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(("Nurse", "Porter")), st.integers(0, len(SLOTS) - 1), st.integers(1, 2)),
    min_size=1, max_size=14,
)  # fmt: skip
capacities = st.fixed_dictionaries({(job, slot): st.sampled_from((None, 1, 2, 3))
                                    for job in ("Nurse", "Porter") for slot in range(len(SLOTS))})  # fmt: skip
FINAL = (
    "SELECT c.address, j.title, i.round, i.state, i.started_at, i.ended_at, i.sequence, h.state, t.number"
    " FROM interview i JOIN candidate c ON c.id = i.candidate_id JOIN job j ON j.id = i.job_id"
    " LEFT JOIN interview_schedule h ON h.interview_id = i.id LEFT JOIN seat t ON t.id = h.seat_id ORDER BY 1, 2, 3, h.id",
    "SELECT c.address, j.title, i.round, n.kind, n.occurrence, n.state, n.recipient FROM notification n"
    " JOIN interview i ON i.id = n.interview_id JOIN candidate c ON c.id = i.candidate_id JOIN job j ON j.id = i.job_id"
    " ORDER BY n.id",
    "SELECT j.title, s.starts_at, s.ends_at, count(t.id) FROM interview_slot s JOIN job j ON j.id = s.job_id"
    " LEFT JOIN seat t ON t.slot_id = s.id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT address, email, name FROM candidate ORDER BY 1",
    "SELECT count(*), count(DISTINCT interview_id) FROM interview_session",
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def two_desks(request, tmp_path_factory):
    """Two records, one for the batch on each engine, and one for single bookings."""
    urls = [f"sqlite:///{tmp_path_factory.mktemp(name)}/record.db" for name in ("batch", "single")]
    if request.param == "postgresql":
        urls[0] = request.getfixturevalue("_postgresql_url")
    desks = []
    for url in urls:
        db = database.open_record(url)
        if database.is_sqlite(db):
            database.execute(db, "PRAGMA synchronous = OFF")
        ring = KeyRing("1", {"1": bytes(32)})
        desks.append(Desk(db, Settings(database_url=url), ring, NOW))
    yield desks
    for desk in desks:
        desk.db.close()


def empty(desk):
    desk.now = NOW
    if database.is_sqlite(desk.db):
        desk.change("DROP TRIGGER IF EXISTS event_no_delete")
        desk.change("PRAGMA foreign_keys = OFF")
    with database.writing(desk.db):
        if not database.is_sqlite(desk.db):
            desk.change("SET LOCAL session_replication_role = replica")
        for table in WORK:
            desk.change(f"DELETE FROM {table}")
    if database.is_sqlite(desk.db):
        desk.change("PRAGMA foreign_keys = ON")


def requests_of(picked, capacity_of):
    """Requests of one file, each interview at most once."""
    found = {}
    for person, job, slot, round_number in picked:
        start, minutes = SLOTS[slot]
        found.setdefault(
            (person, job, round_number),
            request(NOW + start * MINUTE, minutes=minutes, email=f"c{person}@example.com", job_title=job,
                    round=round_number, capacity=capacity_of[job, slot], timezone="UTC"),
        )  # fmt: skip
    return list(found.values())


def one_by_one(desk, requests):
    outcomes = []
    for asked in requests:
        try:
            outcomes.append((OUTCOMES[desk.book(asked).action], ""))
        except BookingRefused as refused:
            outcomes.append(("refused", refused.code))
    return outcomes


def facts(desk):
    """Everything the mails say, apart from the calendar's UID, which names the record."""
    sql = "SELECT DISTINCT interview_id FROM notification ORDER BY interview_id"
    return sorted(
        str({**one.in_json_form(), "calendar_uid": ""}) for row in desk.rows(sql) for one in desk.facts(row[0])
    )


@given(first=rows, second=rows, first_capacities=capacities, second_capacities=capacities,
       chunk_rows=st.sampled_from((1, 2, 3, 50)), is_sent=st.booleans(), cancelled=st.integers(0, 5))  # fmt: skip
@settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_a_batch_comes_out_like_the_same_bookings_one_by_one(
    two_desks,
    tmp_path_factory,
    caplog,
    first,
    second,
    first_capacities,
    second_capacities,
    chunk_rows,
    is_sent,
    cancelled,
):
    batch, single = two_desks
    path = tmp_path_factory.getbasetemp() / "equivalence.csv"
    for desk in two_desks:
        empty(desk)
    for picked, capacity_of in ((first, first_capacities), (second, second_capacities)):
        requests = requests_of(picked, capacity_of)
        write_file(path, requests)
        report = batch.apply(path, chunk_rows=chunk_rows)
        assert batch.outcomes(report.batch_id) == one_by_one(single, requests)
        for sql in FINAL:
            assert batch.rows(sql) == single.rows(sql)
        assert facts(batch) == facts(single)
        for desk in two_desks:
            go_on(desk, is_sent, cancelled)
    assert "a chunk was refused" not in caplog.text


def go_on(desk, is_sent, cancelled):
    """What happens between two files: mails are delivered, an interview is cancelled, another begins."""
    if is_sent:
        desk.deliver()
    ahead = (
        "SELECT i.id FROM interview i JOIN interview_session s ON s.interview_id = i.id"
        " WHERE i.started_at > ? AND s.begun_at IS NULL ORDER BY i.id"
    )
    ids = [row[0] for row in desk.rows(ahead, desk.epoch)]
    if cancelled < len(ids):
        booking.cancel(desk.db, ids[cancelled], settings=desk.settings, now=desk.now)
    if cancelled + 1 < len(ids):
        desk.begin(ids[cancelled + 1])
    desk.now = NOW + HOUR / 2


@given(picked=rows, capacity_of=capacities, before=rows, chunk_rows=st.sampled_from((1, 2, 50)))
@settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_a_plan_applied_to_an_unchanged_record_comes_out_as_planned(
    two_desks, tmp_path_factory, caplog, picked, capacity_of, before, chunk_rows
):
    desk, _ = two_desks
    path = tmp_path_factory.getbasetemp() / "planned.csv"
    empty(desk)
    one_by_one(desk, requests_of(before, capacity_of))
    write_file(path, requests_of(picked, capacity_of) + requests_of(before, capacity_of)[:2])
    plan = desk.plan(path)
    planned = [(OUTCOMES[action], code) for action, code in desk.outcomes(plan.batch_id)]
    report = desk.apply(path, plan.fingerprint, chunk_rows=chunk_rows)
    assert desk.outcomes(report.batch_id) == planned
    assert report.codes["plan_changed"] == 0
    assert "a chunk was refused" not in caplog.text
