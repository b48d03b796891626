"""What the records of the From domain mean for its mails, and what to do about them. Rows are made in `dns_checks`."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.account import Account
from mailer.dkim_keys import GOOD_BITS, PublishedKey, read_key
from mailer.dkim_signing import modulus, public_record
from mailer.providers import UNKNOWN, Provider, provider_of
from mailer.verification import dmarc as policies
from mailer.verification import spf as senders
from mailer.verification.dns_questions import Address, NoSuchName, Questions
from mailer.verification.sending_records import USUAL_SELECTORS, SendingRecords, records_of
from mailer.verification.stages import NOT_RUN, OK, WARNING

_EXCHANGERS_LOOKED_AT = 4
_POLICY_WORDS = {
    "none": "mails that pass neither SPF nor DKIM are delivered all the same, and only reported",
    "quarantine": "mails that pass neither SPF nor DKIM go to spam",
    "reject": "mails that pass neither SPF nor DKIM are refused",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look came to: one line of evidence; for a finding its code and its fix."""

    evidence: str
    code: str = ""
    fix: str = ""
    result: str = OK


def finding(code: str, evidence: str, fix: str) -> Seen:
    return Seen(evidence, code, fix, WARNING)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the account, the addresses of its mail server, and the DKIM selectors that were named, if any."""

    account: Account
    hosts: tuple[Address, ...]
    selectors: Sequence[str] = ()

    @property
    def domain(self) -> str:
        return self.account.from_address.rpartition("@")[2].lower()

    @property
    def provider(self) -> Provider:
        return provider_of(self.account.host)

    @property
    def usual(self) -> SendingRecords:
        return records_of(self.provider)

    @property
    def owner(self) -> Provider:
        """The provider that the From domain itself belongs to (gmail.com), UNKNOWN for one of people's own."""
        return provider_of(self.domain)


def mx(sender: Sender, ask: Questions) -> Seen:
    """Where replies to an invitation go. Raises NoSuchName if there is no such domain, and Unanswered."""
    domain, found = sender.domain, ask.mail_exchangers(sender.domain)
    if any(not host for _, host in found):
        what = f"{domain} says that it takes no mail (null MX): replies are lost, and many servers refuse its mails"
        return finding("mx_null", what, _other_sender(domain, "whose mailbox is read"))
    if not found:
        return _without_mx(domain, ask)
    dead = [host for _, host in found[:_EXCHANGERS_LOOKED_AT] if not _has_address(host, ask)]
    if dead:
        what = f"MX of {domain} names {', '.join(dead)}, which has no address"
        fix = f"in the DNS settings of {domain}, correct or remove the MX record that names {dead[0]}."
        return finding("mx_dead", what, fix)
    return Seen(", ".join(f"{host} ({preference})" for preference, host in found))


def _without_mx(domain: str, ask: Questions) -> Seen:
    if ask.addresses(domain):
        what = f"{domain} has no MX record: replies go to the host {domain} itself, if it takes mail at all"
    else:
        what = f"{domain} has no MX record and no address: replies to the invitation are lost"
    fix = f"in the DNS settings of {domain}, add the MX records that its mail provider names."
    return finding("mx_missing", what, f"{fix} Or {_other_sender(domain, 'that can be answered')}")


def _has_address(host: str, ask: Questions) -> bool:
    try:
        return bool(ask.addresses(host))
    except NoSuchName:
        return False


def _other_sender(domain: str, which: str) -> str:
    return f"set DEFAULT_FROM_EMAIL to an address of another domain than {domain}, one {which}."


def spf(sender: Sender, ask: Questions) -> Seen:
    """Whether the mail server may send for the domain. Raises Unanswered."""
    domain = sender.domain
    if sender.owner not in (UNKNOWN, sender.provider):
        what = f"{domain} belongs to {sender.owner.name}, but mails go through {sender.account.host} and are refused"
        fix = "set DEFAULT_FROM_EMAIL to an address of a domain of your own, or send through that provider."
        return finding("from_of_another_provider", what, fix)
    found = senders.examine(domain, ask)
    if not found.records and sender.usual.own_envelope:
        return Seen(f"none at {domain}, and none is needed: {_own_envelope(sender)}")
    if not found.records:
        what = f"{domain} has no SPF record: receivers cannot tell that {sender.account.host} may send for it"
        record = f"v=spf1 {_term(sender)} ~all"
        others = " If other services send for the domain too, ask them what to add before ~all."
        return finding("spf_missing", what, add_text(domain, domain, record) + others)
    if found.policy is None:
        what = f"{domain} has {len(found.records)} SPF records, and so none counts"
        fix = f"in the DNS settings of {domain}, leave one TXT record of them: {senders.merged(found.records)}"
        return finding("spf_several", what, fix)
    if found.faults:
        more = f" (and {len(found.faults) - 1} more)" if len(found.faults) > 1 else ""
        return finding(found.faults[0].code, found.faults[0].what + more, found.faults[0].fix)
    return _allowed(sender, found, found.policy)


