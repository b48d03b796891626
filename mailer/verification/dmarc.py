"""A domain's DMARC policy (RFC 7489): where it is, what it says, what counts as aligned with it."""

import re
from dataclasses import dataclass

from mailer.dkim_keys import tags
from mailer.verification.dns_questions import Questions

POLICIES = ("none", "quarantine", "reject")
_DMARC = re.compile(r"v\s*=\s*DMARC1\s*(?:;|$)")


@dataclass(frozen=True, slots=True)
class Dmarc:
    """`at` is the domain whose policy it is: the asked one, or one above it. `records` are those found there."""

    domain: str
    at: str
    records: tuple[str, ...]

    @property
    def tags(self) -> dict[str, str]:
        """What the record says; empty if there is not one that can be read."""
        return (tags(self.records[0]) or {}) if len(self.records) == 1 else {}

    @property
    def policy(self) -> str:
        """The policy for the domain; empty if the record names none that is known."""
        given = self.tags
        name = "sp" if self.at != self.domain and "sp" in given else "p"
        policy = given.get(name, "").lower()
        return policy if policy in POLICIES else ""

    def aligns(self, signer: str) -> bool:
        """Whether a DKIM signature of the domain `signer` counts for the domain (section 3.1.1)."""
        if self.tags.get("adkim", "r").lower() == "s":
            return signer == self.domain
        both_below = _is_under(signer, self.at) and _is_under(self.domain, self.at)
        return both_below or _is_under(signer, self.domain) or _is_under(self.domain, signer)


def find(domain: str, ask: Questions) -> Dmarc:
    """The nearest policy: of the domain, else of one above it, but not of a top-level one. Raises Unanswered."""
    labels = domain.split(".")
    for at in range(max(len(labels) - 1, 1)):
        name = ".".join(labels[at:])
        records = tuple(text for text in ask.texts_or_none(f"_dmarc.{name}") if _DMARC.match(text))
        if records:
            return Dmarc(domain, name, records)
    return Dmarc(domain, domain, ())


def _is_under(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")
