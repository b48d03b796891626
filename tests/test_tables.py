"""What ops read: cells are text that strangers wrote, the verdict names every reason."""

import re
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from booking_desk import DAY, HOUR, write_file

from mailer.delivery import DeliveryReport
from notebooks import batch_steps, tables
from notebooks.batch_steps import Mailing
from notebooks.stopping import JobFailed
from store.batches import BatchReport
from store.debuglog import LogSummary
from store.errors import Finding


def report(**outcomes: int) -> BatchReport:
    return BatchReport(1, "candidates.csv", "f1", sum(outcomes.values()), Counter(outcomes), Counter())


def test_cells_are_shown_as_text_never_as_markup():
    shown = tables.table([{"candidate": "<script>alert(1)</script>", "note": "a & b"}], "<b>")
    assert "<script>" not in shown.data
    assert "&lt;script&gt;" in shown.data
    assert "a &amp; b" in shown.data


def test_long_tables_say_how_many_rows_are_not_shown():
    shown = tables.table([{"row": number} for number in range(30)], limit=25)
    assert "... and 5 more." in shown.data


def test_columns_without_any_word_are_left_out():
    assert "nothing" not in tables.table([{"row": 1, "nothing": ""}, {"row": 2, "nothing": None}]).data


def test_a_booked_row_shows_the_ids_of_its_interview_and_its_slot(desk, request_of, tomorrow, tmp_path):
    desk.book(request_of(tomorrow - HOUR, email="first@example.com"))
    write_file(tmp_path / "candidates.csv", [request_of(), request_of(tomorrow - 3 * DAY, email="late@example.com")])
    shown = tables.batch(desk.db, desk.apply(tmp_path / "candidates.csv")).data
    refused, booked = (dict(zip(re.findall("<th>(.*?)</th>", shown), re.findall("<td>(.*?)</td>", row), strict=True))
                       for row in shown.partition("<tbody>")[2].split("<tr>")[1:])  # fmt: skip
    assert (booked["outcome"], booked["interview"], booked["slot"]) == ("created", "2", "2")
    assert (refused["outcome"], refused["interview"], refused["slot"]) == ("refused", "", "")


def test_rows_that_an_earlier_run_has_done_are_shown_as_such(desk, request_of, tomorrow, tmp_path):
    path = tmp_path / "candidates.csv"
    write_file(path, [request_of(), request_of(tomorrow - HOUR, email="two@example.com")])
    plan = desk.plan(path)
    first, again = desk.apply(path, plan.fingerprint), desk.apply(path, plan.fingerprint)
    assert "earlier run" not in tables.batch(desk.db, first).data
    shown = tables.batch(desk.db, again).data
    assert shown.count("<td>created (in an earlier run)</td>") == 2
    assert "2 of 2 rows were decided in an earlier run, and are skipped now." in shown
    assert "2 of 2 rows had been booked before just so" in tables.batch(desk.db, desk.apply(path)).data
    same = desk.plan(path)
    desk.apply(path, same.fingerprint)
    assert "2 of 2 rows were decided" in tables.batch(desk.db, desk.apply(path, same.fingerprint)).data
    told = batch_steps.verdict(again, Mailing(), None, allow_refused=False)
    assert told.startswith("Done: 2 created (2 of all in an earlier run); 0 mails sent now.")


def test_a_run_that_sends_nothing_says_so_and_not_that_nothing_waits():
    shown = tables.mailing(Mailing(is_wanted=False), dry_run=False).data
    assert ("Nothing is sent in this run, for deliver_mail is off" in shown, "0 waiting" in shown) == (True, False)


def test_log_lines_are_shown_as_text():
    summary = LogSummary(lines=1, by_tag=Counter({"[EMAIL FAILED]": 1}), failures=["[EMAIL FAILED] <img src=x>"])
    assert "<img" not in tables.log_summary(summary, "run.log").data


def test_of_many_refused_rows_the_first_are_named_and_the_file():
    booked = replace(report(created=1, refused=7), first_refused=tuple((line, "email_invalid") for line in range(3, 8)))
    with pytest.raises(JobFailed) as failed:
        batch_steps.verdict(booked, Mailing(), None, allow_refused=False)
    named = ", ".join(f"line {line} (email_invalid)" for line in range(3, 8))
    assert f"7 rows are refused: {named} and 2 more. To fix: correct them in candidates.csv" in str(failed.value)


def test_clean_run_ends_in_one_sentence():
    sentence = batch_steps.verdict(report(created=3), Mailing(), None, allow_refused=False)
    assert sentence.startswith("Done: 3 created")


STUCK = SimpleNamespace(state="paused", interview_id=7, reply="530", fix="Set EMAIL_HOST_USER.")


@pytest.mark.parametrize(
    ("booked", "mailing", "reason"),
    [
        (report(created=1, refused=2), Mailing(), "2 rows are refused"),
        (report(created=1, failed=1), Mailing(), "1 row failed"),
        (report(created=1), Mailing(findings=(Finding("mail.host", "No host.", "set it."),)), "No host."),
        (report(created=1), Mailing(trouble="The sandbox did not start. To fix: look."), "The sandbox did not start"),
        (report(created=1), Mailing(rows=[STUCK]), "1 mail is not sent. IV-7: paused, 530."),
    ],
)
def test_whatever_went_wrong_fails_the_job_with_its_fix(booked, mailing, reason):
    with pytest.raises(JobFailed, match=reason) as failed:
        batch_steps.verdict(booked, mailing, None, allow_refused=False)
    assert "To fix: " in str(failed.value)


def test_unproven_mail_fails_the_job():
    rows = [
        SimpleNamespace(verdict="failed", interview_id=number, problems=("Lost.",), fix="look.") for number in range(7)
    ]
    proven = SimpleNamespace(rows=rows, not_read_back="")
    with pytest.raises(
        JobFailed, match="7 mails are not proven. IV-0, IV-1, IV-2, IV-3, IV-4 and 2 more; of the first: Lost."
    ):
        batch_steps.verdict(report(created=3), Mailing(report=DeliveryReport()), proven, allow_refused=False)
