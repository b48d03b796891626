"""Rehearsals: what would happen to the mails that wait, told from a copy while the record stays as it is."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from booking_desk import write_file
from pydantic import SecretStr
from smtp_server import FROM

from mailer.account import SMTP, STARTTLS, Account
from mailer.rehearsal import SimulatedClock, after_words, cause_of, rehearse, stage
from mailer.sandbox import SandboxFailed
from store import session_keys
from store.models import Candidate

pytest_plugins = ("post_office",)
REAL = Account(SMTP, "smtp.gmail.com", 587, STARTTLS, FROM, user="ops@acme.example", password=SecretStr("canary-word"))


@pytest.fixture
def rehearsed(post):
    """Rehearses a scenario with this many mails queued."""

    def run(scenario, mails=30, file=None, **changes):
        post.book(mails)
        desk = post.desk
        return rehearse(
            desk.db, scenario, account=replace(REAL, **changes), settings=desk.settings, now=desk.now, file=file
        )

    return run


def everything(desk):
    """What the record's tables hold."""
    return [
        desk.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("notification", "interview_session", "event")
    ]


def test_a_server_that_throttles_gets_every_mail_in_the_end_and_takes_its_time(rehearsed):
    seen = rehearsed("gmail-throttles", mails=45)
    assert seen.states == {"sent": 45}
    assert seen.lasted >= timedelta(minutes=2)
    assert [sent for _, sent in seen.timeline][-1] == 45
    assert max(mail.after for mail in seen.mails) <= seen.lasted
    assert re.search(r"It would end after (\d+ h )?\d+ min: 45 sent\.", seen.sentence())


@pytest.mark.parametrize(
    ("scenario", "at_least", "at_most"),
    [
        ("good", timedelta(0), timedelta(seconds=10)),
        ("greylisting", timedelta(minutes=5), timedelta(minutes=30)),
        ("down-for-an-hour", timedelta(hours=1), timedelta(hours=2)),
        ("drops-after-dot", timedelta(minutes=15), timedelta(hours=4)),
        ("gmail-daily-limit", timedelta(0), timedelta(seconds=10)),
    ],
)
def test_each_day_takes_as_long_as_it_would(rehearsed, scenario, at_least, at_most):
    seen = rehearsed(scenario)
    assert seen.states == {"sent": 30}
    assert at_least <= seen.lasted <= at_most


def test_recipients_who_are_refused_are_told_with_the_reason_and_what_to_do(rehearsed):
    seen = rehearsed("unknown-recipients")
    failed = [mail.row for mail in seen.mails if mail.row.state == "failed"]
    assert seen.states == {"sent": 27, "failed": 3}
    assert all("5.1.1" in row.reply and "booking" in row.fix for row in failed)


def test_time_in_which_nothing_is_due_is_skipped(rehearsed):
    seen = rehearsed("drops-after-dot", mails=6)
    assert seen.lasted >= timedelta(minutes=15)
    assert len(seen.timeline) <= 4


def test_an_account_that_would_be_paused_is_told_with_the_fix(rehearsed):
    seen = rehearsed("wrong-password")
    assert seen.pause is not None
    assert "App Password" in seen.sentence()
    assert seen.states == {"paused": 30}


def test_the_real_password_is_not_shown_even_to_the_scripted_server(rehearsed, monkeypatch):
    tried = []
    monkeypatch.setattr("mailer.sandbox.scripted.ScriptedServer.logged_in", lambda _, login: tried.append(login))
    seen = rehearsed("wrong-password", mails=1)
    assert {login.secret.get_secret_value() for login in tried} == {"not the real password"}
    assert "canary" not in repr(seen)


def test_the_record_and_what_is_bound_to_it_stay_as_they_are(post):
    post.book(1)
    desk = post.desk
    before = everything(desk)
    rehearse(desk.db, "good", account=REAL, settings=desk.settings, now=desk.now)
    assert everything(desk) == before
    assert post.states() == ["queued"]
    assert Candidate.select().count() == 1


def test_links_made_with_a_rotated_ring_can_be_rehearsed(rehearsed, post):
    desk = post.desk
    desk.ring = session_keys.rotate(desk.db, desk.settings.session_key_ring.get_secret_value(), now=desk.now)
    assert rehearsed("good", mails=2).states == {"sent": 2}


