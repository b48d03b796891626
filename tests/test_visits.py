"""Visits: a key exchanged for a cookie, and what failing keys are counted under."""

from datetime import timedelta

import pytest

from store import booking, session_keys, visits
from store.database import execute, fetch
from store.errors import UnknownKey
from store.requests import BookingRequest
from store.session_keys import SessionRow


@pytest.fixture
def session(db, settings, ring, now, tomorrow):
    """The session of one booked interview, as a presented key finds it."""
    request = BookingRequest(
        candidate_name="Asha", email="asha@example.com", address="asha@example.com", job_title="Nurse",
        company_name="Acme", starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=1), timezone="Asia/Kolkata",
    )  # fmt: skip
    booking.book_slot(db, request, settings=settings, ring=ring, now=now)
    return SessionRow(*fetch(db, "SELECT id, interview_id, public, key_id, generation FROM interview_session")[0])


def opened_at(db):
    return fetch(db, "SELECT opened_at FROM interview_session")[0][0]


def test_a_cookie_leads_to_its_session_and_only_its_hash_is_kept(db, session, now):
    cookie = visits.exchange(db, session, visits.CANDIDATE, now)
    visit = visits.find(db, cookie)
    assert (visit.kind, visit.view.session_id) == ("candidate", session.id)
    assert cookie not in str(fetch(db, "SELECT * FROM portal_visit"))


@pytest.mark.parametrize("cookie", ["", "x", "\udcff", "a" * 100_000, "a\x00b"])
def test_an_unknown_cookie_leads_nowhere(db, session, cookie):
    assert visits.find(db, cookie) is None


def test_the_first_visit_of_the_candidate_is_when_the_link_was_opened(db, session, now):
    visits.exchange(db, session, visits.CANDIDATE, now)
    visits.exchange(db, session, visits.CANDIDATE, now + timedelta(hours=1))
    assert opened_at(db) == now.timestamp()
    assert fetch(db, "SELECT count(*) FROM event WHERE kind = 'opened'") == [(1,)]


def test_a_proofs_visit_is_not_the_candidates(db, session, now):
    cookie = visits.exchange(db, session, visits.PROOF, now)
    assert visits.find(db, cookie).kind == "proof"
    assert opened_at(db) is None
    assert fetch(db, "SELECT count(*) FROM event WHERE kind = 'opened'") == [(0,)]


def test_the_oldest_of_more_than_twenty_visits_is_pushed_out(db, session, now):
    cookies = [visits.exchange(db, session, visits.CANDIDATE, now) for _ in range(22)]
    alive = [visits.find(db, cookie) is not None for cookie in cookies]
    assert alive == [False] * 2 + [True] * 20


def test_an_engaged_visit_is_never_pushed_out(db, session, now):
    engaged = visits.exchange(db, session, visits.CANDIDATE, now)
    execute(db, "UPDATE portal_visit SET engaged_at = ?", (now.timestamp(),))
    for _ in range(25):
        visits.exchange(db, session, visits.CANDIDATE, now)
    assert visits.find(db, engaged) is not None
    assert fetch(db, "SELECT count(*) FROM portal_visit") == [(21,)]


def test_engaged_visits_take_no_place_of_those_that_are_not(db, session, now):
    oldest = visits.exchange(db, session, visits.CANDIDATE, now)
    for _ in range(visits.LIVE_VISITS - 1):
        visits.engage(db, visits.find(db, visits.exchange(db, session, visits.CANDIDATE, now)), now)
        visits.exchange(db, session, visits.CANDIDATE, now)
    assert visits.find(db, oldest) is not None


def test_only_the_first_touch_is_written_down(db, session, now):
    visit = visits.find(db, visits.exchange(db, session, visits.CANDIDATE, now))
    for seconds in (0, 5):
        visits.engage(db, visit, now + timedelta(seconds=seconds))
    assert fetch(db, "SELECT engaged_at FROM portal_visit") == [(now.timestamp(),)]


def crowded_out(db, session, cookie, at):
    """Whether the visit is gone once twenty-one others have come."""
    for _ in range(visits.LIVE_VISITS + 1):
        visits.exchange(db, session, visits.CANDIDATE, at)
    return visits.find(db, cookie) is None


@pytest.mark.parametrize(("later", "is_gone"), [(0, False), (1, True)])
def test_a_visit_that_is_heard_is_not_pushed_out_for_ten_minutes(db, session, now, later, is_gone):
    cookie = visits.exchange(db, session, visits.CANDIDATE, now)
    visits.hear(db, visits.find(db, cookie), now)
    assert visits.find(db, cookie).heard_at == now
    assert crowded_out(db, session, cookie, now + visits.HEARD_FOR + timedelta(seconds=later)) == is_gone


def test_that_a_visit_is_heard_is_written_at_most_once_a_minute(db, session, now):
    cookie, heard = visits.exchange(db, session, visits.CANDIDATE, now), []
    for seconds in (0, 10, 59, 60, 70):
        visits.hear(db, visits.find(db, cookie), now + timedelta(seconds=seconds))
        heard.append((visits.find(db, cookie).heard_at - now).total_seconds())
    assert heard == [0, 0, 0, 60, 60]


@pytest.mark.parametrize(("first", "crowd"), [(visits.CANDIDATE, visits.PROOF), (visits.PROOF, visits.CANDIDATE)])
def test_candidates_and_proofs_never_push_each_other_out(db, session, now, first, crowd):
    cookie = visits.exchange(db, session, first, now)
    for _ in range(21):
        visits.exchange(db, session, crowd, now)
    assert visits.find(db, cookie) is not None


def test_a_revoked_key_takes_its_visits_along(db, session, now):
    cookie = visits.exchange(db, session, visits.CANDIDATE, now)
    session_keys.revoke(db, session.id, now=now)
    assert visits.find(db, cookie) is None
    with pytest.raises(UnknownKey):
        visits.exchange(db, session, visits.CANDIDATE, now)


def test_a_visit_of_an_older_generation_opens_nothing(db, session, now):
    cookie = visits.exchange(db, session, visits.CANDIDATE, now)
    execute(db, "UPDATE interview_session SET generation = 2")
    assert visits.find(db, cookie) is None


@pytest.mark.parametrize(("address", "network"), [
    ("192.0.2.77", "192.0.2.0/24"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:192.0.2.1", "192.0.2.0/24"),
    ("", "unknown"), ("evil", "unknown"),
])  # fmt: skip
def test_failures_are_counted_for_a_network_not_for_an_address(address, network):
    assert visits.network(address) == network


def test_failures_are_used_up_for_one_network_and_one_window_only(db, now):
    for _ in range(visits.FAILURES_ALLOWED):
        assert not visits.too_many_failures(db, "192.0.2.0/24", now)
        visits.count_failure(db, "192.0.2.0/24", now)
    assert visits.too_many_failures(db, "192.0.2.0/24", now)
    assert not visits.too_many_failures(db, "198.51.100.0/24", now)
    assert not visits.too_many_failures(db, "192.0.2.0/24", now + timedelta(seconds=visits.FAILURES_WINDOW))


def test_failures_of_yesterday_are_cleared_away(db, now):
    visits.count_failure(db, "192.0.2.0/24", now - timedelta(days=2))
    visits.count_failure(db, "198.51.100.0/24", now)
    assert fetch(db, "SELECT network FROM failed_key") == [("198.51.100.0/24",)]
