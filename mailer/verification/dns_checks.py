"""The stage of domain names: the mail server's host, and the records of the From domain. What they mean is in
`from_domain`, how they are asked for in `dns_questions`.
"""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from mailer.account import Account, NameServer
from mailer.providers import is_loopback
from mailer.verification import from_domain, stages
from mailer.verification.dns_questions import (
    QUESTION_SECONDS,
    TOTAL_SECONDS,
    Address,
    NoSuchName,
    Questions,
    Unanswered,
    resolved,
)
from mailer.verification.from_domain import Seen, Sender, finding
from mailer.verification.stages import DNS, FAILED, NOT_RUN, Row

HOST, FROM_DOMAIN, MX, SPF, DKIM, DMARC = "Host", "From domain", "MX", "SPF", "DKIM", "DMARC"
_KINDS = ((MX, from_domain.mx), (SPF, from_domain.spf), (DKIM, from_domain.dkim), (DMARC, from_domain.dmarc))
_NEVER_PUBLIC = ("test", "example", "invalid", "localhost")
_EVIDENCE_CHARS = 400
_NETWORK_FIX = "check this machine's network, VPN and firewall (DNS is port 53), then run again."
_TEMPORARY = (socket.EAI_AGAIN, getattr(socket, "EAI_SYSTEM", None))


def check_dns(
    account: Account,
    name_server: NameServer | None,
    *,
    dkim_selectors: Sequence[str] = (),
    began: float,
    clock: Callable[[], float] = time.monotonic,
    seconds: float = QUESTION_SECONDS,
    total: float = TOTAL_SECONDS,
) -> list[Row]:
    """One row for the host, and one for each kind of record of the From domain; only the host can fail the stage.

    `dkim_selectors` are asked instead of the provider's usual ones, unless mails are signed here. `seconds` bounds a
    question, `total` all of them; `began` is when the verification began, by `clock`.
    """
    look = _Look(Questions(name_server, seconds=seconds, total=total, clock=clock), began, clock)
    hosts, silent = look.at_host(account.host, seconds)
    if name_server is None and is_loopback(account.host):
        domain = account.from_address.rpartition("@")[2].lower()
        look.take(FROM_DOMAIN, partial(_not_asked, domain))
        return look.rows
    if name_server is None and silent:
        look.why_not = "the name server does not answer"
    sender = Sender(account, tuple(dict.fromkeys(hosts)), tuple(dkim_selectors))
    for title, kind in _KINDS:
        look.take(title, partial(kind, sender, look.ask))
    return look.rows


def _not_asked(domain: str) -> Seen:
    """Whether it matters that nothing is asked about the From domain, for the mail server is this machine."""
    if domain.rpartition(".")[2] in _NEVER_PUBLIC:
        return Seen(
            f"not asked, and not needed: {domain} exists for trials only (RFC 2606), and nobody outside knows it"
        )
    what = f"MX, SPF, DKIM and DMARC of {domain} were not asked for: the mail server is on this machine"
    fix = (
        "if it sends on to receivers elsewhere, set DNS_SERVER to a name server (such as one of /etc/resolv.conf), then"
        " verify again; if its mails stay on this machine, there is nothing to do."
    )
    return finding(stages.NOT_ASKED, what, fix)


@dataclass(slots=True)
class _Look:
    """The rows so far. `why_not` says why nothing more is asked, if so."""

    ask: Questions
    began: float
    clock: Callable[[], float]
    rows: list[Row] = field(default_factory=list)
    why_not: str = ""
    _troubled: bool = False

    def at_host(self, host: str, seconds: float) -> tuple[list[Address], bool]:
        """The host's addresses; none if its row failed, and then whether the name server was silent."""
        found: list[Address] = []
        self.take(HOST, lambda: _host(host, seconds, found))
        return found, self.rows[-1].code == "host_dns_silent"

    def take(self, title: str, kind: Callable[[], Seen]) -> None:
        start = self.clock()
        seen = Seen(f"not asked: {self.why_not}", result=NOT_RUN) if self.why_not else self._seen(kind)
        row = Row(DNS, title, seen.result, seen.evidence[:_EVIDENCE_CHARS], seen.fix, seen.code)
        self.rows.append(replace(row, begun=start - self.began, seconds=self.clock() - start))

    def _seen(self, kind: Callable[[], Seen]) -> Seen:
        try:
            return kind()
        except NoSuchName as missing:
            self.why_not = "the domain does not exist"
            what = f"the From domain {missing} does not exist: receivers refuse its mails, and replies are lost"
            return finding("from_domain_unknown", what, "correct the domain in DEFAULT_FROM_EMAIL, or register it.")
        except Unanswered as trouble:
            return self._silence(trouble) if trouble.silent else self._no_answer(trouble)

    def _silence(self, trouble: Unanswered) -> Seen:
        self.why_not = "the name server does not answer"
        fix = _NETWORK_FIX if self.ask.is_system else f"correct DNS_SERVER, or clear it; if it is right, {_NETWORK_FIX}"
        return finding("dns_silent", f"{trouble}; no more was asked", fix)

    def _no_answer(self, trouble: Unanswered) -> Seen:
        # The same trouble again is no second finding.
        if self._troubled:
            return Seen(f"not known: {trouble}", result=NOT_RUN)
        self._troubled = True
        fix = "run again in some minutes; if it stays so, tell whoever keeps the DNS of that name."
        return finding("dns_no_answer", str(trouble), fix)


def _host(host: str, seconds: float, found: list[Address]) -> Seen:
    try:
        found += resolved(host, seconds)
    except TimeoutError as error:
        return _failed("host_dns_silent", f"the name server does not answer for {host}: {error}", _NETWORK_FIX)
    except socket.gaierror as error:
        if error.errno in _TEMPORARY:
            return _failed(
                "host_dns_silent", f"the name server does not answer for {host}: {error.strerror}", _NETWORK_FIX
            )
        return _failed("host_unknown", f"EMAIL_HOST={host} has no address: {error.strerror}", _spelling(host))
    except OSError as error:
        return _failed("host_dns_silent", f"{host} cannot be asked for: {error.strerror}", _NETWORK_FIX)
    return Seen(f"{host} is {', '.join(dict.fromkeys(map(str, found)))}")


def _spelling(host: str) -> str:
    return f"correct EMAIL_HOST: check the spelling of {host} against the mail provider's SMTP settings."


def _failed(code: str, evidence: str, fix: str) -> Seen:
    return Seen(evidence, code, fix, FAILED)
