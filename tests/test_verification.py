"""The whole verification: what it says without settings, in the sandbox, of a server that refuses, and how it ends."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from imap_server import ImapServer
from smtp_server import SmtpServer

from mailer import verification
from mailer.config import MailSettings, check
from mailer.delivery import deliver
from mailer.verification import Asked, WrongParameters, stages, verify
from store import places
from store.database import execute, fetch
from store.errors import StoreError
from store.redaction import masked_address

TO = "reader@acme.org"


@pytest.fixture
def sandboxed(tmp_path):
    return MailSettings(email_backend="sandbox", sandbox_mailbox=str(tmp_path / "mailbox"))


def smtp(port, **changed):
    """The settings of a mail server on this machine."""
    given = {"email_backend": "smtp", "email_host": "127.0.0.1", "email_port": str(port), "email_timeout": "2",
             "default_from_email": "interviews@acme.test"}  # fmt: skip
    return MailSettings(**given | changed)


@pytest.fixture
def run(desk):
    """Runs a verification on the desk's record; the link's stage is left out, which needs a portal."""

    def made(mail, stop_after=stages.READ_BACK, recipient=TO, **more):
        asked = Asked(recipient, stop_after=stop_after, portal="http://127.0.0.1:9", wait=1, rates_spam=False)
        return verify(asked, mail, desk.settings, lambda: (desk.db, desk.ring), **more)

    return made


def row_of(done, stage, result):
    return next(row for row in done.rows if row.stage == stage and row.result == result)


def test_without_any_settings_it_ends_red_with_the_first_thing_to_do(run):
    done = run(MailSettings())
    assert (done.light, done.exit_code) == (stages.RED, 10)
    assert "EMAIL_BACKEND is not set" in done.sentence
    assert [row.result for row in done.rows if row.stage != stages.SETTINGS] == [stages.NOT_RUN] * 8
    assert len(done.findings) == len({row.fix for row in done.findings}) == 6


def test_in_the_sandbox_it_is_amber_and_proven_there_only(run, sandboxed):
    done = run(sandboxed)
    assert (done.light, done.exit_code) == (stages.AMBER, 0)
    assert row_of(done, stages.READ_BACK, stages.OK).evidence == "in the sandbox's mailbox"
    assert [row.evidence for row in done.findings] == ["Proven in the sandbox only: nobody outside gets a mail."]


def test_rows_come_in_the_order_of_the_stages_and_are_told_as_they_come(run, sandboxed):
    told = []
    done = run(sandboxed, told=told.append)
    order = [stages.BY_NAME[row.stage].exit_code for row in done.rows]
    assert order == sorted(order)
    assert sorted(told, key=repr) == sorted(done.rows, key=repr)


def test_the_test_mail_is_an_interview_that_is_marked_as_a_test(run, sandboxed, desk):
    run(sandboxed)
    assert fetch(desk.db, "SELECT is_test FROM interview") == [(True,)]
    assert fetch(desk.db, "SELECT state, recipient FROM notification") == [("sent", TO)]


def test_it_stops_after_the_stage_that_was_asked_for_and_mails_nothing(run, sandboxed, desk):
    done = run(sandboxed, stop_after=stages.ADDRESSES)
    assert {row.stage for row in done.rows} == {
        stage.name for stage in stages.STAGES if stage.exit_code <= stages.BY_NAME[stages.ADDRESSES].exit_code
    }
    assert fetch(desk.db, "SELECT count(*) FROM interview") == [(0,)]


@pytest.mark.parametrize(("said", "code", "word"), [
    ({"BANNER": "554 no service here"}, 13, "no service here"), ({"MAIL": "550 5.7.60 not your address"}, 16, "Send As"),
    ({"RCPT": "550 5.1.1 no such user"}, 16, "does not exist"), ({".": "554 5.7.1 spam"}, 17, "spam"),
])  # fmt: skip
def test_the_first_stage_that_fails_decides_and_is_named_first(run, said, code, word):
    with SmtpServer(said) as server:
        done = run(smtp(server.port))
    assert (done.light, done.exit_code) == (stages.RED, code)
    assert word in done.sentence


def test_only_what_needs_a_failed_stage_is_left_out(run):
    with SmtpServer({"RCPT": "550 5.1.1 no such user"}) as server:
        done = run(smtp(server.port), stop_after=stages.CALENDAR)
    results = stages.results(done.rows)
    assert [results[name] for name in (stages.CONNECT, stages.LOGIN)] == [stages.OK, stages.OK]
    assert {results[name] for name in (stages.SEND, stages.READ_BACK, stages.LINK, stages.CALENDAR)} == {stages.NOT_RUN}


def test_a_server_without_a_mailbox_to_read_is_amber_and_says_how_to_read_back(run):
    with SmtpServer() as server:
        done = run(smtp(server.port))
    assert (done.light, done.exit_code) == (stages.AMBER, 0)
    assert "IMAP_HOST" in row_of(done, stages.READ_BACK, stages.WARNING).fix


def test_a_paused_account_is_told_with_the_command_that_lifts_the_pause(run, desk):
    with SmtpServer({".": "535 5.7.8 not you"}) as server:
        run(smtp(server.port))
        assert "python -m mailer resume" in fetch(desk.db, "SELECT fix FROM account_pause")[0][0]
        done = run(smtp(server.port))
    assert done.sentence.count("python -m mailer resume") == 1
    assert done.sentence.endswith("verify again.")


def test_a_record_that_cannot_be_opened_is_a_finding_of_the_settings(desk, sandboxed):
    def broken():
        raise StoreError("the database is locked", "close the program that has it open.")

    done = verify(Asked(TO), sandboxed, desk.settings, broken)
    assert done.exit_code == 10
    assert "the database is locked To fix: close the program" in done.sentence


def test_the_link_is_opened_at_a_portal_and_one_that_is_not_there_is_named(run, sandboxed):
    done = run(sandboxed, stop_after=stages.CALENDAR)
    assert done.exit_code == 19
    assert "make portal" in done.sentence


def test_a_calendar_is_read_as_a_calendar_program_takes_it(run, sandboxed):
    done = run(sandboxed, stop_after=stages.CALENDAR)
    seen = row_of(done, stages.CALENDAR, stages.OK).evidence
    assert seen.startswith("REQUEST for ")
    assert masked_address(TO) in seen


def test_the_mail_that_arrived_is_held_to_the_rules_of_mail_programs(run, sandboxed):
    row = next(row for row in run(sandboxed).rows if row.title == "Quality")
    assert (row.result, "by every rule; not rated for spam here" in row.evidence) == (stages.OK, True)


def test_a_rule_that_the_mail_breaks_is_something_to_do(run, sandboxed, monkeypatch):
    monkeypatch.setattr("mailer.quality.message.LARGEST", 100)
    done = run(sandboxed)
    assert (done.light, done.exit_code) == (stages.AMBER, 0)
    assert any(row.code.startswith("quality.") and row.result == stages.WARNING for row in done.findings)


@pytest.mark.parametrize(("changed", "field"), [
    ({"stop_after": "lunch"}, "stop_after"), ({"wait": 0}, "wait_seconds"), ({"recipient": "nobody"}, "recipient"),
    ({"recipient": None}, "recipient"), ({"portal": "x"}, "portal_url"), ({"wait": -1, "stop_after": "x"}, "stop_after"),
    ({"recipient": "nobody", "before_batch": True}, "canary"),
])  # fmt: skip
def test_wrong_parameters_are_refused_before_anything_is_tried(desk, sandboxed, changed, field):
    with pytest.raises(WrongParameters) as refusal:
        verify(replace(Asked(TO), **changed), sandboxed, desk.settings, lambda: (desk.db, desk.ring))
    found = refusal.value.findings[0]
    assert (found.id, found.what.partition(" = ")[0]) == (f"parameters.{field}", field)
    assert found.fix
    assert len(refusal.value.findings) == len(changed) - ("before_batch" in changed)


def test_without_a_recipient_only_the_sender_is_named_to_the_server(run):
    with SmtpServer() as server:
        done = run(smtp(server.port), stop_after=stages.ADDRESSES, recipient=None)
    assert (done.light, done.exit_code) == (stages.GREEN, 0)
    assert not any(command.startswith("RCPT") for command in server.commands)


@pytest.mark.parametrize(("stop_after", "words"), [
    (stages.SETTINGS, "(settings); no mail server was spoken to."), (stages.DNS, "(domain names); no mail server was"),
    (stages.LOGIN, "(login); no mail was sent."), (stages.SEND, "(test invitation)."),
])  # fmt: skip
def test_a_run_that_ends_early_is_green_as_far_as_it_looked_and_says_what_was_not_done(run, stop_after, words):
    with SmtpServer() as server:
        done = run(smtp(server.port), stop_after=stop_after)
    assert (done.light, done.sentence.startswith("Nothing is wrong as far as")) == (stages.GREEN, True)
    assert words in done.sentence


def test_a_domain_of_people_behind_a_server_on_this_machine_is_amber_and_says_what_was_not_looked_at(run):
    with SmtpServer() as server:
        done = run(smtp(server.port, default_from_email="interviews@acme.org"), stop_after=stages.ADDRESSES)
    assert (done.light, done.exit_code) == (stages.AMBER, 0)
    assert done.sentence.startswith("Nothing failed, but not everything was seen: the records of the From domain")
    assert "set DNS_SERVER" in done.sentence


def test_a_run_that_read_nothing_back_does_not_sound_as_if_it_had(run):
    with SmtpServer() as server:
        done = run(smtp(server.port))
    assert done.sentence.startswith("Nothing failed, but not everything was seen: what arrived was not read back.")


def test_a_test_mail_that_was_not_taken_never_goes_later_and_is_not_counted(run, desk):
    with SmtpServer({".": "452 4.3.1 no room"}) as server:
        done = run(smtp(server.port))
        assert fetch(desk.db, "SELECT state FROM notification") == [("superseded",)]
        account = check(smtp(server.port), desk.settings).usable()
        later = deliver(desk.db, account=account, settings=desk.settings, ring=desk.ring)
    assert (later.waiting, later.is_clean) == (0, True)
    assert re.match(r"Verify again in [5-8] minutes; if it stays so, ", row_of(done, stages.SEND, stages.FAILED).fix)


def test_a_test_mail_that_another_run_left_is_withdrawn_by_the_next(run, desk, sandboxed):
    run(sandboxed)
    execute(desk.db, "UPDATE notification SET state = 'queued'")
    run(sandboxed)
    assert fetch(desk.db, "SELECT state FROM notification ORDER BY id") == [("superseded",), ("sent",)]


def test_a_recipient_with_a_full_mailbox_is_not_taken_for_a_candidate(run):
    with SmtpServer({".": "552 5.2.2 mailbox full"}) as server:
        row = row_of(run(smtp(server.port)), stages.SEND, stages.FAILED)
    assert (
        row.evidence
        == f"the server did not take the mail to {masked_address(TO)}: the mailbox is full (552 5.2.2 mailbox full)"
    )
    assert row.fix == "The recipient's mailbox is full: empty it, or name another recipient (--to), and verify again."


def test_a_mail_to_another_mailbox_than_the_one_read_back_is_a_warning_and_no_failure(run):
    imap = {
        "imap_host": "127.0.0.1",
        "imap_security": "plain",
        "imap_user": "box@acme.org",
        "imap_password": "x9-unsaid",
    }
    with SmtpServer() as server, ImapServer({"UID SEARCH": b"* SEARCH\r\n%s OK done\r\n"}) as mailbox:
        done = run(smtp(server.port, imap_port=str(mailbox.port), **imap))
    assert (done.light, done.exit_code) == (stages.AMBER, 0)
    row = row_of(done, stages.READ_BACK, stages.WARNING)
    assert f"does not get mail for {masked_address(TO)}" in row.evidence
    assert "imap search in INBOX" in done.transcript


def command(*arguments, **environment):
    given = {"PATH": "/usr/bin:/bin", "DATABASE_URL": "sqlite://", **environment}
    return subprocess.run(
        [sys.executable, "-m", "mailer", "verify", *arguments], cwd=places.ROOT, env=given, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_the_command_ends_with_the_code_of_the_stage_and_says_what_to_do_first():
    done = command("--stop-after", "addresses", EMAIL_BACKEND="smtp")
    assert done.returncode == 10
    assert "To fix: set EMAIL_HOST" in done.stdout
    assert "\nRED: " in done.stdout


def test_the_command_in_the_sandbox_opens_the_link_at_a_portal_of_its_own(tmp_path):
    done = command(
        EMAIL_BACKEND="sandbox", SANDBOX_MAILBOX=str(tmp_path / "mailbox"), SESSION_KEY_RING=str(tmp_path / "ring.json"),
        DATABASE_URL=f"sqlite:///{tmp_path}/record.db",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok       Link: opens IV-1's page" in done.stdout
    assert "\nAMBER: " in done.stdout


def test_the_command_says_a_refused_mail_in_its_rows_and_nowhere_else(tmp_path):
    with SmtpServer({".": "554 5.7.1 spam"}) as server:
        done = command(
            "--to", TO, EMAIL_BACKEND="smtp", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(server.port),
            DEFAULT_FROM_EMAIL="interviews@acme.org", SESSION_KEY_RING=str(tmp_path / "ring.json"),
            DATABASE_URL=f"sqlite:///{tmp_path}/record.db",
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (17, "")


@pytest.mark.parametrize("given", ["--stop-after=lunch", "--to=nope", "--wait=-1", "--portal=foo"])
def test_the_command_names_the_option_that_cannot_be_used(given):
    done = command(given, EMAIL_BACKEND="sandbox")
    [line] = done.stderr.splitlines()
    assert (done.returncode, line.startswith(f"mailer: {given.partition('=')[0]}=")) == (2, True)
    assert "To fix: " in line


def test_settings_that_cannot_be_read_are_told_as_rows(monkeypatch):
    monkeypatch.setenv("INTERVIEW_OPENS_BEFORE", "soon")
    done = verification.verify_here(Asked(TO))
    assert (done.light, done.exit_code) == (stages.RED, 10)
    assert "INTERVIEW_OPENS_BEFORE" in done.sentence.upper()
