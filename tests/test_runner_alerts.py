"""The runner tells ops of a run that did not end well: once, with its end, and tried at once."""

import logging
import signal
import threading
import time
from email import message_from_bytes, policy

import job_office
import pytest
from facts_of_mails import FAILED_JOB
from job_office import JobOffice
from smtp_server import FROM, SILENCE, SmtpServer
from waiting import wait_until

from notebooks.runner import alerts as runner_alerts
from notebooks.runner.alerts import OpsAlert
from store import alerts, job_runs, outbox
from store.database import fetch
from store.job_runs import JobEnd, JobStart

OPS, CANARY = "ops@example.com", "canary-5f2c9e1b7d"
KEY = "k1" + "abcdefgh234567qz" * 3


@pytest.fixture
def told(settings):
    return settings.model_copy(update={"ops_email": OPS})


@pytest.fixture
def mail_to(monkeypatch):
    """Sets the mail account of this process."""

    def mail_to(port, **more):
        given = {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(port), "DEFAULT_FROM_EMAIL": FROM,
                 "EMAIL_TIMEOUT": "0.4", "EMAIL_DEADLINE": "1", "EMAIL_LEASE": "3", **more}  # fmt: skip
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    return mail_to


@pytest.fixture
def ended(db, told):
    """Records a run that ends so; gives its alert, queued."""

    def ended(outcome="failed", code=1, message="It broke. To fix: mend it.", settings=told, by="cron"):
        name = f"20261120T060000Z_{db.in_transaction()}{time.monotonic_ns():x}"
        run_id = job_runs.begin(db, JobStart(name, "small", "key", {"number": 1}, by, "ops", "ops-1", 1, "1.0"))
        alert = OpsAlert(db, settings)
        job_runs.finish(db, run_id, JobEnd(outcome, code, message))
        alert.queue(run_id)
        return alert, alerts.key_of(name)

    return ended


def test_a_failed_run_is_mailed_at_once_and_nothing_is_said(db, ended, mail_to, capsys):
    alert, key = ended()
    with SmtpServer() as server:
        mail_to(server.port)
        alert.send()
    assert (server.recipients(), alerts.mail_of(db, key).state) == ([OPS], "sent")
    assert message_from_bytes(server.delivered[0][2])["Subject"] == "[Interview Ops] small failed: It broke"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("outcome", "code", "by"), [("done", 0, "cron"), ("stopped", 143, "terminal")])
def test_a_run_that_ended_well_is_not_mailed(db, ended, outcome, code, by):
    alert, key = ended(outcome, code, by=by)
    alert.send()
    assert alerts.mail_of(db, key) is None


def test_a_trial_without_settings_tells_nobody(db, ended, caplog):
    alert, key = ended(settings=None)
    alert.send()
    assert (alerts.mail_of(db, key), caplog.messages) == (None, [])


def test_only_the_runs_own_alert_is_sent_at_its_end(db, told, ended, booked, mail_to):
    alerts.queue(db, told, FAILED_JOB)
    alert, key = ended()
    with SmtpServer() as server:
        mail_to(server.port)
        alert.send()
    assert server.recipients() == [OPS]
    assert outbox.waiting_alerts(db, resend=True) == outbox.waiting(db, resend=True) == 1


@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        ({"BANNER": "554 5.3.2 not now"}, "queued", ("not now", "To fix: ")),
        ({"RCPT": "550 5.1.1 no such user"}, "failed", ("failed: ", "OPS_EMAIL", "python -m mailer resend 1")),
        ({"RCPT": "451 4.3.0 later"}, "queued", ("later", "To fix: ")),
        ({"BANNER": SILENCE}, "queued", ("timeout at banner", "To fix: ")),
        ({".": SILENCE}, "unknown", ("unknown: ", "python -m mailer resend")),
        ({"MAIL": "535 5.7.8 authentication failed"}, "queued", ("the mail account is paused", "To fix: ")),
    ],
)
def test_a_mail_that_does_not_go_is_one_line_on_stderr_and_stays(
    db, ended, mail_to, capsys, monkeypatch, script, state, words
):
    alert, key = ended()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # as in a command, where no log takes the lines
    with SmtpServer(script) as server:
        mail_to(server.port)
        alert.send()
    said = capsys.readouterr().err
    assert said.startswith("notebooks: the alert to ops: ")
    assert said.count("\n") == 1
    assert ("It stays queued for `python -m mailer deliver`" in said) is (state == "queued")
    assert all(word in said for word in words), said
    assert alerts.mail_of(db, key).state == state


