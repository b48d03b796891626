"""The steps of cancel_interviews.ipynb on a record and a sandbox: what is asked, shown, cancelled, mailed, and told."""

import re

import booking_desk
import cancel_desk
import pytest
from booking_desk import DAY

from mailer.config import MailSettings
from notebooks import cancel_steps, cancel_tables
from notebooks.stopping import JobFailed, SettingsWrong
from store import times
from store.cancel_file import Named

office = cancel_desk.office


def table_rows(shown) -> list[dict[str, str]]:
    """The cells of a table by their column's title."""
    head = re.findall("<th>(.*?)</th>", shown.data)
    rows = re.findall("<tr>(<td>.*?)</tr>", shown.data)
    return [dict(zip(head, re.findall("<td>(.*?)</td>", row), strict=True)) for row in rows]


@pytest.mark.parametrize("codes", ["IV-1, IV-22", "iv-1 22", " 1;IV-22,\niv-1 "])
def test_codes_are_read_as_pages_and_tables_show_them_each_once(office, codes):
    asked = cancel_steps.wanted(office.run, codes, "", dry_run=True)
    assert asked.named == [Named(interview_id=1), Named(interview_id=22)]


@pytest.mark.parametrize("wrong", ["IV-0", "12x", "IV12", "-3", "9223372036854775808", "1\u0661", "a@example.com"])
def test_what_is_no_code_is_told_with_the_parameter_and_nothing_is_looked_for(office, wrong):
    with pytest.raises(SettingsWrong, match=r"\[parameters\.interviews\] .* is no interview's code\. To fix: "):
        cancel_steps.wanted(office.run, f"IV-1, {wrong}", "", dry_run=True)


def test_codes_and_a_file_at_once_are_refused(office):
    with pytest.raises(SettingsWrong, match=r"\[parameters\.cancel_csv\] .*both given\. To fix: give one of them"):
        cancel_steps.wanted(office.run, "IV-1", "some.csv", dry_run=True)


def test_nothing_named_is_a_list_in_a_dry_run_and_wrong_in_earnest(office):
    office.book("a")
    taken = office.cancel(dry_run=True)
    shown = cancel_tables.found(taken.found, taken.asked, cancel_steps.ahead(office.run, taken.asked))
    assert [(row["interview"], row["candidate"]) for row in table_rows(shown)] == [("IV-1", "a***@cand.example")]
    assert "nothing was named" in taken.verdict()
    with pytest.raises(SettingsWrong, match=r"\[parameters\.interviews\] Nothing is named"):
        cancel_steps.wanted(office.run, " ", "", dry_run=False)


def test_the_list_has_the_next_interviews_first_and_only_those_that_may_be_cancelled(office):
    late, begun, soon, gone = office.book("late", "begun", "soon", "gone")
    office.book("trial", is_test=True)
    office.desk.move(soon, times.now() + DAY)
    office.desk.begin(begun)
    office.desk.cancel(gone)
    listed = cancel_steps.ahead(office.run, cancel_steps.wanted(office.run, "", "", dry_run=True))
    assert [one.interview_id for one in listed] == [soon, late]
    assert cancel_steps.ahead(office.run, cancel_steps.wanted(office.run, "IV-1", "", dry_run=True)) == []


def test_a_missing_file_is_named_with_the_fix(office):
    with pytest.raises(JobFailed, match=r"nowhere\.csv.*To fix: "):
        office.cancel(cancel_csv="nowhere.csv")


def test_a_dry_run_cancels_and_mails_nothing_and_says_what_it_would_do(office):
    office.book("a", "b")
    taken = office.cancel("IV-1, IV-2", dry_run=True)
    assert (office.states(), office.arrived()) == (["scheduled"] * 2, {})
    assert [row["outcome"] for row in table_rows(cancel_tables.found(taken.found, taken.asked, []))] == ["cancel"] * 2
    assert "A dry run cancels and mails nothing." in cancel_tables.mailing(taken.mailing, taken.done).data
    assert taken.verdict() == (
        "Done: a dry run, nothing is cancelled (2 cancel); 2 would be cancelled. To cancel, set dry_run to False."
    )


def test_a_booking_of_the_wrong_file_is_undone_by_the_same_file_and_every_candidate_is_told_once(office):
    office.book("other")
    ids = office.book("a", "b", "c")
    office.mail()
    taken = office.cancel(cancel_csv=office.file)
    assert taken.verdict() == "Done: 3 cancelled; 3 mails sent now."
    assert office.states() == ["scheduled"] + ["cancelled"] * 3
    told = {name: dict(methods) for name, methods in office.arrived().items()}
    assert told == {**dict.fromkeys("abc", {"REQUEST": 1, "CANCEL": 1}), "other": {"REQUEST": 1}}
    assert [row.interview_id for row in taken.mailing.rows] == ids
    again = office.cancel(cancel_csv=office.file)
    assert again.verdict() == "Done: 3 unchanged; 0 mails sent now."
    assert {row["what"] for row in table_rows(cancel_tables.cancelled(again.done))} == {"It is cancelled already."}
    assert {name: dict(methods) for name, methods in office.arrived().items()} == told
    assert [row.interview_id for row in again.mailing.rows] == ids


