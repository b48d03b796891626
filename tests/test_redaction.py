"""The last guard: keys, passwords, tokens and addresses are taken out of texts, log lines, streams and tracebacks."""

import base64
import io
import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import key_samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.config import MailSettings, check
from store import addresses, database, key_patterns, redaction, session_keys
from store.errors import Refusal
from store.known_secrets import KnownSecrets
from store.redaction import RedactedStream, RedactingFormatter, masked_address, one_line, redact
from store.session_keys import KeyRing
from store.settings import Settings

KEY = session_keys.session_key("abcdefghijklmnop", "1", 1, KeyRing("1", {"1": bytes(32)}))
SECRET = "hunter2hunter2"


@pytest.fixture(autouse=True)
def _hidden_values(monkeypatch):
    monkeypatch.setattr(redaction, "_KNOWN", KnownSecrets())


@pytest.mark.parametrize("text", [
    KEY, KEY.upper(), f"https://x.example/?session_key={KEY}", f"session_key%3D{KEY}", f"a{KEY}b", f"'{KEY}'\n{KEY}",
])  # fmt: skip
def test_a_session_key_is_hidden_wherever_it_stands(text):
    assert KEY[2:] not in redact(text).lower()


@pytest.mark.parametrize("text", [
    f"EMAIL_HOST_PASSWORD={SECRET}", f'"password": "{SECRET}"', f"'token':'{SECRET}'", f"secret: {SECRET}",
    f"Authorization: Bearer {SECRET}", f"authorization=Basic {SECRET}", f"Cookie: lang=en; visit={SECRET}",
    f"Set-Cookie: a=b; c={SECRET}; HttpOnly", f"postgresql://user:{SECRET}@host/db", f"postgresql://user:a@{SECRET}@host/db",
    f"passwd={SECRET}&x=1", f"access_token={SECRET};", f"SESSION_KEY_RING={SECRET}", f"{{'cookie': 'a; b={SECRET}'}}",
])  # fmt: skip
def test_a_named_secret_is_hidden(text):
    assert SECRET not in redact(text)


@pytest.mark.parametrize("key", [key for key, _ in key_samples.ISSUED])
def test_a_key_that_anybody_issued_is_hidden_and_nothing_beside_it(key):
    for text in (key, key.replace("\n", "\\n"), repr(key)[1:-1], f"{key}."):
        assert redact(f"it is {text} To fix: take it out.").replace("***.", "***") == "it is *** To fix: take it out."
    assert redact("\n".join([key] * 3)).replace("*", "").strip() == ""


def test_the_letters_of_a_private_key_that_was_cut_off_are_hidden():
    head, *lines = key_samples.ISSUED[1][0].splitlines()
    for count in range(len(lines)):
        shown = redact("\n".join([head, "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-256-CBC,AB12", *lines[:count]]))
        assert shown == "***"


def test_known_values_are_hidden_without_a_name_and_the_longest_first():
    redaction.hide_values(["hunter", SECRET, "", "abc"])
    assert redact(f"login {SECRET} failed, abc") == "login *** failed, abc"


def test_values_are_asked_for_once_and_before_the_first_text_is_looked_through():
    asked = []

    def know():
        # It may say something itself.
        redact("reading")
        asked.append(1)
        redaction.hide_values(["correcthorse"])

    redaction.ask_later(know)
    assert asked == []
    assert [redact("of correcthorse"), redact("of correcthorse")] == ["of ***", "of ***"]
    redaction.ask_later(lambda: redaction.hide_values(["batterystaple"]))
    assert {"correcthorse", "batterystaple"} <= redaction.known_values()
    assert asked == [1]


def test_who_redacts_while_values_are_asked_for_waits_for_them_and_what_was_broken_off_is_asked_again():
    begun, go_on = threading.Event(), threading.Event()

    def know():
        if not begun.is_set():
            begun.set()
            raise KeyboardInterrupt
        assert go_on.wait(10)
        redaction.hide_values(["correcthorse"])

    redaction.ask_later(know)
    with pytest.raises(KeyboardInterrupt):
        redact("of correcthorse")
    with ThreadPoolExecutor(2) as threads:
        shown = [threads.submit(redact, "of correcthorse") for _ in range(2)]
        assert not wait(shown, timeout=0.3).done
        go_on.set()
        assert [one.result(10) for one in shown] == ["of ***"] * 2


LOGIN = b"\0ops@acme.in\0" + SECRET.encode()


