"""The gate before a batch that really sends: the portal that the links lead to, and the mailbox of the proof."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from imap_server import ImapServer
from pydantic import SecretStr
from smtp_server import SmtpServer
from test_verification import smtp
from test_verification_link import free_port  # noqa: F401 - a fixture

from mailer import portal_process
from mailer.account import PLAIN, ImapAccount
from mailer.config import check
from mailer.verification import stages
from mailer.verification.stages import OK, WARNING
from notebooks import preflight_gate
from notebooks.stopping import JobFailed, SettingsWrong
from store import database

pytest_plugins = ("proof_office",)
WRONG_PASSWORD = {"LOGIN": b"%s NO [AUTHENTICATIONFAILED] wrong\r\n"}


@pytest.fixture
def gate(desk, environment):
    """Asks the gate for a batch that mails through a server on this machine; `imap` is the mailbox to read back."""

    def gate(backend_url="http://localhost:8999", *, imap=None, host="127.0.0.1", **asked):
        settings = desk.settings.model_copy(update={"backend_url": backend_url})
        given = {"dry_run": False, "deliver_mail": True, "preflight": True, "canary": "", "portal_url": ""} | asked
        with SmtpServer() as server:
            mail = smtp(server.port, email_host=host)
            checked = replace(check(mail, settings), imap=imap)
            run = SimpleNamespace(checked_mail=checked, mail=mail, settings=settings, db=desk.db, ring=desk.ring,
                                  environment=environment)  # fmt: skip
            return preflight_gate.check(run, **given)

    return gate


def row_of(done, stage):
    [row] = [row for row in done.rows if row.stage == stage]
    return row


@pytest.mark.parametrize("setting", ["BACKEND_URL", "portal_url"])
def test_a_batch_whose_portal_does_not_run_stops_with_what_to_do(gate, free_port, setting):  # noqa: F811
    address = f"http://localhost:{free_port}"
    with pytest.raises(JobFailed, match="Stopped before the first candidate; nothing was booked or mailed") as stopped:
        gate(address) if setting == "BACKEND_URL" else gate(portal_url=address)
    assert f"The links would not open: no portal answers at {setting} ({address})" in str(stopped.value)
    assert "`make portal`" in str(stopped.value)
    assert str(stopped.value).endswith("then run the batch again.")


def test_a_batch_whose_portal_has_no_known_name_says_to_correct_it(gate):
    with pytest.raises(JobFailed, match="correct the spelling of BACKEND_URL"):
        gate("https://no-such-portal.invalid")


def test_a_batch_stops_before_a_portal_with_another_record(gate, other_server):
    other_server.answers["/healthz"] = (200, {}, b'{"status": "ok", "database_id": "0123456789abcdef"}')
    with pytest.raises(JobFailed, match="serves another database") as stopped:
        gate(other_server.url)
    assert "start the portal with this DATABASE_URL" in str(stopped.value)


def test_wrong_mail_settings_are_told_as_wrong_settings(gate):
    with pytest.raises(SettingsWrong, match=r"Settings: .*EMAIL_HOST.* To fix: "):
        gate(host="")
    with pytest.raises(JobFailed) as stopped:
        gate("https://no-such-portal.invalid")
    assert not isinstance(stopped.value, SettingsWrong)


def test_a_batch_stops_before_what_is_no_portal(gate, other_server):
    with pytest.raises(JobFailed, match="is no healthy portal"):
        gate(other_server.url)


def test_the_records_own_portal_lets_the_batch_go_on(gate, environment):
    with portal_process.running(environment) as address:
        done = gate(portal_url=address)
    assert row_of(done, stages.LINK).result == OK
    assert done.exit_code == 0


@pytest.mark.parametrize("asked", [{"dry_run": True}, {"deliver_mail": False}, {"preflight": False}])
def test_where_nothing_is_to_be_looked_at_no_portal_is_asked(gate, asked):
    assert gate(**asked) is None


@pytest.mark.parametrize(("parameter", "value"), [("portal_url", "ftp://x"), ("portal_url", "foo"), ("canary", "nope")])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_parameter_that_cannot_be_used_is_named_also_in_a_dry_run(gate, parameter, value, dry_run):
    with pytest.raises(SettingsWrong, match=f"{parameter} = '{value}' is no"):
        gate(dry_run=dry_run, **{parameter: value})


def mailbox_at(port):
    return ImapAccount("127.0.0.1", port, PLAIN, "ops@acme.org", SecretStr("wrong-password-1"), timeout=5)


def test_a_mailbox_that_cannot_be_read_is_a_warning_and_stops_nothing(gate, desk, other_server):
    known = f'{{"database_id": "{database.database_id(desk.db)}"}}'.encode()
    other_server.answers["/healthz"] = (200, {}, known)
    with ImapServer(WRONG_PASSWORD) as server:
        done = gate(other_server.url, imap=mailbox_at(server.port))
    row = row_of(done, stages.READ_BACK)
    assert (row.result, done.exit_code) == (WARNING, 0)
    assert row.evidence.startswith("the mails of this batch will be sent, but not read back: ")
    assert "IMAP_PASSWORD" in row.fix


def test_every_folder_of_the_mailbox_is_opened_and_no_mail_fetched(gate, desk, other_server):
    known = f'{{"database_id": "{database.database_id(desk.db)}"}}'.encode()
    other_server.answers["/healthz"] = (200, {}, known)
    with ImapServer({"UID SEARCH": b"* SEARCH\r\n%s OK done\r\n"}) as server:
        done = gate(other_server.url, imap=mailbox_at(server.port))
    assert row_of(done, stages.READ_BACK).result == OK
    asked = [line.split()[1] for line in server.commands]
    assert b"EXAMINE" in asked
    assert not any(b"FETCH" in line for line in server.commands)