def _allowed(sender: Sender, found: senders.Examined, policy: senders.Policy) -> Seen:
    record = found.records[0]
    if policy.last() == senders.PASS:
        what = f"SPF of {sender.domain} allows the whole world to send for it (+all)"
        fix = f"in the DNS settings of {sender.domain}, end the TXT record that begins with v=spf1 with ~all, not +all."
        return finding("spf_all_pass", what, fix)
    said = f"{record[:160]} ({found.lookups} of {senders.LOOKUPS} look-ups)"
    if not set(sender.usual.includes).isdisjoint(policy.passes()):
        return Seen(f"{said}; it includes {sender.provider.name}")
    passing = [address for address in sender.hosts if policy.result(address) == senders.PASS]
    if passing:
        return Seen(f"{said}; it covers {passing[0]}")
    if unknown := _why_not_known(sender, found):
        return Seen(f"{said}; {unknown}")
    what = f"SPF of {sender.domain} cannot be seen to cover {sender.account.host}: {record[:160]}"
    better = senders.with_term(record, _term(sender))
    fix = f"in the DNS settings of {sender.domain}, change this TXT record to: {better}"
    hint = "" if sender.usual.includes else " (or ask whoever runs the mail server from which addresses it sends)"
    return finding("spf_not_covering", what, fix + hint)


def _why_not_known(sender: Sender, found: senders.Examined) -> str:
    if sender.usual.own_envelope:
        return _own_envelope(sender)
    if found.opaque:
        return "whether it covers the mail server is decided mail by mail (macros), so the read-back must tell"
    if not sender.usual.includes and not any(address.is_global for address in sender.hosts):
        return "the mail server has no public address, so what it sends from is not known here"
    return ""


def _own_envelope(sender: Sender) -> str:
    return f"{sender.provider.name} puts a domain of its own into the envelope, so DKIM is what counts"


def _term(sender: Sender) -> str:
    if sender.usual.includes:
        return f"include:{sender.usual.includes[0]}"
    public = [address for address in sender.hosts if address.is_global]
    return " ".join(f"ip{address.version}:{address}" for address in public[:2]) or f"a:{sender.account.host}"


def dkim(sender: Sender, ask: Questions) -> Seen:
    """Whether a key is published with which receivers can check signatures. Raises Unanswered."""
    key = sender.account.dkim
    if key is not None:
        return _own_key(sender, _keys_at(key.selector, key.domain, ask))
    if not sender.selectors and sender.owner is not UNKNOWN:
        return _of_owner(sender)
    selectors = sender.selectors or _usual_selectors(sender)
    if not selectors:
        whose = f"{sender.provider.name} gives each customer selectors of its own"
        return Seen(f"{whose}; whether mails are signed is seen in the read-back")
    keys = {name: found for name in selectors if (found := _keys_at(name, sender.domain, ask))}
    usable = {name: found[0] for name, found in keys.items() if len(found) == 1 and not found[0].fault}
    if usable:
        return _strongest(sender.domain, usable)
    return _unusable(sender, keys) if keys else _no_key(sender, selectors)


def _usual_selectors(sender: Sender) -> Sequence[str]:
    return USUAL_SELECTORS if sender.provider is UNKNOWN else sender.usual.selectors


def _of_owner(sender: Sender) -> Seen:
    if sender.owner == sender.provider:
        return Seen(f"{sender.domain} belongs to {sender.owner.name}, which signs its mails with keys of its own")
    return Seen(f"not asked: {sender.domain} belongs to {sender.owner.name}, see SPF", result=NOT_RUN)


def _keys_at(selector: str, domain: str, ask: Questions) -> list[PublishedKey]:
    # A wildcard answers here with whatever else it holds, which is no key.
    texts = ask.texts_or_none(f"{selector}._domainkey.{domain}")
    return [read_key(text) for text in texts if not text.lower().startswith(("v=spf1", "v=dmarc1"))]


def _strongest(domain: str, usable: dict[str, PublishedKey]) -> Seen:
    name, key = max(usable.items(), key=lambda item: item[1].bits or GOOD_BITS)
    seen = f"{key} key at {name}._domainkey.{domain}{', marked as a test (t=y)' if key.testing else ''}"
    if key.kind == "rsa" and key.bits < GOOD_BITS:
        fix = f"have the mail provider make a DKIM key of {GOOD_BITS} bits, and publish that one."
        return finding("dkim_short", f"{seen}: {GOOD_BITS} bits are recommended", fix)
    return Seen(seen)


