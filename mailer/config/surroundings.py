"""What the settings say around the mail server: the mailbox read back, the signing key, the name server."""

import ipaddress

from pydantic import SecretStr

from mailer.account import PLAIN, SSL, STARTTLS, DkimKey, ImapAccount, NameServer
from mailer.config.readings import Notes, app_password, host_name, quoted, read_host, read_secret, read_user, read_whole
from mailer.dkim_signing import KEY_FIX, LIBRARY_FIX, SigningRefused, check_key
from mailer.mail_settings import MailSettings
from mailer.providers import is_loopback, provider_of
from mailer.token_providers import is_installed
from mailer.tokens import TokenSource
from store.places import resolve, shown

_SSL_PORT, _STARTTLS_PORT = 993, 143
_WORDS = {"tls": SSL, "imaps": SSL, "none": PLAIN}
_KEY_BYTES = 65536


def imap_of(mail: MailSettings, smtp: dict[str, object], notes: Notes) -> ImapAccount | None:
    """The mailbox that is read back, None if none is set. `smtp` are the facts of the account that sends."""
    password = mail.imap_password.get_secret_value()
    if not "".join((mail.imap_host, mail.imap_port, mail.imap_security, mail.imap_user, password)).strip():
        if mail.imap_folders.strip():
            fix = "set IMAP_HOST, IMAP_USER and IMAP_PASSWORD of the mailbox, or take IMAP_FOLDERS out."
            notes.warn("imap_folders_unused", "IMAP_FOLDERS is set, but no mailbox that is read back.", fix)
        return None
    host = read_host(mail.imap_host, notes, "IMAP_HOST", "IMAP")
    local = is_loopback(host)
    security, port = _imap_line(mail, local, notes)
    user, password, token = _imap_login(mail, host, local, smtp, notes)
    folders = tuple(name.strip() for name in mail.imap_folders.split(",") if name.strip())
    timeout, ca_file = smtp["timeout"] or 30, smtp.get("ca_file")
    return ImapAccount(host, port, security, user, SecretStr(password), token, timeout, ca_file, folders)


def _imap_line(mail: MailSettings, local: bool, notes: Notes) -> tuple[str, int]:
    word = mail.imap_security.strip().lower()
    security = _WORDS.get(word, word)
    if security not in ("", SSL, STARTTLS, PLAIN):
        what = f"IMAP_SECURITY={quoted(word)} is not known."
        notes.wrong("imap_security_wrong", what, "set IMAP_SECURITY to ssl (port 993) or starttls (port 143).")
        return "", 0
    usual = _STARTTLS_PORT if security in (STARTTLS, PLAIN) else _SSL_PORT
    port = read_whole("IMAP_PORT", mail.imap_port.strip() or str(usual), 1, 65535, notes) or 0
    security = _by_port(security or (STARTTLS if port == _STARTTLS_PORT else SSL), port, notes)
    if security == PLAIN and not local:
        notes.wrong(
            "imap_plain_to_remote",
            "IMAP_SECURITY=plain: the password would go over the network in plain text.",
            "set IMAP_SECURITY=ssl and IMAP_PORT=993; plain text is only for a server on this machine.",
        )
    return security, port


def _by_port(security: str, port: int, notes: Notes) -> str:
    """TLS is exchanged, never removed: on the two ports whose meaning is fixed."""
    meant = {_SSL_PORT: SSL, _STARTTLS_PORT: STARTTLS}.get(port, security)
    if meant == security or security == PLAIN:
        return security
    what = f"IMAP_PORT={port} means {meant}, so IMAP_SECURITY={meant} is used."
    notes.repaired("imap_security_wrong", what, f"set IMAP_SECURITY={meant} in .env.")
    return meant


def _imap_login(
    mail: MailSettings, host: str, local: bool, smtp: dict[str, object], notes: Notes
) -> tuple[str, str, TokenSource | None]:
    user = read_user(mail.imap_user, notes, local=local, name="IMAP_USER", about="imap_user")
    given = mail.imap_password.get_secret_value()
    password = read_secret(given, notes, name="IMAP_PASSWORD", about="imap_password")
    token = smtp.get("token")
    if token is not None and not password and user.lower() in ("", str(smtp["user"]).lower()):
        return str(smtp["user"]), "", token
    if not user:
        notes.wrong(
            "imap_user_missing", "IMAP_USER is not set.", "set IMAP_USER to the login of the mailbox read back."
        )
    if not password:
        notes.wrong(
            "imap_password_missing", "IMAP_PASSWORD is not set.", "set IMAP_PASSWORD to that mailbox's password."
        )
    elif provider_of(host).name == "google":
        password = app_password(password, notes, name="IMAP_PASSWORD", about="imap_")
    return user, password, None