def test_mails_of_a_rehearsal_carry_links_that_open_nothing(rehearsed, post, monkeypatch):
    kept = []
    monkeypatch.setattr("mailer.sandbox.scripted.ScriptedServer.take", lambda _, mail: kept.append(mail) or "")
    rehearsed("good", mails=1)
    public, key_id, generation = post.desk.rows("SELECT public, key_id, generation FROM interview_session")[0]
    real = session_keys.session_key(public, key_id, generation, post.desk.ring)
    shown = session_keys.SESSION_KEY.findall(kept[0].content.decode())
    assert {key[:18] for key in shown} == {real[:18]}
    assert real not in shown


def test_a_candidates_file_is_rehearsed_without_being_booked(rehearsed, post, tmp_path, request_of):
    path = tmp_path / "tomorrow.csv"
    write_file(path, [request_of(email=f"f{n}@cand.example", job_title=f"Cook {n}") for n in range(5)])
    seen = rehearsed("good", mails=2, file=path)
    assert (seen.states, seen.booked.outcomes["created"]) == ({"sent": 7}, 5)
    assert post.desk.count("interview") == 2


def test_a_mail_that_the_server_took_twice_is_told_with_both_moments(rehearsed):
    seen = rehearsed("drops-after-dot", mails=6)
    [double] = seen.doubled
    assert len(double.taken) == 2
    assert double.taken[0] < timedelta(seconds=10)
    assert double.taken[1] >= timedelta(minutes=15)


def test_each_failed_try_is_told_with_its_moment_and_what_it_means(rehearsed):
    seen = rehearsed("greylisting", mails=2)
    assert [(one.state, one.signature) for one in seen.setbacks[:2]] == [("queued", "grey")] * 2
    assert all(one.at < seen.began + timedelta(minutes=5) for one in seen.setbacks[:2])
    assert cause_of("grey")[1] == "Nothing to do: it is tried again."


def test_mails_that_come_when_the_link_is_open_are_too_late(rehearsed, post):
    post.book(1, starts_at=post.desk.now + timedelta(hours=1, minutes=10))
    seen = rehearsed("down-for-an-hour", mails=1)
    assert [mail.row.interview_id for mail in seen.too_late] == [1]
    assert seen.without == []


def test_mails_that_never_come_are_without(rehearsed):
    seen = rehearsed("wrong-password", mails=2)
    assert (len(seen.without), seen.too_late) == (2, [])


def test_a_certificate_that_nobody_signed_is_not_trusted_in_a_rehearsal(rehearsed):
    assert "self-signed" in rehearsed("self-signed-certificate", mails=1).pause.reason


def test_mails_that_no_try_can_bring_home_have_failed_in_the_end(rehearsed):
    assert rehearsed("full-mailboxes", mails=10).states == {"sent": 9, "failed": 1}


def test_days_played_on_one_stage_know_nothing_of_each_other(post):
    post.book(5)
    desk = post.desk
    with stage(desk.db, account=REAL, settings=desk.settings, now=desk.now, most=4) as ready:
        played = [ready.play(name) for name in ("good", "wrong-password", "good")]
    assert [done.states for done in played] == [{"sent": 4}, {"paused": 4}, {"sent": 4}]
    assert {done.waiting for done in played} == {5}


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (0, "at once"),
        (42, "after 42 s"),
        (5000, "after 1 h 23 min"),
        (187_200, "after 2 d 4 h"),
        (172_800, "after 2 d"),
    ],
)
def test_spans_are_told_in_two_units_at_most(span, words):
    assert after_words(timedelta(seconds=span)) == words


def test_lines_logged_meanwhile_say_that_they_are_of_a_rehearsal(rehearsed, lines):
    rehearsed("unknown-recipients", mails=10)
    told = [line for line in lines() if "[EMAIL FAILED]" in line]
    assert told
    assert all(line.startswith("REHEARSAL: ") for line in told)


def test_an_unknown_scenario_is_refused_before_anything_is_copied(rehearsed):
    with pytest.raises(SandboxFailed, match="no scenario 'nonsense'"):
        rehearsed("nonsense", mails=0)


def test_those_who_wait_at_the_same_time_wait_together(now):
    clock = SimulatedClock(now)
    clock.wait(5)
    clock.reach(3)
    assert (clock(), clock.now()) == (5, now + timedelta(seconds=5))
