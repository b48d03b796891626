"""Which encryption the port and the two switches mean; a repair exchanges or adds TLS, never removes it."""

from mailer.account import PLAIN, SSL, STARTTLS
from mailer.config.readings import Notes, read_flag
from mailer.mail_settings import MailSettings

_SSL_PORTS, _STARTTLS_PORTS, _ADD_TLS_PORTS = (465,), (587, 25, 2525), (587, 2525)


def security_of(mail: MailSettings, port: int, local: bool, notes: Notes) -> str:
    """ssl, starttls or plain; empty if it cannot be told. `local`: the server is this machine."""
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
            _conflict(tls, ssl),
            f"EMAIL_PORT={port} speaks TLS from the first byte, so EMAIL_USE_SSL=True and EMAIL_USE_TLS=False are used.",
            "set EMAIL_USE_SSL=True and EMAIL_USE_TLS=False in .env.",
        )
        return SSL
    adds_tls = port in _ADD_TLS_PORTS and not local and not tls
    if port in _STARTTLS_PORTS and (ssl or adds_tls):
        notes.repaired(
            _conflict(tls, ssl),
            f"EMAIL_PORT={port} begins in plain text and turns to TLS (STARTTLS), so EMAIL_USE_TLS=True and"
            " EMAIL_USE_SSL=False are used.",
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
