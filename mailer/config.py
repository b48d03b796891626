"""The mail settings and their check: every fault at once, every repair said. Single settings are in `readings`."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from mailer.account import HOLD, PLAIN, RESEND, SANDBOX, SSL, STARTTLS, Account
from mailer.errors import ConfigurationRefused
from mailer.providers import is_loopback, provider_of
from mailer.readings import (
    Notes,
    Repair,
    read_backend,
    read_ca_file,
    read_flag,
    read_from,
    read_host,
    read_number,
    read_password,
    read_port,
    read_user,
    read_whole,
)
from store.errors import Finding
from store.places import resolve, shown
from store.settings import FromEnvironment, Settings

__all__ = ["Account", "Checked", "MailSettings", "Repair", "check"]

SANDBOX_FROM = "Interviews <interviews@sandbox.example>"  # the sandbox's sender while DEFAULT_FROM_EMAIL is not set
_SSL_PORTS, _STARTTLS_PORTS, _ADD_TLS_PORTS = (465,), (587, 25, 2525), (587, 2525)
_APP_PASSWORD = re.compile(r"[a-z]{16}", re.IGNORECASE)

# Raw text, so that one check can report all that was mistyped instead of the first.
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


class MailSettings(FromEnvironment):
    """What the mailer reads from the environment, as typed. `check` makes an Account of it. Times are seconds."""

    email_backend: Text = ""
    email_host: Text = ""
    email_port: Text = ""
    email_use_tls: Text = ""
    email_use_ssl: Text = ""
    email_auth: Text = "password"
    email_host_user: Text = ""
    email_host_password: SecretStr = SecretStr("")
    default_from_email: Text = ""
    email_timeout: Text = "30"
    email_deadline: Text = "600"
    email_lease: Text = "900"
    email_hold: Text = "900"
    email_on_unknown: Text = RESEND
    email_connections: Text = ""
    email_rate: Text = "0"
    email_ca_file: Text = ""
    sandbox_mailbox: Text = "var/mailbox"
    allow_local_links: Text = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check. `account` is None while there are findings; warnings and repairs do not block."""

    account: Account | None
    repairs: tuple[Repair, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()

    def usable(self) -> Account:
        """The account, or ConfigurationRefused with every finding."""
        if self.account is None:
            raise ConfigurationRefused(self.findings)
        return self.account


def check(mail: MailSettings, shared: Settings, sandbox_port: int = 0) -> Checked:
    """Checks all settings in one pass, without any connection; the same answer from every entry point.

    `sandbox_port` is where the sandbox listens, if it runs already.
    """
    notes = Notes()
    backend = read_backend(mail.email_backend, notes)
    facts = _sandbox(mail, notes, sandbox_port) if backend == SANDBOX else _smtp(mail, shared, notes)
    facts |= _manners(mail, notes, str(facts["host"]))
    account = None if notes.findings else Account(backend=backend, **facts)
    return Checked(account, tuple(notes.repairs), tuple(notes.findings), tuple(notes.warnings))


def _sandbox(mail: MailSettings, notes: Notes, port: int) -> dict[str, object]:
    name, sender = read_from(mail.default_from_email.strip() or SANDBOX_FROM, notes, real=False, local=True)
    mailbox = resolve(mail.sandbox_mailbox.strip() or "var/mailbox")
    if mailbox.exists() and not mailbox.is_dir():
        notes.wrong(
            "mailbox_no_folder", f"SANDBOX_MAILBOX={shown(mailbox)} is a file.", "set SANDBOX_MAILBOX to a folder."
        )
    return {
        "host": "127.0.0.1",
        "port": port,
        "security": PLAIN,
        "from_name": name,
        "from_address": sender,
        "mailbox": mailbox,
    }


def _smtp(mail: MailSettings, shared: Settings, notes: Notes) -> dict[str, object]:
    host, port = read_host(mail.email_host, notes), read_port(mail.email_port, notes)
    local = is_loopback(host)
    security = _security(mail, port, local, notes)
    user, password = _login(mail, host, local, notes)
    name, sender = read_from(mail.default_from_email, notes, real=True, local=local)
    _sender_hints(host, user, sender, notes)
    allowed = read_flag("ALLOW_LOCAL_LINKS", mail.allow_local_links, notes)
    if shared.links_are_local and host and not local and allowed is False:
        notes.wrong(
            "local_links",
            f"BACKEND_URL={shared.backend_url} opens on this machine only, but mail goes to a real server.",
            "set BACKEND_URL to what candidates can reach (or ALLOW_LOCAL_LINKS=True for a trial).",
        )
    return {
        "host": host,
        "port": port,
        "security": security,
        "user": user,
        "password": SecretStr(password),
        "from_name": name,
        "from_address": sender,
        "ca_file": read_ca_file(mail.email_ca_file, notes),
    }


def _security(mail: MailSettings, port: int, local: bool, notes: Notes) -> str:
    tls = read_flag("EMAIL_USE_TLS", mail.email_use_tls, notes)
    ssl = read_flag("EMAIL_USE_SSL", mail.email_use_ssl, notes)
    if tls is None or ssl is None or not port:
        return ""
    if tls and ssl and port not in _SSL_PORTS + _STARTTLS_PORTS:
        notes.wrong(
            "tls_and_ssl",
            f"EMAIL_USE_TLS and EMAIL_USE_SSL are both on, and port {port} does not tell which is meant.",
            "turn one off: SSL for a server that speaks TLS at once, TLS for STARTTLS.",
        )
        return ""
    return _by_port(port, tls, ssl, local, notes) or (SSL if ssl else STARTTLS if tls else _plain(port, local, notes))


def _by_port(port: int, tls: bool, ssl: bool, local: bool, notes: Notes) -> str:
    """Where the port's meaning is fixed it wins over the switches: TLS is exchanged or added, never removed."""
    if port in _SSL_PORTS and (tls or not ssl):
        notes.repaired(
            _conflict(tls, ssl), f"port {port} -> SSL only.", "set EMAIL_USE_SSL=True and EMAIL_USE_TLS=False in .env."
        )
        return SSL
    adds_tls = port in _ADD_TLS_PORTS and not local and not tls
    if port in _STARTTLS_PORTS and (ssl or adds_tls):
        notes.repaired(
            _conflict(tls, ssl),
            f"port {port} -> TLS (STARTTLS) only.",
            "set EMAIL_USE_TLS=True and EMAIL_USE_SSL=False in .env.",
        )
        return STARTTLS
    return ""


def _conflict(tls: bool, ssl: bool) -> str:
    return "tls_and_ssl" if tls and ssl else "security_wrong" if tls or ssl else "security_missing"


def _plain(port: int, local: bool, notes: Notes) -> str:
    if not local:
        notes.wrong(
            "plain_to_remote",
            f"EMAIL_USE_TLS and EMAIL_USE_SSL are off: port {port} would be used in plain text.",
            "set EMAIL_USE_TLS=True or EMAIL_USE_SSL=True; plain text is only for a relay on this machine.",
        )
    return PLAIN


def _login(mail: MailSettings, host: str, local: bool, notes: Notes) -> tuple[str, str]:
    user = read_user(mail.email_host_user, notes, local=local)
    password = read_password(mail.email_host_password.get_secret_value(), notes)
    auth = mail.email_auth.strip().lower() or "password"
    if auth not in ("password", "none"):
        notes.wrong(
            "auth_unsupported",
            f"EMAIL_AUTH={auth[:40]!r} is not supported.",
            "set EMAIL_AUTH=password (or none for a relay that knows this machine by its address).",
        )
        return user, password
    if auth == "none":
        if user or password:
            notes.wrong(
                "login_not_wanted",
                "EMAIL_AUTH=none, but a user or password is set.",
                "clear EMAIL_HOST_USER and EMAIL_HOST_PASSWORD, or set EMAIL_AUTH=password.",
            )
        return "", ""
    _both_or_neither(user, password, local, notes)
    return user, _provider_rules(user, password, host, notes)


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
            "plan the move to OAuth (SMTP.Send), High Volume Email or another relay.",
        )
    return _app_password(password, notes) if provider == "google" and password else password


