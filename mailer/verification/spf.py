"""A domain's SPF record (RFC 7208): what it allows, what it costs, what is wrong. Rows are made in `dns_checks`."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mailer.verification.dns_questions import Address, NoSuchName, Questions

PASS, NEUTRAL = "pass", "neutral"
RESULTS = {"+": PASS, "-": "fail", "~": "softfail", "?": NEUTRAL}
LOOKUPS, VOID_LOOKUPS, EXCHANGERS = 10, 2, 10
"""RFC 7208 section 4.6.4: a record that costs more is an error to receivers, whatever it allows."""

_MECHANISM = re.compile(
    r"([+\-~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/\s]+))?(?:/(\d{1,3}))?(?://(\d{1,3}))?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"([+\-~?]?)(ip4|ip6):(\S+)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9\-_.]*)=(\S*)", re.IGNORECASE)
_WITH_NAME = ("include", "exists")
_COUNTED = ("include", "a", "mx", "ptr", "exists")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: a stable code, the sentence, what to do."""

    code: str
    what: str
    fix: str


@dataclass(slots=True)
class Rule:
    """One mechanism. `target` is an included policy; `networks` what the others stand for, as far as it was asked."""

    qualifier: str
    kind: str
    name: str = ""
    prefixes: tuple[int, int] = (32, 128)
    networks: tuple[Network, ...] = ()
    target: "Policy | None" = None

    def matches(self, address: Address) -> bool:
        if self.kind == "all":
            return True
        if self.target is not None:
            return self.target.result(address) == PASS
        return any(address in network for network in self.networks)


@dataclass(slots=True)
class Policy:
    """One record, with those that it includes."""

    domain: str
    rules: list[Rule] = field(default_factory=list)
    redirect: str = ""
    redirected: "Policy | None" = None

    def result(self, address: Address) -> str:
        """What a receiver decides for a mail that comes from this address."""
        for rule in self.rules:
            if rule.matches(address):
                return RESULTS[rule.qualifier]
        return self.redirected.result(address) if self.redirected is not None else NEUTRAL

    def passes(self) -> Iterator[str]:
        """The domains whose policies count as this one's: included with a pass, or redirected to."""
        reached = [rule.target for rule in self.rules if rule.target is not None and rule.qualifier == "+"]
        for policy in [*reached, *([self.redirected] if self.redirected is not None else [])]:
            yield policy.domain
            yield from policy.passes()

    def last(self) -> str:
        """The result for everybody whom no rule names."""
        everybody = [rule for rule in self.rules if rule.kind == "all"]
        if everybody:
            return RESULTS[everybody[0].qualifier]
        return self.redirected.last() if self.redirected is not None else NEUTRAL


@dataclass(slots=True)
class Examined:
    """A domain's SPF. `opaque` says that a part depends on the single mail (macros, `exists`, `ptr`)."""

    domain: str
    records: list[str]
    policy: Policy | None = None
    lookups: int = 0
    void: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    opaque: bool = False


def examine(domain: str, ask: Questions) -> Examined:
    """Reads the domain's record and all that it includes. Raises Unanswered."""
    records = _records(ask, domain)
    found = Examined(domain, records)
    if len(records) == 1:
        found.policy = _Examination(ask, found).read(domain, records[0], ())
    return found


def merged(records: Iterable[str]) -> str:
    """One record for several: every mechanism once, and the first one's answer for everybody else."""
    terms = [term for record in records for term in record.split()[1:]]
    last = next((term for term in terms if _is_all(term)), "~all")
    kept = [term for term in dict.fromkeys(terms) if not _is_all(term)]
    return " ".join(["v=spf1", *kept, last])


def with_term(record: str, term: str) -> str:
    """The record with one term more, before what it says of everybody else."""
    terms = record.split()
    at = next((at for at, one in enumerate(terms) if one.lower().startswith("redirect=") or _is_all(one)), len(terms))
    return " ".join([*terms[:at], term, *terms[at:]])


def _is_all(term: str) -> bool:
    return term.lower().lstrip("+-~?") == "all"


def _records(ask: Questions, domain: str) -> list[str]:
    return [text for text in ask.texts_or_none(domain) if (text.lower() + " ").startswith("v=spf1 ")]


