"""The settings of logins by token: one source, said when there is none or several, and no secret shown."""

import sys

import pytest
from test_mail_config import GOOD, checked, ids

from mailer.account import XOAUTH2
from mailer.token_providers import GoogleTokens, MicrosoftTokens
from mailer.tokens import TokenCommand, TokenFile

COMMAND = f"{sys.executable} -c 'print(1)'"
BY_TOKEN = {**GOOD, "email_auth": "XOAUTH2", "email_host_password": ""}
GOOGLE = {
    **BY_TOKEN,
    "email_host": "smtp.gmail.com",
    "email_oauth_client_id": "123.apps.googleusercontent.com",
    "email_oauth_client_secret": "canary-secret",
    "email_oauth_refresh_token": "1//canary-refresh",
}
MICROSOFT = {
    **BY_TOKEN,
    "email_host": "smtp.office365.com",
    "email_rate": "30",
    "email_oauth_client_id": "6f0c9b4e",
    "email_oauth_tenant": "acme.onmicrosoft.com",
    "email_oauth_client_secret": "canary-secret",
}


def source(result):
    return result.usable().token._source


def test_a_command_is_split_as_a_shell_would_and_seen_from_the_project():
    account = checked(base=BY_TOKEN, email_token_command=COMMAND).usable()
    assert (account.auth, account.user, account.password.get_secret_value()) == (XOAUTH2, "ops@acme.in", "")
    assert account.token._source == TokenCommand((sys.executable, "-c", "print(1)"))


def test_a_file_of_tokens_is_taken(tmp_path):
    path = tmp_path / "token.json"
    path.write_text("{}")
    assert source(checked(base=BY_TOKEN, email_token_file=str(path))) == TokenFile(path)


def test_googles_and_microsofts_libraries_are_chosen_by_the_host():
    assert isinstance(source(checked(base=GOOGLE)), GoogleTokens)
    assert isinstance(source(checked(base=MICROSOFT)), MicrosoftTokens)


@pytest.mark.parametrize(
    ("base", "changes", "finding"),
    [
        (BY_TOKEN, {}, "mail.token_missing"),
        (BY_TOKEN, {"email_token_command": COMMAND, "email_token_file": "x"}, "mail.token_several"),
        (GOOGLE, {"email_token_command": COMMAND}, "mail.token_several"),
        (BY_TOKEN, {"email_token_command": COMMAND, "email_host_user": ""}, "mail.user_missing"),
        (BY_TOKEN, {"email_token_command": "no-such-program --all"}, "mail.token_command_unusable"),
        (BY_TOKEN, {"email_token_command": "sh 'open"}, "mail.token_command_unusable"),
        (BY_TOKEN, {"email_token_file": "no/such/file"}, "mail.token_file_unusable"),
        (GOOGLE, {"email_host": "mail.acme.in"}, "mail.oauth_provider"),
        (GOOGLE, {"email_oauth_client_id": " "}, "mail.oauth_client_id_missing"),
        (GOOGLE, {"email_oauth_client_secret": ""}, "mail.oauth_client_secret_missing"),
        (GOOGLE, {"email_oauth_refresh_token": ""}, "mail.oauth_refresh_token_missing"),
        (GOOGLE, {"email_oauth_refresh_token": "your-refresh-token"}, "mail.oauth_refresh_token_placeholder"),
        (MICROSOFT, {"email_oauth_tenant": ""}, "mail.oauth_tenant_missing"),
        (MICROSOFT, {"email_oauth_client_secret": ""}, "mail.oauth_client_secret_missing"),
    ],
)
def test_a_source_of_tokens_that_is_not_whole_is_the_one_finding(base, changes, finding):
    result = checked(base=base, **changes)
    assert ids(result.findings) == [finding]
    assert result.findings[0].fix


@pytest.mark.parametrize(("base", "extra"), [(GOOGLE, "google"), (MICROSOFT, "microsoft")])
def test_a_library_that_is_not_installed_is_a_finding_with_the_line_that_installs_it(base, extra, monkeypatch):
    monkeypatch.setattr("mailer.config.logins.is_installed", lambda module: False)
    (finding,) = checked(base=base).findings
    assert finding.id == "mail.oauth_library_missing"
    assert f'pip install -e ".[{extra}]"' in finding.fix


def test_a_person_of_microsoft_without_a_client_secret_is_fine_but_the_token_ends():
    result = checked(base=MICROSOFT, email_oauth_client_secret="", email_oauth_refresh_token="0.canary")
    assert ids(result.warnings) == ["mail.refresh_token_ends"]


def test_microsoft_by_token_is_not_warned_of_the_end_of_passwords():
    assert checked(base=MICROSOFT).warnings == ()
    (warning, *_) = checked(email_host="smtp.office365.com").warnings
    needed = ("EMAIL_AUTH=xoauth2", "EMAIL_OAUTH_TENANT", "EMAIL_OAUTH_CLIENT_ID", "EMAIL_OAUTH_CLIENT_SECRET",
              "EMAIL_OAUTH_REFRESH_TOKEN")  # fmt: skip
    assert [name for name in needed if name not in warning.fix] == []


def test_a_refresh_token_that_is_missing_is_looked_for_where_google_gives_it():
    (finding,) = checked(base=GOOGLE, email_oauth_refresh_token="").findings
    assert "developers.google.com/oauthplayground" in finding.fix


def test_a_password_beside_tokens_is_said_to_be_unused():
    assert ids(checked(email_auth="xoauth2", email_token_command=COMMAND).warnings) == ["mail.password_unused"]
    assert ids(checked(email_token_command=COMMAND).warnings) == ["mail.token_unused"]


def test_tokens_without_a_password_are_used_and_said_so():
    result = checked(email_host_password="", email_token_command=COMMAND)
    assert (result.usable().auth, ids(result.repairs)) == (XOAUTH2, ["mail.auth_missing"])


def test_the_fingerprint_changes_with_the_source_of_tokens_and_with_nothing_else(tmp_path):
    path = tmp_path / "token"
    path.write_text("one")
    account = checked(base=BY_TOKEN, email_token_file=str(path)).usable()
    before = account.fingerprint
    account.token.token()
    path.write_text("two")
    same = checked(base=BY_TOKEN, email_token_file=str(path)).usable()
    other = checked(base=BY_TOKEN, email_token_command=COMMAND).usable()
    assert before == account.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize("base", [GOOGLE, MICROSOFT])
def test_no_secret_of_the_tokens_source_is_shown(base):
    result = checked(base=base)
    account = result.usable()
    assert "canary" not in repr(result) + repr(account) + account.fingerprint + repr(account.token._source)