def test_a_try_that_is_left_begins_no_further_step(ended, monkeypatch, capsys):
    alert, _ = ended()
    deliveries, goes_on = [], threading.Event()

    def deliver(_, *, stop, **__):
        deliveries.append(stop)
        goes_on.wait(10)

    monkeypatch.setattr("mailer.delivery.deliver", deliver)
    monkeypatch.setattr(runner_alerts, "TRY_SECONDS", 0.5)
    for name, value in (("EMAIL_BACKEND", "sandbox"), ("DEFAULT_FROM_EMAIL", FROM)):
        monkeypatch.setenv(name, value)
    alert.send()
    goes_on.set()
    assert [stop.is_set() for stop in deliveries] == [True]
    assert "the try to send it was left" in capsys.readouterr().err


def test_mail_that_is_not_set_up_is_said_once_with_its_fix(db, ended, capsys):
    alert, key = ended()
    alert.send()
    said = capsys.readouterr().err
    assert said.startswith("notebooks: the alert to ops: mail is not set up: ")
    assert "To fix: " in said
    assert said.count("\n") == 1
    assert alerts.mail_of(db, key).state == "queued"


@pytest.mark.parametrize("error", [RuntimeError(f"password={CANARY}"), MemoryError()])
def test_nothing_that_goes_wrong_there_changes_how_the_run_ended(ended, mail_to, capsys, monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("mailer.delivery.deliver", broken)
    alert, _ = ended()
    mail_to(1)
    alert.send()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert CANARY not in said


def test_a_server_that_drips_is_left_after_the_mails_deadline(ended, mail_to, capsys):
    alert, _ = ended()
    with SmtpServer({"BANNER": SILENCE}) as server:
        mail_to(server.port, EMAIL_TIMEOUT="0.9")
        began = time.monotonic()
        alert.send()
    assert time.monotonic() - began < 20
    assert "timeout" in capsys.readouterr().err


def test_a_try_that_takes_too_long_is_left_and_its_mail_is_soon_free_for_others(
    db, ended, mail_to, capsys, monkeypatch
):
    monkeypatch.setattr(runner_alerts, "TRY_SECONDS", 1.0)
    alert, key = ended()
    with SmtpServer({"BANNER": SILENCE}) as server:
        mail_to(server.port, EMAIL_TIMEOUT="30", EMAIL_DEADLINE="600", EMAIL_LEASE="900")
        alert.send()
        [(lease,)] = fetch(db, "SELECT lease_until FROM notification WHERE alert_key = ?", (key,))
    said = capsys.readouterr().err
    assert said.startswith("notebooks: the alert to ops: the try to send it was left: it had not ended after 1 s.")
    assert "It stays queued for `python -m mailer deliver`" in said
    assert lease is None or lease - time.time() < 100


@pytest.fixture
def office(db, record_url, tmp_path):
    environment = job_office.environment_of(tmp_path, record_url)
    return JobOffice(tmp_path, db, {**environment, "OPS_EMAIL": OPS})


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_failed_job_mails_its_fix_and_no_secret(office):
    secret = f"mail-password-{CANARY}"
    office.environment |= {"EMAIL_HOST_PASSWORD": secret, "JOB_STARTED_BY": f"cron token={CANARY}"}
    fault = (
        f"'3 rows failed {KEY} asha.rao@cand.example', 'token={CANARY}', '" + "mail-password-' + 'canary-5f2c9e1b7d'"
    )
    office.write(
        f"class JobFailed(Exception): pass\nraise JobFailed(' '.join([{fault}]) + '. To fix: see the\\x07 table.')",
        parameters="number: int = 1  # any\nword: str = ''  # any",
    )
    code, _, said = office.command("run", "small", "word=asha.rao@cand.example")
    assert code in (1, 70), said
    (message,) = [path.read_bytes() for path in (office.folder / "mailbox" / "new").iterdir()]
    mail = message_from_bytes(message, policy=policy.default)
    texts = [mail.get_body((kind,)).get_content() for kind in ("plain", "html")]
    assert texts[0].startswith("To fix: ")
    assert (mail["To"], mail["Subject"].startswith("[Interview Ops] small ")) == (OPS, True)
    for text in (*texts, mail["Subject"], message.decode("ascii")):
        assert not any(hidden in text for hidden in (KEY, CANARY, "asha.rao"))
    assert office.rows()[0].exit_code == code
    assert alerts.mail_of(office.db, alerts.key_of(office.rows()[0].name)).state == "sent"


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_a_failed_job_keeps_its_exit_code_where_mail_is_not_set_up(office):
    office.environment.pop("SANDBOX_MAILBOX")
    office.environment["EMAIL_BACKEND"] = ""
    office.write("raise ValueError('no')")
    code, _, said = office.command("run", "small")
    assert (code, said.count("the alert to ops: mail is not set up: ")) == (1, 1)
    assert outbox.waiting_alerts(office.db, resend=True) == 1


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_settings_that_are_wrong_for_every_job_are_in_the_record_and_mailed(office):
    office.environment |= {"BACKEND_URL": "foo", "INTERVIEW_OPENS_BEFORE": "soon", "JOB_STARTED_BY": "cron"}
    office.write("print(1)")
    code, said, errors = office.command("run", "small")
    [row] = office.rows()
    assert (code, said) == (2, "small: wrong_settings (exit code 2)\n")
    assert errors.count("To fix: ") == 2
    assert [line.split("]")[0] for line in row.message.splitlines()] == [
        "[settings.backend_url", "[settings.interview_opens_before",
    ]  # fmt: skip
    assert (row.outcome, row.artefacts) == ("wrong_settings", {})
    assert alerts.mail_of(office.db, alerts.key_of(row.name)).state == "sent"
    assert office.command("run", "small", "--check")[0] == 2
    assert len(office.rows()) == 1


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_only_the_try_to_send_and_the_run_keeps_its_exit_code(office, number):
    office.write("print(1)")
    office.runs.write_text("a file: this run ends before it begins", encoding="utf-8")
    with SmtpServer({"BANNER": SILENCE}) as server:
        office.environment |= {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(server.port),
                               "DEFAULT_FROM_EMAIL": FROM, "JOB_STARTED_BY": "cron"}  # fmt: skip
        # The tests themselves may be run by `nohup`, which has SIGHUP ignored.
        heeded = f"import signal\nsignal.signal({int(number)}, signal.SIG_DFL)\n"
        with office.start("run", "small", before=heeded) as process:
            assert process.stdout.readline() == "small: wrong_settings (exit code 2)\n"
            wait_until(lambda: server.connections)
            process.send_signal(number)
            said = process.communicate(timeout=40)[1].splitlines()
    assert (process.returncode, len(said)) == (2, 2)
    assert said[1].startswith(
        "notebooks: the alert to ops: the try to send it was left: a signal came. It stays queued"
    )


@pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)
def test_the_signal_that_stopped_a_run_does_not_keep_its_mail_back(office):
    here = office.folder / "here"
    office.write(f"import time\nfrom pathlib import Path\nPath({str(here)!r}).touch()\ntime.sleep(60)")
    office.environment["JOB_STARTED_BY"] = "cron"
    with office.start("run", "small") as process:
        wait_until(here.exists, 60)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[0]
    assert (process.returncode, said.splitlines()[-1]) == (143, "small: stopped (exit code 143)")
    assert alerts.mail_of(office.db, alerts.key_of(office.rows()[0].name)).state == "sent"
