"""How the settings say to log in: by password, by tokens of one source, or not at all."""

import os
import shlex
import shutil
from dataclasses import dataclass

from pydantic import SecretStr

from mailer.account import NO_LOGIN, PASSWORD, XOAUTH2
from mailer.config.readings import Notes, app_password, quoted, read_secret, read_user
from mailer.mail_settings import MailSettings
from mailer.providers import is_loopback, provider_of
from mailer.token_providers import GoogleTokens, MicrosoftTokens, is_installed
from mailer.tokens import Source, TokenCommand, TokenFile, TokenSource
from store.places import resolve, shown

_COMMAND, _FILE, _LIBRARY = "EMAIL_TOKEN_COMMAND", "EMAIL_TOKEN_FILE", "EMAIL_OAUTH_*"
_ONE_SOURCE = (
    "set one of EMAIL_TOKEN_COMMAND (a program that prints a token), EMAIL_TOKEN_FILE (a file that somebody renews), or"
    " EMAIL_OAUTH_CLIENT_ID with its companions (Google and Microsoft)."
)

_GOOGLE_SHOWS = {
    "CLIENT_ID": "the client's id, as console.cloud.google.com shows it under Clients",
    "CLIENT_SECRET": "the client's secret, as console.cloud.google.com shows it under Clients",
    "REFRESH_TOKEN": (
        "the token that developers.google.com/oauthplayground gives for this client, the mailbox and the scope"
        " https://mail.google.com/ (docs/mail.md tells how)"
    ),
}
_MICROSOFT_SHOWS = {
    "CLIENT_ID": "the application (client) id, as the Entra admin centre shows it under App registrations",
    "TENANT": "the directory (tenant) id, as the Entra admin centre shows it under App registrations",
    "CLIENT_SECRET": (
        "the value (not the id) of a client secret of the application, or EMAIL_OAUTH_REFRESH_TOKEN to a person's token"
    ),
}


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in and with what; `user` is empty where nobody does."""

    user: str = ""
    password: SecretStr = SecretStr("")
    auth: str = PASSWORD
    token: TokenSource | None = None


def login_of(mail: MailSettings, host: str, notes: Notes) -> Login:
    """The login at a host, its faults noted."""
    local = is_loopback(host)
    user = read_user(mail.email_host_user, notes, local=local)
    auth = _auth(mail, notes)
    if auth == XOAUTH2:
        return _by_token(mail, user, host, notes)
    password = read_secret(mail.email_host_password.get_secret_value(), notes)
    if auth == NO_LOGIN:
        if user or password:
            notes.wrong(
                "login_not_wanted",
                "EMAIL_AUTH=none, but a user or password is set.",
                "clear EMAIL_HOST_USER and EMAIL_HOST_PASSWORD, or set EMAIL_AUTH=password.",
            )
        return Login(auth=NO_LOGIN)
    if auth == PASSWORD:
        _both_or_neither(user, password, local, notes)
        password = _provider_rules(user, password, host, notes)
    return Login(user, SecretStr(password))


def _auth(mail: MailSettings, notes: Notes) -> str:
    auth = mail.email_auth.strip().lower() or PASSWORD
    if auth not in (PASSWORD, XOAUTH2, NO_LOGIN):
        notes.wrong(
            "auth_unsupported",
            f"EMAIL_AUTH={quoted(auth[:40])} is not supported.",
            "set EMAIL_AUTH=password, xoauth2 (tokens), or none for a relay that knows this machine by its address.",
        )
        return ""
    if auth == PASSWORD and _sources(mail):
        return _password_or_token(mail, notes)
    return auth


def _password_or_token(mail: MailSettings, notes: Notes) -> str:
    """A source of tokens is set although passwords are said to be used."""
    if not mail.email_host_password.get_secret_value().strip():
        notes.repaired(
            "auth_missing", "tokens are set and no password, so EMAIL_AUTH=xoauth2 is used.", "set EMAIL_AUTH=xoauth2."
        )
        return XOAUTH2
    notes.warn(
        "token_unused",
        f"{_sources(mail)[0]} is not used: EMAIL_AUTH says password.",
        "set EMAIL_AUTH=xoauth2, or take the tokens' settings out.",
    )
    return PASSWORD


def _both_or_neither(user: str, password: str, local: bool, notes: Notes) -> None:
    if local and not user and not password:
        return
    if not user:
        notes.wrong(
            "user_missing",
            "EMAIL_HOST_USER is not set.",
            "set EMAIL_HOST_USER (for a relay that needs no login: EMAIL_AUTH=none and no password).",
        )
    if not password:
        notes.wrong(
            "password_missing",
            "EMAIL_HOST_PASSWORD is not set.",
            "set EMAIL_HOST_PASSWORD (for a relay that needs no login: EMAIL_AUTH=none and no user).",
        )


def _provider_rules(user: str, password: str, host: str, notes: Notes) -> str:
    provider = provider_of(host).name
    if provider == "sendgrid" and user and user != "apikey":
        notes.wrong(
            "sendgrid_user",
            "SendGrid's user is always the word apikey.",
            "set EMAIL_HOST_USER=apikey and EMAIL_HOST_PASSWORD to the API key (SG...).",
        )
    if provider == "microsoft" and password:
        notes.warn(
            "basic_auth_ends",
            "Microsoft 365 turns passwords for SMTP off by default at the end of December 2026.",
            "set EMAIL_AUTH=xoauth2, EMAIL_OAUTH_TENANT, EMAIL_OAUTH_CLIENT_ID, and EMAIL_OAUTH_CLIENT_SECRET (or a"
            " person's EMAIL_OAUTH_REFRESH_TOKEN), and take EMAIL_HOST_PASSWORD out (docs/mail.md tells how); or use"
            " another relay.",
        )
    return app_password(password, notes) if provider == "google" and password else password


def _by_token(mail: MailSettings, user: str, host: str, notes: Notes) -> Login:
    if not user:
        notes.wrong("user_missing", "EMAIL_HOST_USER is not set.", "set EMAIL_HOST_USER to the mailbox of the tokens.")
    if mail.email_host_password.get_secret_value().strip():
        notes.warn(
            "password_unused",
            "EMAIL_HOST_PASSWORD is not used: EMAIL_AUTH says xoauth2.",
            "take EMAIL_HOST_PASSWORD out of .env.",
        )
    source = _source(mail, host, notes)
    return Login(user, auth=XOAUTH2, token=TokenSource(source) if source is not None else None)


def _sources(mail: MailSettings) -> list[str]:
    """The sources of tokens of which something is set."""
    secrets = (mail.email_oauth_client_secret.get_secret_value(), mail.email_oauth_refresh_token.get_secret_value())
    library = "".join((mail.email_oauth_client_id, mail.email_oauth_tenant, *secrets))
    given = ((_COMMAND, mail.email_token_command), (_FILE, mail.email_token_file), (_LIBRARY, library))
    return [name for name, text in given if text.strip()]


def _source(mail: MailSettings, host: str, notes: Notes) -> Source | None:
    sources = _sources(mail)
    if not sources:
        notes.wrong("token_missing", "EMAIL_AUTH=xoauth2, but nothing says where its tokens come from.", _ONE_SOURCE)
    elif len(sources) > 1:
        notes.wrong("token_several", f"Several sources of tokens are set: {', '.join(sources)}.", "keep one of them.")
    elif sources == [_COMMAND]:
        return _command(mail, notes)
    elif sources == [_FILE]:
        return _file(mail, notes)
    else:
        return _library(mail, host, notes)
    return None


def _command(mail: MailSettings, notes: Notes) -> TokenCommand | None:
    fix = "set EMAIL_TOKEN_COMMAND to a program that is there, with its arguments; no shell reads it."
    try:
        arguments = shlex.split(mail.email_token_command, posix=os.name == "posix")
    except ValueError:
        notes.wrong("token_command_unusable", "EMAIL_TOKEN_COMMAND has an open quote.", "close the quote.")
        return None
    program = arguments[0] if os.path.basename(arguments[0]) == arguments[0] else str(resolve(arguments[0]))
    if shutil.which(program) is None:
        what = f"EMAIL_TOKEN_COMMAND: no program {quoted(arguments[0])} can be run."
        notes.wrong("token_command_unusable", what, fix)
        return None
    return TokenCommand((program, *arguments[1:]))


def _file(mail: MailSettings, notes: Notes) -> TokenFile | None:
    path = resolve(mail.email_token_file.strip())
    try:
        with open(path, "rb"):
            return TokenFile(path)
    except OSError as error:
        notes.wrong(
            "token_file_unusable",
            f"EMAIL_TOKEN_FILE ({shown(path)}) cannot be read ({error.strerror}).",
            "set EMAIL_TOKEN_FILE to the file that your token program writes, readable for this user.",
        )
        return None


def _library(mail: MailSettings, host: str, notes: Notes) -> Source | None:
    provider = provider_of(host).name
    if provider not in ("google", "microsoft"):
        notes.wrong(
            "oauth_provider",
            "EMAIL_OAUTH_* is for the servers of Google and Microsoft, and EMAIL_HOST is neither.",
            "use EMAIL_TOKEN_COMMAND or EMAIL_TOKEN_FILE instead, or correct EMAIL_HOST.",
        )
        return None
    client_id = mail.email_oauth_client_id.strip()
    secret = _secret("CLIENT_SECRET", mail.email_oauth_client_secret, "client secret", notes)
    refresh = _secret("REFRESH_TOKEN", mail.email_oauth_refresh_token, "refresh token", notes)
    tenant = mail.email_oauth_tenant.strip()
    needed = {"CLIENT_ID": client_id}
    if provider == "google":
        _needed(needed | {"CLIENT_SECRET": secret, "REFRESH_TOKEN": refresh}, _GOOGLE_SHOWS, notes)
        _installed("google", "google.auth", notes)
        return GoogleTokens(client_id, SecretStr(secret), SecretStr(refresh))
    _needed(needed | {"TENANT": tenant} | ({} if refresh else {"CLIENT_SECRET": secret}), _MICROSOFT_SHOWS, notes)
    _installed("microsoft", "msal", notes)
    if refresh:
        notes.warn(
            "refresh_token_ends",
            "Microsoft's refresh tokens end 90 days after they were issued.",
            "let the application log in for itself (EMAIL_OAUTH_CLIENT_SECRET and no EMAIL_OAUTH_REFRESH_TOKEN).",
        )
    return MicrosoftTokens(tenant, client_id, SecretStr(secret), SecretStr(refresh))


def _secret(name: str, value: SecretStr, what: str, notes: Notes) -> str:
    setting = f"EMAIL_OAUTH_{name}"
    return read_secret(value.get_secret_value(), notes, name=setting, about=f"oauth_{name.lower()}", what=what)


def _needed(given: dict[str, str], shown: dict[str, str], notes: Notes) -> None:
    for name, value in given.items():
        if not value:
            setting = f"EMAIL_OAUTH_{name}"
            fix = f"set {setting} to {shown[name]}."
            notes.wrong(f"oauth_{name.lower()}_missing", f"{setting} is not set.", fix)


def _installed(extra: str, module: str, notes: Notes) -> None:
    if not (is_installed(module) and is_installed("requests")):
        notes.wrong(
            "oauth_library_missing",
            f"The library that fetches tokens ({module}) is not installed.",
            f'run in this project\'s folder: python -m pip install -e ".[{extra}]"',
        )