@pytest.mark.parametrize("form", [
    base64.b64encode(SECRET.encode()).decode(), base64.b64encode(LOGIN).decode(),
    base64.b64encode(b"x" + LOGIN).decode(),
    base64.b64encode(b"xy" + LOGIN).decode(), SECRET.encode().hex(), SECRET.encode().hex(" ").upper(), SECRET.upper(),
    "".join(f"%{octet:02X}" for octet in SECRET.encode()), " ".join(SECRET), f"{SECRET[:5]}\x1b[0m{SECRET[5:]}",
    f"{SECRET[:5]}\0{SECRET[5:]}", f"{SECRET[:5]}\u200b{SECRET[5:]}", f"{SECRET[:7]} -- {SECRET[7:]}",
])  # fmt: skip
def test_a_known_value_is_hidden_in_every_form_that_a_server_may_give_it_back_in(form):
    redaction.hide_values([SECRET])
    shown = redact(f"250 ok {form} said")
    assert "***" in shown
    assert shown.startswith("250 ok ")
    assert shown.endswith(" said")
    assert form[-14:-4] not in shown


def test_a_known_value_that_is_a_word_hides_no_other_word():
    redaction.hide_values(["postgres", "pass-word"])
    assert redact("PostgreSQL refused the Password of pass-word") == "PostgreSQL refused the Password of ***"


def test_a_known_value_with_signs_at_its_ends_is_hidden_with_them():
    redaction.hide_values(["#!hunter2hunter2?$"])
    assert redact("said #!hunter2hunter2?$ now") == "said *** now"


@pytest.mark.parametrize(("text", "shown"), [
    ("asha.rao@example.com", "a***@example.com"), ("<Asha+x@sub.example.co.in>,", "<A***@sub.example.co.in>,"),
    ("RCPT TO:<o'neil@example.com>", "RCPT TO:<o***@example.com>"), ("no address @ all", "no address @ all"),
    ("इला@example.com", "इ***@example.com"), ("x@localhost refused", "x***@localhost refused"),
    ('to "odd person"@acme.org', "to ***@acme.org"), ("<asha@[192.0.2.1]>", "<a***@[192.0.2.1]>"), ("a@b@c", "a***@c"),
])  # fmt: skip
def test_a_mail_address_is_shown_by_its_first_letter_and_domain(text, shown):
    assert redact(text) == shown


@pytest.mark.parametrize(("address", "masked"), [
    ("asha@example.com", "a***@example.com"), ("a@b@example.com", "a***@example.com"), ("", "***"), ("nothing", "***"),
])  # fmt: skip
def test_a_masked_address_keeps_one_letter(address, masked):
    assert masked_address(address) == masked


@given(st.text(max_size=80))
def test_redacting_twice_is_redacting_once_and_one_line_is_one_line(text):
    once = redact(f"{text} password={SECRET} {KEY} {text}")
    assert redact(once) == once
    assert SECRET not in once
    assert len(one_line(once).splitlines()) <= 1
    assert one_line(once).isprintable()


@pytest.mark.parametrize("ordinary", [
    "DEBUG: batch 3 lines 2-1001: 1000 created", "https://interviews.example.com:8000/interview",
    "[EMAIL FAILED] interview 4: 550 5.1.1 no such user To fix: correct the address.",
    "EMAIL_TOKEN_COMMAND: no program '/no/such' can be run.", "EMAIL_TOKEN_FILE: /run/token is not there.",
    "To fix: give an absolute path of letters, digits and the signs ._/+@- only.", "1//0, SG. and xox are no keys",
    "EMAIL_HOST_PASSWORD: must be set with EMAIL_HOST_USER.", "OPS_TOKEN: is too short.",
    "The PostgreSQL database 'x' refused the user or the password. To fix: correct the user and password in DATABASE_URL.",
])  # fmt: skip
def test_an_ordinary_line_is_left_as_it_is(ordinary):
    assert redact(ordinary) == ordinary


PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from([
        "@", "***@", "@@", "***@example.com", "asha@example.com", '"odd one"@acme.org', "a***", "***", "example.com", " ", "%",
        "ila@[192.0.2.1]", "password=", "hunter2hunter2", "Cookie: ", "://u:p@h", "k1" + "a" * 48, KEY, KEY[:40], "\r\n",
        "\x1b[0m", *(key for key, _ in key_samples.ISSUED),
    ]),
)  # fmt: skip


def at_length(text):
    """What `redact` gives without any look ahead: every expression is tried on every text."""
    text = redaction._KNOWN.hide(text)
    for expression in (session_keys.SESSION_KEY, *(expression for _, _, expression in key_patterns._ISSUED)):
        text = expression.sub("***", text)
    text = redaction._URL_PASSWORD.sub(r"\1***@", text)
    if any(name in text.casefold() for name in redaction._SECRET_NAMES):
        text = redaction._COOKIES.sub(r"\1***", text)
        text = redaction._NAMED_SECRET.sub(r"\1***", text)
    return redaction._ADDRESS.sub(r"\1***@\2", redaction._QUOTED_ADDRESS.sub("***@", text))


