"""The check of the mail settings: every fault at once, every repair said. Single settings are in `readings`.

What belongs together has its own module: `encryption`, `logins`, `surroundings`.
"""

from dataclasses import dataclass

from mailer.account import HOLD, PLAIN, RESEND, SANDBOX, Account, ImapAccount, NameServer
from mailer.config.encryption import security_of
from mailer.config.link_address import check_links
from mailer.config.logins import login_of
from mailer.config.readings import (
    Notes,
    Repair,
    read_backend,
    read_ca_file,
    read_flag,
    read_from,
    read_host,
    read_number,
    read_port,
    read_whole,
)
from mailer.config.spelling import tell_unknown_names
from mailer.config.surroundings import dkim_key_of, imap_of, name_server_of
from mailer.errors import ConfigurationRefused
from mailer.mail_settings import MailSettings
from mailer.providers import is_loopback, provider_of
from store.errors import Finding
from store.places import resolve, shown
from store.settings import Settings

SANDBOX_FROM = "Interviews <interviews@sandbox.example>"  # the sandbox's sender while DEFAULT_FROM_EMAIL is not set


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check. `account` is None while there are findings; warnings and repairs do not block.

    `imap` is the mailbox that is read back, if one is set; `name_server` whom to ask instead of the system's.
    """

    account: Account | None
    repairs: tuple[Repair, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()
    imap: ImapAccount | None = None
    name_server: NameServer | None = None

    def usable(self) -> Account:
        """The account, or ConfigurationRefused with every finding."""
        if self.account is None:
            raise ConfigurationRefused(self.findings)
        return self.account


def check(mail: MailSettings, shared: Settings, sandbox_port: int = 0, *, links: bool = True) -> Checked:
    """Checks all settings in one pass, without any connection; the same answer from every entry point.

    `sandbox_port` is where the sandbox listens, if it runs already. Without `links` nothing is said of whether they can be
    opened: an alert to ops has none.
    """
    notes = Notes()
    backend = read_backend(mail.email_backend, notes)
    facts = _sandbox(mail, notes, sandbox_port) if backend == SANDBOX else _smtp(mail, shared, notes, links)
    facts |= _manners(mail, notes, str(facts["host"]))
    facts["dkim"] = dkim_key_of(mail, str(facts["from_address"]), notes)
    imap = imap_of(mail, facts, notes) if backend != SANDBOX else None
    name_server = name_server_of(mail.dns_server, notes)
    tell_unknown_names(MailSettings.model_config["env_file"], notes)
    account = None if notes.findings else Account(backend=backend, **facts)
    imap = None if notes.findings else imap
    noted = (tuple(notes.repairs), tuple(notes.findings), tuple(notes.warnings))
    return Checked(account, *noted, imap, name_server)


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


def _smtp(mail: MailSettings, shared: Settings, notes: Notes, links: bool) -> dict[str, object]:
    host, port = read_host(mail.email_host, notes), read_port(mail.email_port, notes)
    local = is_loopback(host)
    security = security_of(mail, port, local, notes)
    login = login_of(mail, host, notes)
    name, sender = read_from(mail.default_from_email, notes, real=True, local=local)
    _sender_hints(host, login.user, sender, notes)
    allowed = read_flag("ALLOW_LOCAL_LINKS", mail.allow_local_links, notes)
    if host and links:
        check_links(shared, local=local, allowed=allowed, notes=notes)
    return {
        "host": host,
        "port": port,
        "security": security,
        "user": login.user,
        "password": login.password,
        "auth": login.auth,
        "token": login.token,
        "from_name": name,
        "from_address": sender,
        "ca_file": read_ca_file(mail.email_ca_file, notes),
    }


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
