"""Tokens: kept until shortly before they expire, fetched anew when refused, from a command, a file or a library."""

import importlib.util
import json
import logging
import subprocess
import threading
import time
import tracemalloc

import pytest
from conftest import need
from pydantic import SecretStr
from token_sources import NOW, TENANT, Given, TokenServer, program

from mailer.token_providers import GoogleTokens, MicrosoftTokens
from mailer.tokens import EARLY, UNTOLD_LIFE, TokenCommand, TokenFile, TokenRefused, TokenSource
from store.redaction import RedactingFormatter

NO_MOMENTS = (
    "-1e300",
    "1e300",
    "1e400",
    "NaN",
    "-1",
    "1" + "0" * 400,
    '"9999-12-31T23:59:59-12:00"',
    '"\u00b2"',
    "true",
)
SECRET = "ya29.canary-token_0123456789abcdef~+/=="


def refused(source, now=NOW, timeout=5.0):
    with pytest.raises(TokenRefused) as refusal:
        source.fetch(now, timeout)
    assert refusal.value.fix
    return refusal.value


def value(source, now=NOW):
    return source.fetch(now, 5.0).value.get_secret_value()


# Keeping


@pytest.mark.parametrize(("expires_in", "kept"), [(3600, 3600 - EARLY), (None, UNTOLD_LIFE)])
def test_a_token_is_kept_until_shortly_before_it_expires(expires_in, kept):
    now = [NOW]
    source = Given(("one", "two"), None if expires_in is None else NOW + expires_in)
    tokens = TokenSource(source, lambda: now[0])
    first = tokens.token()
    now[0] = NOW + kept - 1
    assert tokens.token() == first
    now[0] = NOW + kept
    assert tokens.token().get_secret_value() == "two"


def test_a_refused_token_is_fetched_anew_and_only_that_one():
    source = Given(("one", "two", "three"), NOW + 3600)
    tokens = TokenSource(source, lambda: NOW)
    first = tokens.token()
    tokens.reject(first)
    second = tokens.token()
    tokens.reject(first)
    assert tokens.token() == second
    tokens.reject()
    assert tokens.token().get_secret_value() == "three"


