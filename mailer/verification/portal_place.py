"""What keeps a portal from answering at an address: no address, no such name, nothing there, its certificate, a redirect.

Only the way there is looked at. What the portal says is `portal_client`'s.
"""

import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from mailer.portal_client import spelling_fix
from mailer.verification.dns_questions import resolved
from store.redaction import one_line

SECONDS = 10.0
"""For all steps together."""
_HEAD_BYTES = 8192
_START = "start the portal there (`make portal`, or `python portal.py`)"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why no portal is reached. `is_silent` says that nothing answers, so that a portal may simply not be running."""

    code: str
    what: str
    fix: str
    is_silent: bool = False


def is_address(text: str) -> bool:
    """Whether the text can be where a portal listens: scheme and host, perhaps a port."""
    try:
        parts, port = urlsplit(text), urlsplit(text).port
    except ValueError:
        return False
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    return bare and parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


def trouble_at(address: str, setting: str, seconds: float = SECONDS) -> Trouble | None:
    """What is in the way to the portal at `address`, which `setting` names; None if something answers there."""
    parts, until = urlsplit(address), time.monotonic() + seconds
    place = f"{setting} ({address})"
    try:
        hosts = dict.fromkeys(map(str, resolved(parts.hostname, seconds)))
    except OSError as error:
        what = f"the name {parts.hostname} of {place} is not found: {error.strerror or error}"
        fix = f"{spelling_fix(setting)}; then verify again."
        return Trouble("name_unknown", what, fix)
    try:
        return _answered(parts, list(hosts), place, setting, until)
    except ssl.SSLCertVerificationError as error:
        return _untrusted(parts.hostname, place, setting, error)
    except ssl.SSLError as error:
        what = f"what answers at {place} does not speak https ({error.reason or 'TLS fails'})"
        return Trouble(
            "no_tls", what, f"correct scheme and port of {setting} (https:// or http://); then verify again."
        )
    except TimeoutError:
        what = f"{place} does not answer within {seconds:g} seconds"
        fix = f"{_START}, or correct {setting}; a firewall may be in the way, too. Then verify again."
        return Trouble("silent", what, fix, is_silent=True)
    except OSError as error:
        what = f"no portal answers at {place}: {error.strerror or type(error).__name__}"
        return Trouble("nothing_there", what, f"{_START}, or correct {setting}; then verify again.", is_silent=True)


def _answered(parts: SplitResult, hosts: list[str], place: str, setting: str, until: float) -> Trouble | None:
    status, location = _asked(parts, hosts, until)
    if status not in (301, 302, 303, 307, 308):
        return None
    to = one_line(location)[:200]
    what = (
        f"what answers at {place} sends visitors on ({status}) to {to or 'another place'}, and a link is opened there"
    )
    goes = urlsplit(to)
    better = (
        f"{goes.scheme}://{goes.netloc}" if is_address(f"{goes.scheme}://{goes.netloc}") else "the portal's own address"
    )
    return Trouble("redirect", what, f"set {setting} to {better}, where the portal itself answers; then verify again.")


def _asked(parts: SplitResult, hosts: list[str], until: float) -> tuple[int, str]:
    """Status and Location of what answers /healthz, all within the time. Raises OSError."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    line = _connected(hosts, port, until)
    with line:
        if parts.scheme == "https":
            line.settimeout(_left(until))
            line = ssl.create_default_context().wrap_socket(line, server_hostname=parts.hostname)
        with line:
            line.settimeout(_left(until))
            line.sendall(f"GET /healthz HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode("ascii"))
            return _read(_head(line, until))


def _connected(hosts: list[str], port: int, until: float) -> socket.socket:
    """A connection to the first of the addresses that takes one. Raises OSError."""
    for host in hosts[:-1]:
        with suppress(OSError):
            return socket.create_connection((host, port), _left(until))
    return socket.create_connection((hosts[-1], port), _left(until))


def _head(line: socket.socket, until: float) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES:
        line.settimeout(_left(until))
        chunk = line.recv(_HEAD_BYTES)
        if not chunk:
            break
        head += chunk
    if not head:
        raise ConnectionResetError(104, "it closes the connection without a word")
    return head.partition(b"\r\n\r\n")[0]


def _read(head: bytes) -> tuple[int, str]:
    first, *others = head.decode("latin-1").split("\r\n")
    _, _, rest = first.partition(" ")
    fields = (line.partition(":") for line in others)
    location = next((value.strip() for name, _, value in fields if name.strip().lower() == "location"), "")
    return (int(rest[:3]) if rest[:3].isascii() and rest[:3].isdigit() else 0), location


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _untrusted(host: str, place: str, setting: str, error: ssl.SSLCertVerificationError) -> Trouble:
    what = f"the certificate of {place} is not trusted, and browsers warn candidates of it ({error.verify_message})"
    fix = (
        f"give the portal a certificate for {host} by an authority that browsers know, or correct {setting} (for an"
        " authority of your own set SSL_CERT_FILE in this environment); then verify again."
    )
    return Trouble("certificate", what, fix)