@dataclass(slots=True)
class _Examination:
    ask: Questions
    found: Examined

    def read(self, domain: str, record: str, above: tuple[str, ...]) -> Policy:
        policy = Policy(domain)
        for term in record.split()[1:]:
            self._add(policy, term)
        ending = [at for at, rule in enumerate(policy.rules) if rule.kind == "all"]
        if ending:  # what follows is never looked at (RFC 7208 section 5.1)
            del policy.rules[ending[0] + 1 :]
            policy.redirect = ""
        for rule in policy.rules:
            self._follow(rule, policy, (*above, domain))
        if policy.redirect:
            policy.redirected = self._included(policy.redirect, policy, (*above, domain), "redirect=")
        return policy

    def _add(self, policy: Policy, term: str) -> None:
        rule = _rule(term)
        modifier = _MODIFIER.fullmatch(term)
        if rule is not None:
            policy.rules.append(rule)
        elif modifier is None or (modifier[1].lower() == "redirect" and not modifier[2]):
            what = f"The SPF record of {policy.domain} holds {term[:60]!r}, which is no rule of SPF."
            self._fault("spf_syntax", what, f"correct or remove {term[:60]!r} in {self._where(policy)}")
        elif modifier[1].lower() == "redirect":
            policy.redirect = modifier[2]

    def _follow(self, rule: Rule, policy: Policy, above: tuple[str, ...]) -> None:
        if rule.kind not in _COUNTED:
            return
        name = rule.name or policy.domain
        if rule.kind == "include" and "%" not in name:
            rule.target = self._included(name, policy, above, "include:")
            return
        self.found.lookups += 1
        if "%" in name or rule.kind in ("ptr", "exists", "include"):
            self.found.opaque = True
        elif not self._spent(policy):
            hosts = self._exchangers(name, policy) if rule.kind == "mx" else [name]
            rule.networks = tuple(_network(address, rule) for host in hosts for address in self._addresses(host, rule))

    def _included(self, name: str, policy: Policy, above: tuple[str, ...], how: str) -> Policy | None:
        self.found.lookups += 1
        if "%" in name:
            self.found.opaque = True
            return None
        if self._spent(policy):
            return None
        name = name.lower().rstrip(".")
        if name in above:
            what = f"The SPF record of {policy.domain} includes itself by {how}{name}."
            self._fault("spf_circle", what, f"remove {how}{name} from {self._where(policy)}")
            return None
        records = _records(self.ask, name)
        if len(records) == 1:
            return self.read(name, records[0], above)
        what = (
            f"The SPF record of {policy.domain} names {how}{name}, where there are {len(records)} SPF records, not one."
        )
        self._fault("spf_include", what, f"correct or remove {how}{name} in {self._where(policy)}")
        return None

    def _spent(self, policy: Policy) -> bool:
        if self.found.lookups <= LOOKUPS:
            return False
        what = f"The SPF record of {self.found.domain} needs more than {LOOKUPS} look-ups, and so counts as broken."
        fix = f"remove services that no longer send for {self.found.domain} (include:, a, mx) from its SPF record."
        self._fault("spf_lookups", what, fix)
        return True

    def _exchangers(self, name: str, policy: Policy) -> list[str]:
        try:
            hosts = [host for _, host in self.ask.mail_exchangers(name) if host]
        except NoSuchName:
            hosts = []
        if not hosts:
            self._void(f"mx:{name}")
        if len(hosts) > EXCHANGERS:
            what = f"The SPF record of {policy.domain} says mx, and {name} has more than {EXCHANGERS} MX records."
            self._fault(
                "spf_exchangers", what, f"replace mx by ip4: and ip6: of these servers in {self._where(policy)}"
            )
        return hosts[:EXCHANGERS]

    def _addresses(self, host: str, rule: Rule) -> list[Address]:
        try:
            found = self.ask.addresses(host)
        except NoSuchName:
            found = []
        if not found and rule.kind == "a":
            self._void(f"a:{host}")
        return found

    def _void(self, term: str) -> None:
        self.found.void.append(term)
        if len(self.found.void) == VOID_LOOKUPS + 1:
            names = ", ".join(self.found.void)
            what = f"SPF of {self.found.domain} names more than {VOID_LOOKUPS} hosts without an address: {names}."
            self._fault("spf_void", what, f"remove {names} from the SPF record of {self.found.domain}.")

    def _fault(self, code: str, what: str, fix: str) -> None:
        fault = Fault(code, what, fix)
        if fault not in self.found.faults:
            self.found.faults.append(fault)

    def _where(self, policy: Policy) -> str:
        if policy.domain == self.found.domain:
            return f"the TXT record of {policy.domain} that begins with v=spf1."
        return f"the TXT record of {policy.domain} (not yours? Then take it out of the one of {self.found.domain})."


def _rule(term: str) -> Rule | None:
    """The mechanism that a term is, None if it is none."""
    if (address := _ADDRESS.fullmatch(term)) is not None:
        return _address_rule(*address.groups())
    found = _MECHANISM.fullmatch(term)
    if found is None:
        return None
    qualifier, kind, name, four, six = found.groups()
    kind, prefixes = kind.lower(), (int(four or 32), int(six or 128))
    unfit = (
        kind in ("ip4", "ip6")
        or (kind in _WITH_NAME and not name)
        or (kind == "all" and name)
        or (kind not in ("a", "mx") and (four or six))
        or prefixes[0] > 32
        or prefixes[1] > 128
    )
    return None if unfit else Rule(qualifier or "+", kind, name or "", prefixes)


def _address_rule(qualifier: str, kind: str, value: str) -> Rule | None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
    if network.version != int(kind[-1]):
        return None
    return Rule(qualifier or "+", kind.lower(), networks=(network,))


def _network(address: Address, rule: Rule) -> Network:
    return ipaddress.ip_network((address, rule.prefixes[address.version == 6]), strict=False)