def test_nothing_is_cancelled_or_mailed_if_one_that_was_named_cannot_be(office):
    office.book("a")
    taken = office.cancel("IV-1, IV-99")
    assert (office.states(), office.arrived()) == (["scheduled"], {})
    assert "Nothing is cancelled or mailed" in cancel_tables.cancelled(taken.done).data
    first, second = table_rows(cancel_tables.found(taken.found, taken.asked, []))
    assert (first["outcome"], first["reason"], first["interview"]) == ("refused", "interview_unknown", "IV-99")
    assert first["To fix"]
    assert second["outcome"] == "cancel"
    words = r"1 interview is refused, so that nothing is cancelled: IV-99 \(interview_unknown\)\. To fix: correct it"
    with pytest.raises(JobFailed, match=words):
        taken.verdict()


def test_with_allow_refused_the_others_are_cancelled_and_the_job_ends_well(office):
    office.book("a")
    taken = office.cancel("IV-1, IV-99", allow_refused=True)
    assert office.states() == ["cancelled"]
    assert taken.verdict() == "Done: 1 cancelled, 1 refused; 0 mails sent now."


def test_refused_rows_of_a_file_are_named_by_their_lines_the_first_few_of_them(office):
    office.book(*"abcdefgh")
    office.desk.change("UPDATE interview SET state = 'completed' WHERE id > 1")
    taken = office.cancel(cancel_csv=office.file)
    with pytest.raises(JobFailed, match=r"7 interviews are refused.*: line 3 \(interview_completed\), .* and 2 more\."
                                        r" To fix: correct them in booked\.csv"):  # fmt: skip
        taken.verdict()


def test_one_that_begins_between_the_look_and_the_cancelling_fails_the_job_and_the_others_are_cancelled(office):
    office.book("a", "b")
    asked = cancel_steps.wanted(office.run, "IV-1, IV-2", "", dry_run=False)
    found = cancel_steps.find(office.run, asked)
    office.desk.begin(2)
    done = cancel_steps.cancel(office.run, asked, found, dry_run=False, allow_refused=False)
    assert office.states() == ["cancelled", "scheduled"]
    mailing = cancel_steps.deliver(office.run, done, deliver_mail=True)
    with pytest.raises(JobFailed, match=r"refused and not cancelled: IV-2 \(interview_started\)"):
        cancel_steps.verdict(asked, done, mailing, allow_refused=False)


def test_mails_that_are_left_to_another_job_are_no_failure_and_go_with_the_next_run(office):
    office.book("a")
    office.mail()
    assert office.cancel("IV-1", deliver_mail=False).verdict() == "Done: 1 cancelled; 0 mails sent now."
    assert office.arrived()["a"] == {"REQUEST": 1}
    assert office.cancel("IV-1").verdict() == "Done: 1 unchanged; 1 mail sent now."
    assert office.arrived()["a"] == {"REQUEST": 1, "CANCEL": 1}


def test_without_mail_settings_the_interviews_are_cancelled_and_the_job_fails_with_what_is_missing(office):
    office.book("a")
    office.mail()
    office.run.mail = MailSettings()
    taken = office.cancel("IV-1")
    assert office.states() == ["cancelled"]
    assert "Nothing was sent" in cancel_tables.mailing(taken.mailing, taken.done).data
    with pytest.raises(JobFailed, match=r"EMAIL_BACKEND is not set\. To fix: "):
        taken.verdict()


def test_tables_show_the_time_in_the_booked_zone_and_no_whole_address(office):
    office.book("anna", timezone="Europe/Berlin")
    taken = office.cancel("IV-1")
    shown = cancel_tables.cancelled(taken.done)
    assert "anna@" not in shown.data
    [row] = table_rows(shown)
    assert (row["candidate"], row["job"]) == ("a***@cand.example", "Nurse anna, Acme")
    assert row["start"] == cancel_tables.tables.when(
        {"started_at": taken.done.rows[0].about.starts_at, "timezone": "Europe/Berlin"}
    )


def test_an_interview_that_is_over_by_this_machines_clock_is_refused(office):
    office.desk.now = times.now() - 2 * DAY
    office.desk.book(booking_desk.request(times.now() - DAY))
    assert [row.code for row in office.cancel("IV-1").found] == ["slot_past"]
