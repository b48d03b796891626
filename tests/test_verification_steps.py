"""What the notebook of the verification shows: the light, the table, what to do first, the plot, and how it ends."""

from dataclasses import replace

import pytest

from mailer.verification import Verification
from mailer.verification.stages import CONNECT, FAILED, LOGIN, NOT_RUN, OK, SETTINGS, WARNING, Row
from notebooks import verification_plots, verification_steps
from notebooks.stopping import JobFailed, SettingsWrong
from store import times

HOSTILE = "<script>alert(1)</script> $x$"
GOOD = Row(SETTINGS, "Mail settings", OK, "smtp there:587", begun=0.0, seconds=0.01)
ODD = Row(CONNECT, "Connection", WARNING, "it is slow", "ask the network team.", "slow", 0.01, 1.5)
BAD = Row(LOGIN, "Login by PLAIN", FAILED, HOSTILE, "Correct EMAIL_HOST_PASSWORD.", "auth.wrong", 1.51, 0.2)


def done(*rows, **changes):
    return replace(Verification(rows, times.now()), **changes)


def test_the_light_and_the_first_thing_to_do_come_first():
    said = verification_steps.light(done(GOOD, ODD, BAD)).data
    assert "RED" in said
    assert said.index("Login by PLAIN") < said.index("To fix: Correct EMAIL_HOST_PASSWORD.")


def test_the_words_stand_beside_their_light_and_never_below_it():
    said = verification_steps.light(done(GOOD)).data
    assert "display: flex" in said
    assert "flex: none" in said


def test_what_failed_is_to_be_done_before_what_is_only_odd_and_each_thing_once():
    said = verification_steps.to_do(done(GOOD, ODD, BAD, replace(BAD, title="again"))).data
    assert said.index("Correct EMAIL_HOST_PASSWORD.") < said.index("ask the network team.")
    assert said.count("<li>") == 2


def test_a_run_with_nothing_to_do_says_so():
    assert "Nothing to do." in verification_steps.to_do(done(GOOD)).data


def test_what_a_server_wrote_is_shown_as_text_and_never_as_markup():
    shown = (verification_steps.light(done(BAD)), verification_steps.lights(done(BAD)), verification_steps.to_do(done(BAD)),
             verification_steps.conversation(done(BAD, transcript=(f"S: {HOSTILE}",))))  # fmt: skip
    assert all("<script" not in one.data and "&lt;script" in one.data for one in shown)


def test_every_look_has_its_line_and_its_stage_is_named_once():
    said = verification_steps.lights(done(GOOD, replace(GOOD, title="Record"), BAD)).data
    assert said.count("<tr>") == 1 + 3
    assert said.count(">Settings<") == 1


def test_the_waterfall_has_a_bar_for_each_look_in_the_order_of_time():
    late = replace(GOOD, title="Late", begun=9.0)
    figure = verification_plots.waterfall(done(late, GOOD, BAD, replace(GOOD, title="Never", result=NOT_RUN)))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["Settings: Mail settings", "Login: Login by PLAIN", "Settings: Late"]


def test_the_verdict_of_a_failed_run_raises_with_the_code_of_its_stage():
    with pytest.raises(JobFailed, match=r"\(stage 15\)"):
        verification_steps.verdict(done(GOOD, BAD))


def test_what_a_verification_cannot_be_asked_for_is_told_all_at_once_as_wrong_parameters(tmp_path):
    kinds = {"recipient": str, "stop_after": str, "portal_url": str, "wait_seconds": int, "log_file": str}
    given = {"recipient": "nope", "stop_after": "nowhere", "portal_url": "foo", "wait_seconds": -1}
    with pytest.raises(SettingsWrong) as stopped:
        verification_steps.verify({"__annotations__": kinds, **given, "log_file": str(tmp_path / "run.log")})
    assert sorted(line.partition("] ")[2].partition(" = ")[0] for line in str(stopped.value).splitlines()) == sorted(
        given
    )


def test_the_verdict_of_warnings_alone_is_a_sentence():
    assert "Still to do: it is slow To fix: ask the network team." in verification_steps.verdict(done(GOOD, ODD))