def _unusable(sender: Sender, keys: dict[str, list[PublishedKey]]) -> Seen:
    name, found = next(iter(keys.items()))
    place = f"{name}._domainkey.{sender.domain}"
    if len(found) > 1:
        what = f"{place} has {len(found)} TXT records, and so none counts"
        return finding(
            "dkim_several", what, f"in the DNS settings of {sender.domain}, leave only the right one at {place}."
        )
    code = "dkim_revoked" if found[0].revoked else "dkim_unusable"
    fix = f"take the key anew from {_whose(sender)}, and put it unchanged into the TXT record {place}."
    return finding(code, f"The DKIM key at {place} cannot be used: {found[0].fault}", fix)


def _no_key(sender: Sender, selectors: Sequence[str]) -> Seen:
    places = ", ".join(f"{name}._domainkey" for name in selectors)
    what = f"no DKIM key of {sender.domain} was found (asked for {places})"
    if sender.provider is UNKNOWN and not sender.selectors:
        fix = (
            "ask whoever runs the mail server whether it signs mails, and name its selector (dkim_selectors); if it"
            " does not sign, have it switched on, or set DKIM_DOMAIN, DKIM_SELECTOR and DKIM_PRIVATE_KEY_FILE."
        )
        return finding("dkim_not_found", what, fix)
    fix = (
        f"switch on DKIM for {sender.domain} at {_whose(sender)}; it shows a record, which you add in the DNS settings"
        f" of {sender.domain} at the name {selectors[0]}._domainkey.{sender.domain}."
    )
    return finding("dkim_missing", what, fix)


def _whose(sender: Sender) -> str:
    return sender.usual.where or "the mail provider"


def _own_key(sender: Sender, found: list[PublishedKey]) -> Seen:
    key = sender.account.dkim
    place = f"{key.selector}._domainkey.{key.domain}"
    record = public_record(key)
    if not found:
        what = f"mails are signed, but {place} has no key, so every signature fails"
        return finding("dkim_missing", what, add_text(key.domain, place, record))
    change = f"in the DNS settings of {key.domain}, change the TXT record {place} to: {record}"
    if len(found) > 1:
        return finding("dkim_several", f"{place} has {len(found)} TXT records, and so none counts", change)
    if found[0].fault:
        code = "dkim_revoked" if found[0].revoked else "dkim_unusable"
        return finding(code, f"The DKIM key at {place} cannot be used: {found[0].fault}", change)
    if found[0].modulus != modulus(key):
        what = f"the key at {place} is not the one of DKIM_PRIVATE_KEY_FILE, so every signature fails"
        return finding(
            "dkim_key_differs", what, f"{change} (or set DKIM_PRIVATE_KEY_FILE to the key that is published)."
        )
    return _strongest(key.domain, {key.selector: found[0]})


def dmarc(sender: Sender, ask: Questions) -> Seen:
    """What receivers are asked to do with mails that pass neither SPF nor DKIM. Raises Unanswered."""
    domain, found = sender.domain, policies.find(sender.domain, ask)
    if not found.records and sender.owner is not UNKNOWN:
        return Seen(f"none at {domain}, which belongs to {sender.owner.name}")
    if not found.records:
        what = f"{domain} has no DMARC record; Gmail, Yahoo and Outlook want one from whoever sends many mails"
        return finding("dmarc_missing", what, add_text(domain, f"_dmarc.{domain}", "v=DMARC1; p=none"))
    place, records = f"_dmarc.{found.at}", found.records
    if len(records) > 1:
        fix = f"in the DNS settings of {found.at}, leave one TXT record at {place}: {records[0]}"
        return finding("dmarc_several", f"{place} has {len(records)} DMARC records, and so none counts", fix)
    if not found.policy:
        fix = f"in the DNS settings of {found.at}, change the TXT record {place} to: v=DMARC1; p=none"
        return finding("dmarc_policy", f"{place} names no policy that receivers know: {records[0][:160]}", fix)
    return _aligned(sender, found, f"p={found.policy} at {place}: {_POLICY_WORDS[found.policy]}")


def _aligned(sender: Sender, found: policies.Dmarc, said: str) -> Seen:
    key = sender.account.dkim
    if key is None or found.aligns(key.domain):
        return Seen(said)
    what = f"{said}; signatures of DKIM_DOMAIN={key.domain} do not count for {sender.domain}"
    return finding("dmarc_not_aligned", what, f"set DKIM_DOMAIN={sender.domain} with a key that is published there.")


def add_text(domain: str, name: str, value: str) -> str:
    """What to do where, for somebody who has never seen a DNS record."""
    short = name.removesuffix(domain).rstrip(".") or "@"
    return (
        f"in the DNS settings of {domain} (at the company where the domain is registered), add a record of type TXT,"
        f" name {name} (many forms want only {short}), value: {value}"
    )