def _app_password(password: str, notes: Notes) -> str:
    joined = "".join(password.split())
    if not _APP_PASSWORD.fullmatch(joined):
        notes.warn(
            "app_password_shape",
            "Gmail takes an App Password of 16 letters, and this one has another shape.",
            "make an App Password at myaccount.google.com/apppasswords.",
        )
        return password
    if joined != password:
        notes.repaired(
            "app_password_spaces",
            "the spaces in the Gmail App Password were dropped.",
            "write EMAIL_HOST_PASSWORD without spaces in .env.",
        )
    return joined


def _sender_hints(host: str, user: str, sender: str, notes: Notes) -> None:
    if provider_of(host).name == "microsoft" and "@" in user and sender and sender.lower() != user.lower():
        notes.warn(
            "from_is_not_mailbox",
            "DEFAULT_FROM_EMAIL is not the mailbox that logs in.",
            "use the mailbox as sender, or have Send As granted for it.",
        )


def _manners(mail: MailSettings, notes: Notes, host: str) -> dict[str, object]:
    facts = _times(mail, notes)
    provider = provider_of(host)
    # A server on this machine answers at once: more connections than two only compete for the processor.
    usual = 2 if is_loopback(host) else 4
    connections = mail.email_connections.strip() or str(provider.connections or usual)
    facts["connections"] = read_whole("EMAIL_CONNECTIONS", connections, 1, 100, notes, unit="connections")
    facts["rate"] = read_whole(
        "EMAIL_RATE", mail.email_rate.strip() or "0", 0, 10_000_000, notes, unit="mails a minute"
    )
    facts["on_unknown"] = mail.email_on_unknown.strip().lower() or RESEND
    if facts["on_unknown"] not in (RESEND, HOLD):
        notes.wrong(
            "on_unknown_wrong",
            f"EMAIL_ON_UNKNOWN={mail.email_on_unknown[:40]!r} is not known.",
            "set EMAIL_ON_UNKNOWN to resend or hold.",
        )
    if provider.mails_a_minute and not 0 < (facts["rate"] or 0) <= provider.mails_a_minute:
        notes.warn(
            "rate_above_limit",
            f"This provider takes {provider.mails_a_minute} mails a minute from one mailbox.",
            f"set EMAIL_RATE={provider.mails_a_minute}.",
        )
    if provider.connections and (facts["connections"] or 0) > provider.connections:
        notes.warn(
            "connections_above_limit",
            f"This provider takes {provider.connections} connections from one mailbox.",
            f"set EMAIL_CONNECTIONS={provider.connections}.",
        )
    return facts


def _times(mail: MailSettings, notes: Notes) -> dict[str, object]:
    times = {
        "timeout": read_number("EMAIL_TIMEOUT", mail.email_timeout.strip() or "30", 0.05, 3600, notes, unit="seconds"),
        "deadline": read_number(
            "EMAIL_DEADLINE", mail.email_deadline.strip() or "600", 0.1, 86400, notes, unit="seconds"
        ),
        "lease": read_number("EMAIL_LEASE", mail.email_lease.strip() or "900", 0.2, 86400, notes, unit="seconds"),
    }
    if None not in times.values() and not times["timeout"] < times["deadline"] < times["lease"]:
        notes.wrong(
            "times_disagree",
            "EMAIL_TIMEOUT, EMAIL_DEADLINE, EMAIL_LEASE must grow in this order, lest a mail go out twice.",
            "set for example EMAIL_TIMEOUT=30, EMAIL_DEADLINE=600, EMAIL_LEASE=900.",
        )
    hold = read_number("EMAIL_HOLD", mail.email_hold.strip() or "900", 0, 604800, notes, unit="seconds")
    return {**times, "hold": hold}
