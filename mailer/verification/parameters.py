"""What a verification may be asked for: every parameter is looked at before anything is tried."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailer.errors import MailerError
from mailer.verification import portal_place, stages, walk
from mailer.verification.walk import Asked
from store import addresses
from store.errors import Finding
from store.redaction import redact

RECIPIENT, STOP_AFTER, PORTAL, WAIT = "recipient", "stop_after", "portal_url", "wait_seconds"
"""The names that the notebooks give them; a command has its own."""
_CANARY = "canary"
_WITHOUT_RECIPIENT = tuple(
    stage.name for stage in stages.STAGES if stage.exit_code < stages.BY_NAME[stages.SEND].exit_code
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One parameter that cannot be used: its name, what was given (no whole address), what is wrong with it."""

    name: str
    given: str
    what: str
    fix: str


class WrongParameters(MailerError):
    """The verification was asked for something that it cannot do; nothing was tried. `faults` holds every one."""

    def __init__(self, faults: tuple[Fault, ...]):
        self.faults = faults
        super().__init__("; ".join(found.what for found in self.findings), faults[0].fix)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One for each fault, in the words of a notebook."""
        return tuple(
            Finding(f"parameters.{one.name}", f"{one.name} = {one.given} {one.what}.", one.fix) for one in self.faults
        )

    def lines_for(self, names: Mapping[str, str]) -> list[str]:
        """A line for each fault, in the words of a command or a program that has other `names` for the parameters."""
        return [f"{names.get(one.name, one.name)}={one.given} {one.what}. To fix: {one.fix}" for one in self.faults]


def check(asked: Asked) -> None:
    """Raises WrongParameters with everything that is wrong, found in one pass."""
    if faults := tuple(_faults(asked)):
        raise WrongParameters(faults)


def _faults(asked: Asked) -> Iterator[Fault]:
    if asked.stop_after not in stages.BY_NAME:
        yield Fault(
            STOP_AFTER, repr(asked.stop_after[:40]), "is no stage", f"write one of {', '.join(stages.BY_NAME)}."
        )
    if not 0 < asked.wait <= walk.LONGEST_WAIT:
        bounds = f"1 to {walk.LONGEST_WAIT:g}"
        yield Fault(WAIT, f"{asked.wait:g}", f"is not within {bounds} seconds", f"write a number from {bounds}.")
    if asked.portal and not portal_place.is_address(asked.portal):
        fix = "write it like http://127.0.0.1:8000 or https://interviews.example.com (leave it out for BACKEND_URL)."
        yield Fault(PORTAL, redact(repr(asked.portal[:80])), "is no web address", fix)
    yield from _of_recipient(asked)


def _of_recipient(asked: Asked) -> Iterator[Fault]:
    name = _CANARY if asked.before_batch else RECIPIENT
    if asked.recipient is None and asked.stop_after in stages.BY_NAME and asked.stop_after not in _WITHOUT_RECIPIENT:
        yield Fault(name, "None", "names nobody to get the test mail", "name somebody, or stop after addresses.")
    if asked.recipient:
        try:
            addresses.checked(asked.recipient)
        except addresses.AddressRefused as error:
            given, why = redact(repr(asked.recipient[:80])), str(error).rstrip(".")
            yield Fault(name, given, f"is no mail address: {why}", error.fix)
