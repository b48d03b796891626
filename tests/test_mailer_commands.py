"""The mailer's commands as programs: what they send, print and answer with their exit codes."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial

import pytest
from booking_desk import DAY, request
from pydantic import SecretStr
from smtp_server import DROP, FROM, After, SmtpServer
from test_dkim_signing import openssl
from waiting import wait_until

from mailer.account import DkimKey
from mailer.dkim_keys import read_key
from mailer.dkim_signing import modulus
from mailer.mailbox import Mailbox
from store import session_keys, times

pytest_plugins = ("post_office",)
ONE_ENGINE = pytest.mark.parametrize("record_url", ["sqlite"], indirect=True)


class Commands:
    """Runs `python -m mailer` against the post office's record, in an environment of its own."""

    def __init__(self, post, folder):
        desk = post.desk
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"], "DATABASE_URL": desk.settings.database_url.get_secret_value(),
            "SESSION_KEY_RING": desk.settings.session_key_ring.get_secret_value(),
            "BACKEND_URL": desk.settings.backend_url, "EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1",
            "DEFAULT_FROM_EMAIL": FROM, "EMAIL_TIMEOUT": "2", "EMAIL_DEADLINE": "4", "EMAIL_LEASE": "60",
            "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "", "EMAIL_USE_TLS": "", "EMAIL_USE_SSL": "",
        }  # fmt: skip

    @contextmanager
    def start(self, *arguments, port=1, **changes):
        environment = self.environment | {"EMAIL_PORT": str(port)} | changes
        with subprocess.Popen(
            [sys.executable, "-m", "mailer", *arguments], env=environment, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as child:  # fmt: skip
            try:
                yield child
            finally:
                # What follows the outbox would not end by itself if the test failed.
                child.kill()

    def run(self, *arguments, port=1, **changes):
        """The exit code, what was printed, and the lines of trouble and log."""
        with self.start(*arguments, port=port, **changes) as child:
            printed, said = child.communicate(timeout=30)
        assert "Traceback" not in said
        return child.returncode, printed.strip(), said.strip().splitlines()


@pytest.fixture
def commands(post, tmp_path):
    # Programs ask the real clock.
    post.desk.now = times.now().replace(microsecond=0)
    post.request_of = partial(request, post.desk.now + DAY)
    return Commands(post, tmp_path)


def test_deliver_sends_what_is_due_and_says_so(post, commands):
    post.book(3)
    with SmtpServer() as server:
        code, printed, said = commands.run("deliver", port=server.port)
    assert (code, printed) == (0, "3 sent, 0 failed, 0 unknown, 0 waiting.")
    assert len(server.delivered) == 3
    assert sum("[SUCCESS]" in line for line in said) == 3
    assert post.states() == ["sent"] * 3


@ONE_ENGINE
def test_quiet_delivery_logs_troubles_only(post, commands):
    post.book(2)
    with SmtpServer({"RCPT": lambda argument, _: "550 5.1.1 no" if "c1" in argument else None}) as server:
        code, printed, said = commands.run("deliver", "--quiet", port=server.port)
    assert (code, printed) == (1, "1 sent, 1 failed, 0 unknown, 0 waiting.")
    assert ["[EMAIL FAILED]" in line for line in said] == [True]


@ONE_ENGINE
def test_a_mail_booked_by_a_program_that_died_goes_out_once_with_the_next_run(post, commands):
    book = (
        "import os, sys; from store import booking, database, session_keys, settings, times\n"
        "from datetime import timedelta; from store.requests import BookingRequest\n"
        "s = settings.Settings.load(); db = database.open_record(s.database_url.get_secret_value())\n"
        "ring = session_keys.load_ring(db, s.session_key_ring.get_secret_value(), now=times.now())\n"
        "at = times.now() + timedelta(days=1)\n"
        "r = BookingRequest('Asha', 'c0@cand.example', 'c0@cand.example', 'Nurse', 'Acme', at, at + timedelta(hours=1), 'UTC')\n"
        "booking.book_slot(db, r, settings=s, ring=ring, now=times.now()); os.kill(os.getpid(), 9)"
    )
    died = subprocess.run([sys.executable, "-c", book], env=commands.environment, cwd=commands.folder, check=False)
    with SmtpServer() as server:
        codes = [commands.run("deliver", port=server.port)[0] for _ in range(2)]
    assert died.returncode == -signal.SIGKILL
    assert (codes, server.recipients()) == ([0, 0], ["c0@cand.example"])


@ONE_ENGINE
def test_a_server_that_wants_a_login_makes_deliver_fail_with_the_fix_and_no_success_line(post, commands):
    post.book(3)
    with SmtpServer({"MAIL": "530 5.7.0 Authentication required"}) as server:
        code, printed, said = commands.run("deliver", port=server.port)
        assert code == 1
        assert "The mail account is paused" in printed
        assert "To fix:" in printed
        assert not any("[SUCCESS]" in line for line in said)
        server.script = {}
        assert commands.run("resume")[1] == "1 pause(s) lifted; the next delivery sends what waits."
        assert commands.run("deliver", port=server.port)[0] == 0
    assert len(server.delivered) == 3


@ONE_ENGINE
def test_following_sends_new_mails_and_ends_within_seconds_of_a_sigterm(post, commands):
    post.book(1)
    with SmtpServer() as server, commands.start("deliver", "--follow", port=server.port) as child:
        wait_until(lambda: len(server.delivered) == 1)
        post.book(2)
        wait_until(lambda: len(server.delivered) == 3)
        began = time.monotonic()
        child.terminate()
        printed, _ = child.communicate(timeout=30)
        assert time.monotonic() - began < 9
    assert (child.returncode, printed.strip()) == (0, "3 sent, 0 failed, 0 unknown, 0 waiting.")


@ONE_ENGINE
def test_a_sigterm_in_the_middle_frees_what_was_not_sent(post, commands):
    post.book(8)
    slow = {".": lambda *_: After("250 2.0.0 queued", 0.3)}
    with SmtpServer(slow) as server, commands.start("deliver", "--follow", port=server.port) as child:
        wait_until(lambda: server.commands.count("DATA") >= 2)
        began = time.monotonic()
        child.terminate()
        child.communicate(timeout=30)
        assert time.monotonic() - began < 9
    assert set(post.states()) == {"sent", "queued"}
    assert post.states().count("sent") == len(server.delivered) < 8
    assert post.desk.rows("SELECT count(*) FROM notification WHERE owner IS NOT NULL") == [(0,)]
    assert child.returncode == 1


@ONE_ENGINE
def test_resend_queues_a_mail_of_unknown_fate_again(post, commands):
    post.book(1)
    with SmtpServer({".": lambda _, count: DROP if count == 1 else None}) as server:
        code, _, said = commands.run("deliver", port=server.port)
        told = next(line for line in said if "[EMAIL UNKNOWN]" in line)
        number = told.rpartition("python -m mailer resend ")[2].split()[0]
        assert code == 1
        assert commands.run("resend", number)[:2] == (0, f"Mail {number} is queued again; the next delivery sends it.")
        assert commands.run("deliver", port=server.port)[0] == 0
        code, printed, said = commands.run("resend", number)
    assert (code, printed, len(said)) == (1, "", 1)
    assert f"mail {number} is sent, and only one that failed" in said[0]
    assert len(server.delivered) == 2
    assert server.delivered[0] == server.delivered[1]


@ONE_ENGINE
def test_resend_of_a_mail_that_is_not_there_says_so_and_what_to_do(commands):
    code, printed, said = commands.run("resend", "9999")
    assert (code, printed, len(said)) == (1, "", 1)
    assert said[0].startswith("mailer: there is no mail 9999. To fix: give the id")


@ONE_ENGINE
def test_check_says_that_usable_settings_are_usable(commands):
    code, printed, said = commands.run("check", port=2525)
    assert (code, said) == (0, [])
    assert printed == "The mail settings are usable: smtp 127.0.0.1:2525 (plain)."


@ONE_ENGINE
def test_deliver_through_the_sandbox_keeps_the_mails_in_its_mailbox(post, commands, tmp_path):
    post.book(2)
    mailbox = tmp_path / "mailbox"
    code, printed, _ = commands.run("deliver", EMAIL_BACKEND="sandbox", SANDBOX_MAILBOX=str(mailbox), EMAIL_HOST="")
    assert (code, printed) == (0, "2 sent, 0 failed, 0 unknown, 0 waiting.")
    assert sorted(Mailbox(mailbox).index()) == sorted(post.row(name)["message_id"] for name in ("c0", "c1"))


@pytest.fixture
def in_the_way(tmp_path):
    path = tmp_path / "a_file"
    path.write_text("not a folder")
    return str(path)


@ONE_ENGINE
@pytest.mark.parametrize(
    ("arguments", "changes", "words"),
    [
        (["deliver"], {"EMAIL_BACKEND": "", "EMAIL_HOST": "", "EMAIL_PORT": ""}, "EMAIL_BACKEND"),
        (["deliver"], {"EMAIL_BACKEND": "sandbox", "SANDBOX_MAILBOX": "{file}"}, "SANDBOX_MAILBOX"),
        (["deliver"], {"BACKEND_URL": "not an address"}, "BACKEND_URL"),
        (["deliver"], {"DATABASE_URL": "postgresql://postgres@127.0.0.1:1/x"}, "DATABASE_URL"),
        (["deliver"], {"DATABASE_URL": "sqlite:///{file}"}, "is not a database"),
        (["deliver"], {"SESSION_KEY_RING": "{file}"}, "ring"),
        (["check"], {"EMAIL_PORT": "smtp"}, "EMAIL_PORT"),
        (["sandbox", "--mailbox", "{file}"], {}, "mailbox"),
    ],
)  # fmt: skip
def test_wrong_settings_end_a_command_with_2_and_one_line_for_each(commands, in_the_way, arguments, changes, words):
    arguments = [argument.replace("{file}", in_the_way) for argument in arguments]
    changes = {name: value.replace("{file}", in_the_way) for name, value in changes.items()}
    code, printed, said = commands.run(*arguments, port=changes.pop("EMAIL_PORT", 2525), **changes)
    assert (code, printed) == (2, "")
    assert any(words in line for line in said)
    assert all("To fix:" in line for line in said)


@pytest.mark.parametrize("arguments", [["resend", "99999999999999999999"], ["mail"]])
@ONE_ENGINE
def test_a_command_that_is_not_understood_ends_with_2(commands, arguments):
    code, printed, said = commands.run(*arguments)
    assert (code, printed) == (2, "")
    assert "usage: python -m mailer" in said[0]


@ONE_ENGINE
def test_the_printed_record_is_that_of_the_key_that_signs(commands, tmp_path):
    pem = openssl("genrsa", "2048")
    (tmp_path / "dkim.pem").write_text(pem)
    signing = {"DKIM_DOMAIN": "acme.test", "DKIM_SELECTOR": "mail", "DKIM_PRIVATE_KEY_FILE": str(tmp_path / "dkim.pem")}
    code, printed, said = commands.run("dkim-record", **signing, DEFAULT_FROM_EMAIL="")
    kind, name, value = (line.partition(":")[2].strip() for line in printed.splitlines())
    assert (code, kind, name.split()[0], said) == (0, "TXT", "mail._domainkey.acme.test", [])
    assert read_key(value).modulus == modulus(DkimKey("acme.test", "mail", SecretStr(pem)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "No DKIM_ setting is set"),
        ({"DKIM_DOMAIN": "acme.test", "DKIM_SELECTOR": "mail"}, "DKIM_PRIVATE_KEY_FILE is not set"),
        ({"DKIM_DOMAIN": "acme.test", "DKIM_SELECTOR": "mail", "DKIM_PRIVATE_KEY_FILE": "/none.pem"}, "cannot be read"),
    ],
)
@ONE_ENGINE
def test_without_a_usable_key_no_record_is_printed(commands, given, words):
    code, printed, said = commands.run("dkim-record", **given)
    assert (code, printed, len(said)) == (2, "", 1)
    assert words in said[0]
    assert "To fix:" in said[0]


@ONE_ENGINE
def test_no_command_prints_a_key_or_a_whole_address(post, commands):
    post.book(2)
    with SmtpServer({"RCPT": lambda argument, _: f"550 5.1.1 {argument}" if "c1" in argument else None}) as server:
        _, printed, said = commands.run("deliver", port=server.port)
    written = printed + "\n".join(said)
    assert "c***@cand.example" in written
    assert not session_keys.SESSION_KEY.search(written)
    assert "@cand.example" not in written.replace("***@cand.example", "")