def dkim_key_of(mail: MailSettings, from_address: str, notes: Notes) -> DkimKey | None:
    """The key that mails are signed with; all of its three settings or none."""
    given = {
        "DKIM_DOMAIN": mail.dkim_domain.strip(),
        "DKIM_SELECTOR": mail.dkim_selector.strip(),
        "DKIM_PRIVATE_KEY_FILE": mail.dkim_private_key_file.strip(),
    }
    missing = [name for name, value in given.items() if not value]
    if len(missing) == len(given):
        return None
    for name in missing:
        fix = f"set {name} too, or clear all DKIM_ settings to send without a signature."
        notes.wrong(f"{name.lower()}_missing", f"{name} is not set, but other DKIM_ settings are.", fix)
    domain = _dns_name("DKIM_DOMAIN", given["DKIM_DOMAIN"], notes)
    selector = _dns_name("DKIM_SELECTOR", given["DKIM_SELECTOR"], notes)
    key = _private_key(given["DKIM_PRIVATE_KEY_FILE"], notes)
    _alignment(domain, from_address, notes)
    made = DkimKey(domain, selector, SecretStr(key))
    if not is_installed("dkim"):
        notes.wrong("dkim_library_missing", "The library that signs mails (dkimpy) is not installed.", LIBRARY_FIX)
    elif key:
        _check_key(made, given["DKIM_PRIVATE_KEY_FILE"], notes)
    return made


def _check_key(key: DkimKey, file: str, notes: Notes) -> None:
    named = f"DKIM_PRIVATE_KEY_FILE={shown(resolve(file))}"
    try:
        weakness = check_key(key)
    except SigningRefused as refused:
        is_no_key = refused.code == "dkim_key_unusable"
        why = "it holds no private RSA key that can be read." if is_no_key else str(refused)
        notes.wrong(refused.code, f"{named} cannot be used: {why}", refused.fix)
        return
    if weakness:
        notes.warn("dkim_key_short", weakness, KEY_FIX)


def _dns_name(name: str, text: str, notes: Notes) -> str:
    found = host_name(text) if text else ""
    if text and (not found or found[-1:].isdigit() and name == "DKIM_DOMAIN"):
        notes.wrong(f"{name.lower()}_invalid", f"{name}={quoted(text)} is no DNS name.", f"write {name} as DNS has it.")
    return found


def _private_key(text: str, notes: Notes) -> str:
    if not text:
        return ""
    path = resolve(text)
    fix = "give the readable PEM file of the private key whose public half is published at the selector."
    try:
        with open(path, encoding="ascii") as file:
            key = file.read(_KEY_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no PEM text"
        notes.wrong("dkim_key_unusable", f"DKIM_PRIVATE_KEY_FILE={shown(path)} cannot be read ({reason}).", fix)
        return ""
    return key


def _alignment(domain: str, from_address: str, notes: Notes) -> None:
    sender = from_address.rpartition("@")[2].lower()
    aligned = sender == domain or sender.endswith(f".{domain}") or domain.endswith(f".{sender}")
    if domain and sender and not aligned:
        notes.warn(
            "dkim_not_aligned",
            f"DKIM_DOMAIN={domain} is not the domain of DEFAULT_FROM_EMAIL ({sender}): DMARC will not count it.",
            f"set DKIM_DOMAIN={sender} with a key that is published there.",
        )


def name_server_of(text: str, notes: Notes) -> NameServer | None:
    """The name server to ask instead of the system's; None for the system's."""
    if not text.strip():
        return None
    host, port = _host_and_port(text.strip())
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        address = ""
    if not address or not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        fix = "write an IP address, with a port if it is not 53: 10.0.0.2 or 127.0.0.1:5353 or [::1]:5353."
        notes.wrong("dns_server_wrong", f"DNS_SERVER={quoted(text)} is no address of a name server.", fix)
        return None
    return NameServer(address, int(port))


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        return (host, port.removeprefix(":") or "53") if closed else ("", "")
    host, colon, port = text.partition(":")
    return (host, port) if colon and ":" not in port else (text, "53")