@settings(max_examples=1_000)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_the_short_ways_change_nothing_in_what_is_hidden(text):
    redaction.hide_values([SECRET])
    assert redact(text) == at_length(text)
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    assert one_line(text) == escaped


def logged(message, *arguments, error=None):
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("store", logging.INFO, "file.py", 1, message, arguments, info)
    return RedactingFormatter().format(record)


def test_a_log_record_is_one_line_whatever_is_in_it():
    line = logged("DEBUG: name %s", "Asha\r\n[SUCCESS] forged\u2028\x1b[31m")
    assert line.endswith("Z INFO DEBUG: name Asha\\r\\n[SUCCESS] forged\\u2028\\x1b[31m")
    assert len(line.splitlines()) == 1


def test_a_line_bears_the_second_of_its_own_event_in_utc():
    form = RedactingFormatter()
    records = [logging.makeLogRecord({"msg": "x", "created": at}) for at in (0.0, 59.9, 60.0, 1_795_000_000.5, 0.9)]
    stamps = [form.format(record).split()[0] for record in records]
    assert stamps == ["1970-01-01T00:00:00Z", "1970-01-01T00:00:59Z", "1970-01-01T00:01:00Z", "2026-11-18T11:06:40Z",
                      "1970-01-01T00:00:00Z"]  # fmt: skip


def test_a_logged_traceback_is_in_the_same_line_without_secrets():
    try:
        raise ValueError(f"bad link https://x.example/?session_key={KEY} of asha@example.com")
    except ValueError as error:
        line = logged("DEBUG: trouble", error=error)
    assert "ValueError: bad link" in line
    assert KEY not in line
    assert "asha@" not in line
    assert len(line.splitlines()) == 1


def test_a_stream_lets_no_secret_through():
    inner = io.StringIO()
    stream = RedactedStream(inner)
    stream.write(f"GET /?session_key={KEY}\n")
    stream.writelines([f"password={SECRET}\n", "end\n"])
    stream.flush()
    assert inner.getvalue() == "GET /?session_key=***\npassword=***\nend\n"


def test_an_uncaught_error_is_printed_without_secrets():
    program = (
        "from store import redaction; redaction.install_excepthook()\n"
        f"try: raise ValueError('password={SECRET}')\n"
        f"except ValueError as e: raise RuntimeError('{KEY}') from e"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert "RuntimeError: ***" in done.stderr
    assert "ValueError: password=***" in done.stderr
    assert SECRET not in done.stderr


@pytest.mark.parametrize("row", ["'@", "'", '"@', "a@", "Hunter 2hunter2 "])
def test_a_long_row_of_the_same_signs_is_read_in_no_time(row):
    redaction.hide_values([SECRET])
    began = time.process_time()
    redact(row * (60_000 // len(row)) + "@")
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "refused",
    [
        lambda: addresses.checked("nope"),
        lambda: database.connect("mysql://x"),
        lambda: check(
            MailSettings(_env_file=None, email_backend="smtp", email_host="smtp.gmail.com"), Settings(_env_file=None)
        ).usable(),
    ],
    ids=["address", "database", "sender"],
)
def test_the_examples_of_our_own_fixes_stay_readable(refused):
    with pytest.raises(Refusal) as told:
        refused()
    fixes = [finding.fix for finding in getattr(told.value, "findings", ())] or [told.value.fix]
    [fix] = [fix for fix in fixes if "@" in fix]
    assert redact(fix) == fix


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("such as asha@example.community", "asha"),
        ("such as asha@example.com.evil.org", "asha"),
        ("such as asha@example.com@evil.org", "asha@"),
        ("such as asha@example.com. ravi@example.com", "ravi@"),
        ("like asha@example.com", "asha@"),
        ("Cookie: a=b; Interviews <interviews@DOMAIN> hunter2", "hunter2"),
        ("such as asha@example.com ravi\0example.com", "ravi@"),
        ("Interviews <interviews@domain.in>", "interviews@"),
        ("postgresql://user:password@host/names", "password"),
        ("postgresql://user:password@host.example/name", "password"),
        ("postgresql://user:hunter2@host/name", "hunter2"),
    ],
)
def test_what_only_begins_like_an_example_is_hidden_as_ever(text, hidden):
    assert hidden not in redact(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "part", ["eyJ-", "eyJabcdefgh.", "AKIA", "ya29.", "1//0", "ghp_", "github_pat_", "SG.", "xoxb-"]
)
def test_a_long_line_of_beginnings_of_keys_does_not_take_for_ever(part):
    assert redact(part * 200_000)