def test_connections_that_start_at_once_share_one_token():
    source = Given(("one", "two"), NOW + 3600)
    tokens, got = TokenSource(source, lambda: NOW), []
    threads = [threading.Thread(target=lambda: got.append(tokens.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert (len(got), len(set(got)), source.fetched) == (8, 1, 1)


def test_a_token_is_in_no_repr_and_no_log_line():
    tokens = TokenSource(program(f"print({SECRET!r})"))
    token = tokens.token()
    line = RedactingFormatter().format(logging.makeLogRecord({"msg": f"login with {token.get_secret_value()}"}))
    assert "canary" not in repr(tokens) + repr(token) + repr(tokens._kept) + line


# A command


def test_the_first_line_that_a_command_prints_is_the_token():
    assert value(program(f"print({SECRET!r}); print('more')")) == SECRET


def test_a_command_is_run_without_a_shell():
    command = TokenCommand(("printf", "%s", "$HOME;`id`"))
    assert "no token in the first line" in str(refused(command))


@pytest.mark.parametrize(
    ("code", "said", "passing"),
    [
        ("import sys; sys.exit('no net')", "ended with code 1 and wrote 7 bytes of errors, which are not shown.", True),
        ("import sys; sys.exit(3)", "ended with code 3 and wrote no errors.", True),
        ("pass", "no token in the first line", False),
        ("print('two words')", "no token in the first line", False),
        ("print('a' * 20 + chr(1) + 'auth=x')", "no token in the first line", False),
    ],
)
def test_a_command_that_gives_no_token_is_told(code, said, passing):
    refusal = refused(program(code))
    assert (said in str(refusal), refusal.passing) == (True, passing)


@pytest.mark.parametrize("secret", ["Short-Secret-99", "a" * 35, "eyJ0eXAi.canary-never-fetched-0123456789abcdef"])
def test_what_a_failing_command_says_is_not_shown(secret):
    refusal = refused(program(f"import sys; print({secret!r}); sys.exit('client_secret is {secret}')"))
    assert secret not in str(refusal) + refusal.fix


def test_a_command_that_writes_without_end_is_stopped_soon():
    began = time.monotonic()
    refusal = refused(TokenCommand(("yes", "a" * 70)))
    assert (str(refusal), refusal.passing) == ("EMAIL_TOKEN_COMMAND (yes) wrote more than 65536 bytes.", False)
    assert time.monotonic() - began < 10


def test_a_command_that_complains_without_end_is_ended_in_time_and_nothing_is_kept():
    endless = TokenCommand(("sh", "-c", "exec yes >&2"))
    tracemalloc.start()
    refusal = refused(endless, timeout=0.3)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "gave nothing within 0.3 seconds" in str(refusal)
    assert most < 3_000_000


@pytest.mark.parametrize("writes", [f"echo {SECRET}", f"printf {SECRET}"])
def test_a_command_that_leaves_a_child_behind_has_given_its_token(writes):
    began = time.monotonic()
    command = TokenCommand(("sh", "-c", f"sleep 9 & {writes}"))
    assert value(command) == SECRET
    assert time.monotonic() - began < 5


def test_a_command_that_is_not_there_is_told():
    assert not refused(TokenCommand(("/no/such/program",))).passing


def test_a_command_that_hangs_is_ended_with_its_children_in_time():
    code = "import subprocess; subprocess.run(['sleep', '30'])"
    began = time.monotonic()
    refusal = refused(program(code), timeout=0.4)
    assert time.monotonic() - began < 10
    assert refusal.passing


# A file


def test_a_file_with_the_bare_token_is_read_at_each_login(tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    tokens = TokenSource(TokenFile(path), lambda: NOW)
    assert tokens.token().get_secret_value() == "one"
    path.write_text("two\n")
    assert tokens.token().get_secret_value() == "two"


@pytest.mark.parametrize(
    "expiry", [NOW + 600, str(NOW + 600), "2027-01-15T08:10:00Z", "2027-01-15T08:10:00", "2027-01-15T13:40:00+05:30"]
)
def test_a_json_file_says_when_its_token_expires(tmp_path, expiry):
    path = tmp_path / "token.json"
    path.write_text(json.dumps({"access_token": "abc", "expiry": expiry}))
    token = TokenFile(path).fetch(NOW, 5)
    assert (token.value.get_secret_value(), token.expires_at) == ("abc", NOW + 600)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no token"),
        ('{"access_token": "abc", "expiry": 1}', "expired at 1970-01-01T00:00:01Z"),
        ('{"access_token": "abc", "expiry": "soon"}', "its expiry is no time"),
        ('{"token": "abc"}', "has no access_token"),
        ("{", "is no JSON"),
        *((f'{{"access_token": "abc", "expiry": {moment}}}', "its expiry is no time") for moment in NO_MOMENTS),
        ('{"access_token": "a\\u0001b"}', "holds no token"),
    ],
)
def test_a_file_without_a_usable_token_is_told(tmp_path, text, said):
    path = tmp_path / "token"
    path.write_text(text)
    refusal = refused(TokenFile(path))
    assert said in str(refusal)
    assert str(path) in str(refusal)


def test_a_file_that_is_gone_is_told(tmp_path):
    assert refused(TokenFile(tmp_path / "gone")).passing


# Libraries


@pytest.fixture
def google():
    need(importlib.util.find_spec("google"), "google-auth is not installed (pip install -e '.[google]')")
    return lambda server: GoogleTokens("id", SecretStr("s3cret-canary"), SecretStr("r3fresh-canary"), server.address)


def microsoft_tokens(server, **secrets):
    need(importlib.util.find_spec("msal"), "msal is not installed (pip install -e '.[microsoft]')")
    given = {name: SecretStr(secret) for name, secret in secrets.items()}
    return MicrosoftTokens(TENANT, "id", **given, session=server.session)


def test_googles_library_turns_a_refresh_token_into_a_token(google):
    with TokenServer({"access_token": SECRET, "expires_in": 3600}) as server:
        token = google(server).fetch(NOW, 5)
    assert token.value.get_secret_value() == SECRET
    assert 3500 < token.expires_at - time.time() <= 3601
    assert server.asked[0]["refresh_token"] == "r3fresh-canary"


def test_a_google_refresh_token_that_is_revoked_is_told_without_secrets(google):
    said = {"error": "invalid_grant", "error_description": "Token r3fresh-canary has been expired or revoked."}
    with TokenServer(said, 400) as server:
        refusal = refused(google(server))
    assert ("invalid_grant" in str(refusal), refusal.passing) == (True, False)
    assert "canary" not in str(refusal)


@pytest.mark.parametrize(
    ("secrets", "grant"),
    [
        ({"client_secret": "s3cret"}, "client_credentials"),
        ({"client_secret": "s3cret", "refresh_token": "r3fresh"}, "refresh_token"),
        ({"refresh_token": "r3fresh"}, "refresh_token"),
    ],
)
def test_microsofts_library_gives_tokens_for_the_application_or_for_a_person(secrets, grant):
    answer = {"access_token": SECRET, "expires_in": 3600, "token_type": "Bearer"}
    with TokenServer(answer) as server:
        token = microsoft_tokens(server, **secrets).fetch(NOW, 5)
    assert (token.value.get_secret_value(), token.expires_at) == (SECRET, NOW + 3600)
    assert server.asked[0]["grant_type"] == grant


@pytest.mark.parametrize(("error", "passing"), [("invalid_client", False), ("temporarily_unavailable", True)])
def test_microsofts_refusal_is_told_without_secrets(error, passing):
    with TokenServer({"error": error, "error_description": "AADSTS7: s3cret-canary is wrong"}, 401) as server:
        refusal = refused(microsoft_tokens(server, client_secret="s3cret-canary"))
    assert (error in str(refusal), refusal.passing) == (True, passing)
    assert "canary" not in str(refusal)


def test_a_token_server_that_cannot_be_reached_may_come_back(google):
    with TokenServer({}) as server:
        gone = google(server)
    assert refused(gone, timeout=0.6).passing


def test_the_libraries_are_not_imported_before_a_token_is_wanted():
    code = (
        "import sys, mailer.config; sys.exit(any(name in sys.modules for name in ('msal', 'google.auth', 'requests')))"
    )
    assert subprocess.run(program(code).arguments, timeout=20, check=False).returncode == 0
