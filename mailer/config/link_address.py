"""Whether candidates can open what BACKEND_URL makes of a link: a public name, and encrypted."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from mailer.config.readings import Notes
from store.settings import Settings

_INNER = (".local", ".localdomain", ".lan", ".internal", ".intranet", ".corp", ".home", ".home.arpa")
_PUBLIC = "set BACKEND_URL to the https:// address under which candidates reach the portal"


def check_links(shared: Settings, *, local: bool, allowed: bool | None, notes: Notes) -> None:
    """Notes what keeps candidates from opening their links. `local`: the mail server is this machine."""
    if shared.links_are_local and not local and allowed is False:
        notes.wrong(
            "local_links",
            f"BACKEND_URL={shared.backend_url} opens on this machine only, but mail goes to a real server.",
            "set BACKEND_URL to what candidates can reach (or ALLOW_LOCAL_LINKS=True for a trial).",
        )
        return
    if faults := list(_faults(shared)):
        what = (
            f"BACKEND_URL={shared.backend_url} {' and '.join(faults)}: a link in a mail may not work for a candidate."
        )
        notes.warn("links_not_public", what, f"{_PUBLIC} (a trial on this machine or in this network may go without).")


def _faults(shared: Settings) -> Iterator[str]:
    host = shared.backend_host
    if shared.links_are_local:
        yield "opens on this machine only"
        return
    if _is_inner(host):
        yield "is known in this network only"
    if urlsplit(shared.backend_url).scheme == "http":
        yield "is not encrypted, so that browsers give no camera"


def _is_inner(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host.rstrip(".") or host.rstrip(".").endswith(_INNER)
