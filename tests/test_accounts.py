"""The mail account in the record: pauses by fingerprint, and a rate that all workers share."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from store import accounts

AT = 1_795_000_000.123


def pause(db, fingerprint, signature="auth_refused"):
    accounts.pause(db, fingerprint, signature=signature, reason="530", fix="correct EMAIL_HOST_PASSWORD.", now=AT)


def test_a_pause_holds_for_the_same_settings_only(db):
    pause(db, "old")
    assert accounts.paused(db, "old").fix == "correct EMAIL_HOST_PASSWORD."
    assert accounts.paused(db, "corrected") is None


def test_whether_any_account_is_paused_is_told_without_a_fingerprint(db):
    assert not accounts.are_paused(db)
    pause(db, "old")
    assert accounts.are_paused(db)


def test_the_first_reason_of_a_pause_is_kept(db, desk):
    pause(db, "f")
    pause(db, "f", "another")
    assert accounts.paused(db, "f").signature == "auth_refused"
    assert desk.event_kinds() == ["account_paused"]


def test_resuming_lifts_every_pause_and_says_how_many(db, desk):
    pause(db, "a")
    pause(db, "b")
    assert (accounts.resume(db, now=AT), accounts.resume(db, now=AT)) == (2, 0)
    assert accounts.paused(db, "a") is accounts.paused(db, "b") is None
    assert desk.event_kinds() == ["account_paused", "account_paused", "accounts_resumed"]


def test_without_a_rate_all_may_go(db):
    assert accounts.permits(db, "f", per_minute=0, wanted=500, now=AT) == (500, 0.0)


def test_a_seconds_worth_may_go_at_once_and_the_wait_says_when_the_next(db):
    assert accounts.permits(db, "f", per_minute=120, wanted=10, now=AT) == (2, 0.0)
    granted, wait = accounts.permits(db, "f", per_minute=120, wanted=10, now=AT)
    assert (granted, wait) == (0, pytest.approx(0.5, abs=1e-5))
    assert accounts.permits(db, "f", per_minute=120, wanted=10, now=AT + wait) == (1, 0.0)


def test_another_account_has_a_rate_of_its_own(db):
    accounts.permits(db, "f", per_minute=60, wanted=1, now=AT)
    assert accounts.permits(db, "g", per_minute=60, wanted=1, now=AT) == (1, 0.0)


@pytest.mark.parametrize("per_minute", [1, 7, 59, 60, 61, 100, 433, 3000])
def test_a_worker_that_waits_as_told_sends_at_exactly_the_rate(db, per_minute):
    now, sent = AT, 0
    for _ in range(40):
        granted, wait = accounts.permits(db, "f", per_minute=per_minute, wanted=50, now=now)
        sent += granted
        assert granted or wait > 1e-5
        now += wait
    burst = max(1, per_minute / 60)
    assert sent == pytest.approx(burst + (now - AT) * per_minute / 60, abs=1.001)
    assert sent >= 20


def test_workers_share_one_rate(db):
    start = Barrier(4)

    def work(_):
        accounts.paused(db, "f")
        start.wait(timeout=20)
        granted = sum(accounts.permits(db, "f", per_minute=600, wanted=2, now=AT)[0] for _ in range(5))
        db.close()
        return granted

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 10
