"""SpamAssassin's opinion of a mail, where it is installed: asked on this machine only, without any network."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from email import message_from_bytes, policy

from mailer.errors import MailerError
from store.errors import Finding

LIMIT = 3.0
"""Points. Receivers mark a mail as spam from 5 on, and add points of network tests that are not made here."""
SECONDS = 60.0
_SETTINGS = (
    "report_safe 0",
    "use_bayes 0",
    "add_header all Points _SCORE_",
    "add_header all Rules _TESTSSCORES(,)_",
)
_RULE = re.compile(r"([A-Z0-9_]+)=(-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Score:
    """`rules` are those that matched, with their points, the most costly first."""

    points: float
    rules: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        costly = ", ".join(f"{name} {points:g}" for name, points in self.rules[:8])
        return f"{self.points + 0:g} points ({costly or 'no rule matched'})"


class NotRated(MailerError):
    """SpamAssassin is installed and gave no score."""

    fix = "run `spamassassin --local -t` on a mail by hand to see why (or remove SpamAssassin; it is not needed)."


def installed() -> str:
    """Where the program is, empty if it is not. Its daemon's client is not used: the daemon may ask the network."""
    return shutil.which("spamassassin") or ""


def score(message: bytes, *, program: str = "", seconds: float = SECONDS) -> Score:
    """The mail's points, by local rules. Raises NotRated."""
    with tempfile.TemporaryDirectory() as home:
        command = [
            program or installed(),
            "--local",
            f"--prefspath={home}/none",
            *(f"--cf={line}" for line in _SETTINGS),
        ]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": home, "LC_ALL": "C.UTF-8"}
        try:
            run = subprocess.run(
                command, input=message, capture_output=True, timeout=seconds, env=environment, check=True
            )
        except subprocess.TimeoutExpired as error:
            raise NotRated(f"SpamAssassin did not finish within {seconds:g} s.") from error
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotRated(f"SpamAssassin cannot be run ({type(error).__name__}).") from error
    return _read(run.stdout)


def _read(rated: bytes) -> Score:
    headers = message_from_bytes(rated, policy=policy.compat32)
    points, rules = headers["X-Spam-Points"], headers["X-Spam-Rules"]
    try:
        found = [(name, float(value)) for name, value in _RULE.findall("".join(str(rules).split()))]
        return Score(float(points), tuple(sorted(found, key=lambda rule: -rule[1])))
    except (TypeError, ValueError) as error:
        raise NotRated("SpamAssassin's answer has no score.") from error


def findings(message: bytes, *, limit: float = LIMIT, seconds: float = SECONDS) -> list[Finding]:
    """One finding for a mail of too many points, or for a program that gave none; nothing where it is not installed."""
    if not installed():
        return []
    try:
        given = score(message, seconds=seconds)
    except NotRated as trouble:
        return [Finding("spam_not_rated", str(trouble), trouble.fix)]
    if given.points < limit:
        return []
    what = f"SpamAssassin gives {given}; from {limit:g} on a mail is at risk."
    return [
        Finding("spam_score", what, "change what the named rules are about in mailer/templates or the booking's texts.")
    ]
