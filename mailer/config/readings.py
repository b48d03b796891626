"""Reads single mail settings from the text a person typed, noting every fault. Rules across them are in `config`."""

import ipaddress
import math
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from store.addresses import AddressRefused, checked
from store.errors import Finding
from store.places import resolve, shown

_TRUE, _FALSE = ("1", "true", "yes", "on", "t", "y"), ("", "0", "false", "no", "off", "f", "n")
_NOT_SENDING = ("console", "dummy", "locmem", "filebased", "file", "memory")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.IGNORECASE)
_WRITTEN_FROM = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>|(?P<bare>[^<>]*)")

_APP_PASSWORD = re.compile(r"[a-z]{16}", re.IGNORECASE)

_YOURS = r"your[-_. ]?(?:e-?mail|g?mail|name|user(?:name)?|login|account|id|address|smtp|host|server|provider|domain)"
_EXAMPLE_USER = re.compile(rf"(?:you|username|{_YOURS}\S*)(?:@.*)?|\S+@(?:email|example)", re.IGNORECASE)
_EXAMPLE_DOMAIN = re.compile(
    r"(?:.+\.)?(?:example(?:\.(?:com|net|org|edu))?|invalid|domain\.tld|company\.tld"
    r"|your-?(?:domain|company|provider|server|org|organi[sz]ation|site)(?:\.[a-z-]+)*)|" + _YOURS + r"\S*",
    re.IGNORECASE,
)
_EXAMPLE_TEXT = re.compile(r"@(?:[\w-]*\.)*(?:domain$|your[-_ ]?(?:company|mail)'?s?[-_ ])", re.IGNORECASE)
_YOUR_DOMAIN = (
    "write the address that your mail account sends from; what is written after its @ now is a word of the example, to"
    " be replaced by what stands after the @ in your company's mail addresses."
)
_EXAMPLE_PASSWORD = re.compile(
    r"(?:your|my|the|some)?[-_. ]*(?:g?mail|google|app|e-?mail|smtp|sendgrid|account|host|user)*[-_. ]*"
    r"(?:password|passwd)(?:[-_. ]?here)?"
    r"|your[-_. ].*|yourpass.*|change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|placeholder|dummy|example|todo|tbd"
    r"|(?:x{3,}[ -]?)+|\*{3,}|\.{3,}|<[\w .-]+>|\$\{?\w+\}?|sg\.x{3,}.*|abcd ?efgh ?ijkl ?mnop",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Repair:
    """What was changed for this run only, and how to make it permanent."""

    id: str
    what: str
    permanent: str

    def line(self) -> str:
        return f"[{self.id}] Auto-fixed for this run: {self.what} Make it permanent: {self.permanent}"


@dataclass(slots=True)
class Notes:
    """Everything noticed while reading: findings stop the mail, repairs and warnings do not."""

    findings: list[Finding] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def wrong(self, about: str, what: str, fix: str) -> None:
        self.findings.append(Finding(f"mail.{about}", what, fix))

    def repaired(self, about: str, what: str, permanent: str) -> None:
        self.repairs.append(Repair(f"mail.{about}", what, permanent))

    def warn(self, about: str, what: str, fix: str) -> None:
        self.warnings.append(Finding(f"mail.{about}", what, fix))


def read_backend(text: str, notes: Notes) -> str:
    """`smtp` or `sandbox`; Django's dotted names are understood. Whatever else is set counts as smtp for the checks."""
    parts = [part for part in text.strip().lower().split(".") if part]
    name = parts[-2] if len(parts) > 1 and parts[-1] == "emailbackend" else parts[-1] if parts else ""
    choice = "set EMAIL_BACKEND=smtp for real mail, or EMAIL_BACKEND=sandbox to try things out."
    if name in ("smtp", "sandbox"):
        return name
    if not name:
        notes.wrong("backend_missing", "EMAIL_BACKEND is not set.", choice)
    elif name in _NOT_SENDING:
        notes.wrong("backend_not_sending", f"EMAIL_BACKEND={quoted(text)} sends nothing to anybody.", choice)
    else:
        notes.wrong("backend_unknown", f"EMAIL_BACKEND={quoted(text)} is not known here.", choice)
    return "smtp"


def read_flag(name: str, text: str, notes: Notes) -> bool | None:
    """A switch; None if it cannot be read."""
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    notes.wrong(
        f"{_short(name)}_unreadable", f"{name}={quoted(text)} is neither on nor off.", f"set {name} to True or False."
    )
    return None


def read_number(name: str, text: str, least: float, most: float, notes: Notes, *, unit: str) -> float | None:
    """A number of `unit` within bounds; None if it cannot be read."""
    try:
        value = float(text.strip())
    except ValueError:
        value = math.nan
    if least <= value <= most:
        return value
    notes.wrong(
        f"{_short(name)}_wrong",
        f"{name}={quoted(text)} is not a number of {unit} from {least:g} to {most:g}.",
        f"set {name} to a number from {least:g} to {most:g}.",
    )
    return None


def read_whole(name: str, text: str, least: int, most: int, notes: Notes, *, unit: str = "") -> int | None:
    """A whole number (of `unit`) within bounds, decimal digits only; None if it cannot be read."""
    word = text.strip()
    if word.isascii() and word.isdigit() and len(word) <= 12 and least <= int(word) <= most:
        return int(word)
    notes.wrong(
        f"{_short(name)}_wrong",
        f"{name}={quoted(text)} is not a whole number{f' of {unit}' if unit else ''} from {least} to {most}.",
        f"set {name} to a whole number from {least} to {most}.",
    )
    return None


def read_host(text: str, notes: Notes, name: str = "EMAIL_HOST", kind: str = "SMTP") -> str:
    """A host name in its ASCII form or an IP address; empty if it cannot be used."""
    host, about = text.strip(), _short(name)
    wanted = f"set {name} to your provider's {kind} server."
    if not host:
        notes.wrong(f"{about}_missing", f"{name} is not set.", wanted)
        return ""
    if _EXAMPLE_DOMAIN.fullmatch(host):
        notes.wrong(f"{about}_placeholder", f"{name}={quoted(text)} is an example, not a server.", wanted)
        return ""
    ascii_name = host_name(host)
    if not ascii_name:
        notes.wrong(
            f"{about}_invalid",
            f"{name}={quoted(text)} is no host name.",
            f"write the bare name, like {kind.lower()}.gmail.com: no scheme, no port, no spaces.",
        )
    return ascii_name


def host_name(host: str) -> str:
    """The ASCII form of a host name or IP address; empty for what is neither."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        ascii_name = _ascii_form(host.rstrip("."))
    return ascii_name.lower() if ascii_name and all(map(_LABEL.fullmatch, ascii_name.split("."))) else ""


def _ascii_form(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def read_port(text: str, notes: Notes) -> int:
    """A port; 0 if it cannot be used."""
    if not text.strip():
        notes.wrong(
            "port_missing", "EMAIL_PORT is not set.", "set EMAIL_PORT=587 with EMAIL_USE_TLS=True (or 465 with SSL)."
        )
        return 0
    return read_whole("EMAIL_PORT", text, 1, 65535, notes) or 0


def read_user(text: str, notes: Notes, *, local: bool, name: str = "EMAIL_HOST_USER", about: str = "user") -> str:
    """The login name as written; example values are refused."""
    user = text.strip()
    domain = user.rpartition("@")[2] if "@" in user else ""
    if _EXAMPLE_USER.fullmatch(user) or (domain and not local and _EXAMPLE_DOMAIN.fullmatch(domain)):
        notes.wrong(
            f"{about}_placeholder",
            f"{name}={quoted(text)} is an example, not a login.",
            f"set {name} to the mailbox or user name that your provider gave you.",
        )
    if not user.isprintable():
        notes.wrong(f"{about}_invalid", f"{name} has control characters.", f"type {name} anew.")
    return user


def read_secret(
    text: str, notes: Notes, *, name: str = "EMAIL_HOST_PASSWORD", about: str = "password", what: str = "password"
) -> str:
    """A password or its like without surrounding white space (said so); example values are refused, and never shown."""
    secret = text.strip()
    if secret != text:
        notes.repaired(
            f"{about}_trimmed",
            f"white space around the {what} was dropped.",
            f"take the spaces or line breaks around {name} out of .env.",
        )
    if _EXAMPLE_PASSWORD.fullmatch(secret):
        kinds = "password, app password or API key" if what == "password" else what
        notes.wrong(
            f"{about}_placeholder",
            f"{name} still has an example value.",
            f"set {name} to the {kinds} that your provider gave you.",
        )
    if not all(char.isprintable() or char == "\xa0" or "\udc80" <= char <= "\udcff" for char in secret):
        notes.wrong(f"{about}_invalid", f"{name} has control characters.", f"type {name} anew.")
    return secret


def app_password(password: str, notes: Notes, *, name: str = "EMAIL_HOST_PASSWORD", about: str = "") -> str:
    """Google's App Password without the spaces that it is shown with; `about` begins the notes' ids."""
    joined = "".join(password.split())
    if not _APP_PASSWORD.fullmatch(joined):
        notes.warn(
            f"{about}app_password_shape",
            "Gmail takes an App Password of 16 letters, and this one has another shape.",
            "make an App Password at myaccount.google.com/apppasswords.",
        )
        return password
    if joined != password:
        notes.repaired(
            f"{about}app_password_spaces",
            "the spaces in the Gmail App Password were dropped.",
            f"write {name} without spaces in .env.",
        )
    return joined


def read_from(text: str, notes: Notes, *, real: bool, local: bool) -> tuple[str, str]:
    """Name and address of the sender. `real`: through a real server, where an example cannot be the sender."""
    written = _WRITTEN_FROM.fullmatch(text.strip())
    name, address = (written["name"] or "", written["address"] or written["bare"] or "") if written else ("", "")
    fix = (
        "set DEFAULT_FROM_EMAIL to one address, like: Interviews <interviews@DOMAIN>, with your mail domain for DOMAIN."
    )
    if not text.strip():
        notes.wrong("from_missing", "DEFAULT_FROM_EMAIL is not set.", fix)
        return "", ""
    name, address = name.strip().strip('"').strip(), address.strip()
    if not name.isprintable() or "=?" in name or len(name) > 200:
        notes.wrong(
            "from_name_invalid",
            "The name in DEFAULT_FROM_EMAIL has control characters, is encoded or too long.",
            "write the name plainly, in at most 200 characters, or leave it out.",
        )
    return name, _from_address(text, address, fix, notes, real=real, local=local)


def _from_address(text: str, address: str, fix: str, notes: Notes, *, real: bool, local: bool) -> str:
    if _EXAMPLE_TEXT.search(address):
        what = f"DEFAULT_FROM_EMAIL={quoted(text)} is the example itself, with words that stand for something else."
        notes.wrong("from_placeholder", what, _YOUR_DOMAIN)
        return ""
    try:
        sender = checked(address)
    except AddressRefused as refused:
        notes.wrong("from_invalid", f"DEFAULT_FROM_EMAIL={quoted(text)} is no single valid address ({refused}).", fix)
        return ""
    box, _, domain = sender.rpartition("@")
    if not sender.isascii():
        notes.wrong("from_invalid", f"DEFAULT_FROM_EMAIL={quoted(text)} is not ASCII before the @.", fix)
    elif real and (_EXAMPLE_USER.fullmatch(box) or (not local and _EXAMPLE_DOMAIN.fullmatch(domain))):
        notes.wrong("from_placeholder", f"DEFAULT_FROM_EMAIL={quoted(text)} is an example, not a sender.", fix)
    return sender


def read_ca_file(text: str, notes: Notes) -> Path | None:
    """A file of trusted certificates that can be loaded; None if unset or unusable."""
    if not text.strip():
        return None
    path = resolve(text.strip())
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        notes.wrong(
            "ca_file_unusable",
            f"EMAIL_CA_FILE={shown(path)} cannot be used ({error.strerror or 'no certificate'}).",
            "give a readable PEM file with the certificate of the authority, or unset EMAIL_CA_FILE.",
        )
    return path


def _short(name: str) -> str:
    return name.removeprefix("EMAIL_").lower()


def quoted(text: str) -> str:
    """What was typed, cut and harmless to show."""
    return ascii(text.strip()[:80]) if not text.isprintable() else repr(text.strip()[:80])
