"""The real servers of the tests: each is started as it is said to be, and each breakage shows as real servers show it."""

import mail_servers_texts as texts
import pytest

from mailer.errors import Refused
from mailer.smtp import Conversation, Letter

pytest_plugins = ("mail_servers",)


def symptom(servers, breakage, *, size=200):
    """How the first mail fails: the phase and the codes, or the kind without a reply."""
    account = servers.checked(breakage).usable()
    mail = b"Message-ID: <symptom@interviews.test>\r\nSubject: x\r\n\r\n" + b"x" * size + b"\r\n"
    letters = [Letter(n, account.from_address, texts.RECIPIENTS.get(breakage, texts.CANDIDATE), mail) for n in (1, 2)]
    try:
        with Conversation(account) as conversation:
            failures = [outcome.failure for outcome in conversation.send(letters)]
    except Refused as refused:
        failures = [refused.failure]
    first = next(failure for failure in failures if failure is not None)
    return first.phase, first.code or first.kind, first.enhanced


@pytest.mark.parametrize(("breakage", "phase", "code", "enhanced"), [
    ("wrong_password", "auth", 535, "5.7.8"),
    ("wrong_port", "banner", "timeout", ""),
    ("tls_off", "auth", "no_auth", ""),
    ("no_tls", "starttls", "no_starttls", ""),
    ("expired", "starttls", "certificate", ""),
    ("self_signed", "starttls", "certificate", ""),
    ("other_name", "starttls", "certificate", ""),
    ("closed_port", "connect", "refused", ""),
    ("black_hole", "banner", "timeout", ""),
    ("no_relay", "rcpt", 554, "5.7.1"),
    ("sender_refused", "rcpt", 553, "5.7.1"),
    ("unknown_recipient", "rcpt", 550, "5.1.1"),
    ("full_mailbox", "rcpt", 552, "5.2.2"),
    ("greylist", "rcpt", 450, "4.2.0"),
    ("rate_limit", "mail", 450, "4.7.1"),
])  # fmt: skip
def test_a_breakage_shows_as_real_servers_show_it(mail_servers, breakage, phase, code, enhanced):
    assert symptom(mail_servers, breakage) == (phase, code, enhanced)


def test_a_mail_above_the_size_limit_is_told_before_it_is_sent(mail_servers):
    assert symptom(mail_servers, "size_limit", size=3000) == ("mail", "too_big", "")


def test_every_breakage_has_settings_that_the_mailer_takes(mail_servers):
    checked = {name: mail_servers.checked(name) for name in texts.BREAKAGES}
    assert {name: one.findings for name, one in checked.items() if one.account is None} == {}
    assert all(one.imap is not None for one in checked.values())
