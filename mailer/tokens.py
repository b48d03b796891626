"""Tokens that log in where passwords do not: kept in memory until shortly before they expire, fetched from one source.

A command and a file are here; Google's and Microsoft's own libraries are in `token_providers`.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from mailer.errors import MailerError
from mailer.program_output import ProgramOutput
from mailer.replies import cleaned
from store import redaction, times
from store.places import shown

EARLY = 120.0
"""Seconds before its expiry from which on a token is not used any more where another can be had."""
UNTOLD_LIFE = 300.0
"""So many seconds a token is kept that does not say when it expires."""
OUTPUT_BYTES = 65536
"""What a command may write; a token has some thousand bytes at most."""
_FILE_BYTES = 65536
_LAST_WORDS = 1.0  # seconds for the output of a program that has ended
_LAST_MOMENT = 253_402_300_799.0  # the end of the year 9999
# RFC 6750 section 2.1: nothing that could end the login's fields and begin others.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,8000}=*", re.ASCII)
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9._~+/=-]{40,}", re.ASCII)


class TokenRefused(MailerError):
    """No token could be had. `passing` says whether it may heal without anybody's doing."""

    def __init__(self, message: str, fix: str, *, passing: bool):
        super().__init__(cleaned(message), fix)
        self.passing = passing


def without_tokens(text: str) -> str:
    """A program's words without anything that may be a token or a part of one."""
    return _TOKEN_LIKE.sub(redaction.HIDDEN, text)


@dataclass(frozen=True, slots=True)
class Token:
    """`expires_at` is epoch seconds, None where the source does not tell."""

    value: SecretStr
    expires_at: float | None = None


class Source(Protocol):
    """Where tokens come from. `identity` names it with all that it depends on, secrets included."""

    @property
    def identity(self) -> SecretStr: ...

    def fetch(self, now: float, timeout: float) -> Token:
        """A token of `now` (epoch seconds), within `timeout` seconds. Raises TokenRefused."""
        ...


class TokenSource:
    """The tokens of one source, for all connections together. `clock` gives epoch seconds."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.time):
        self._source, self._clock = source, clock
        self._kept: Token | None = None
        self._until = 0.0
        self._one_at_a_time = threading.Lock()

    @property
    def identity(self) -> SecretStr:
        return self._source.identity

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TokenSource) and self._source == other._source

    def __hash__(self) -> int:
        return hash(self._source)

    def __repr__(self) -> str:
        return f"TokenSource({type(self._source).__name__})"

    def token(self, timeout: float = 30.0) -> SecretStr:
        """The token to log in with: the kept one, or a new one if that is about to expire. Raises TokenRefused.

        `timeout` is how many seconds the source may take.
        """
        with self._one_at_a_time:
            if self._kept is None or self._clock() >= self._until:
                self._kept = self._fetched(timeout)
            return self._kept.value

    def reject(self, refused: SecretStr | None = None) -> None:
        """The server refused this token (or the kept one): unless another was fetched since, the next is new."""
        with self._one_at_a_time:
            if self._kept is not None and refused in (None, self._kept.value):
                self._kept = None

    def _fetched(self, timeout: float) -> Token:
        now = self._clock()
        token = self._source.fetch(now, timeout)
        redaction.hide_values([token.value.get_secret_value()])
        self._until = now + UNTOLD_LIFE if token.expires_at is None else token.expires_at - EARLY
        return token


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """A program that writes a token in the first line of its output; no shell is run."""

    arguments: tuple[str, ...]

    @property
    def identity(self) -> SecretStr:
        return SecretStr("\0".join(("command", *self.arguments)))

    def fetch(self, now: float, timeout: float) -> Token:
        code, output, complaint = self._run(timeout)
        if code != 0 and output.is_too_long:
            raise self._refused(f"wrote more than {OUTPUT_BYTES} bytes.", passing=False)
        if code != 0:
            complaint.wait(_LAST_WORDS)
            # Its words may hold any secret, in any form.
            told = (
                f"wrote {complaint.size} bytes of errors, which are not shown" if complaint.size else "wrote no errors"
            )
            raise self._refused(f"ended with code {code} and {told}.", passing=True)
        token = output.text.partition("\n")[0].strip()
        if not _TOKEN.fullmatch(token):
            raise self._refused("wrote no token in the first line of its output.", passing=False)
        return Token(SecretStr(token))

    def _run(self, timeout: float) -> tuple[int, ProgramOutput, ProgramOutput]:
        """The program's exit code, what it wrote, and its complaint."""
        until, process = time.monotonic() + timeout, self._started()
        output, complaint = ProgramOutput(process.stdout, OUTPUT_BYTES), ProgramOutput(process.stderr)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise self._refused(f"gave nothing within {timeout:g} seconds.", passing=True) from None
        except BaseException:
            _end(process)
            raise
        # The program has ended, but a child that it left behind may hold its output open for ever.
        output.wait(min(max(until - time.monotonic(), 0), _LAST_WORDS))
        return code, output, complaint

    def _started(self) -> subprocess.Popen:
        pipe = subprocess.PIPE
        try:
            # A session of its own, so that its children can be ended with it.
            return subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it has an impossible argument"
            raise self._refused(f"cannot be run ({reason}).", passing=False) from None

    def _refused(self, what: str, *, passing: bool) -> TokenRefused:
        program = Path(self.arguments[0]).name
        fix = "run EMAIL_TOKEN_COMMAND by hand as the same user: it must print a token and end with code 0."
        return TokenRefused(f"EMAIL_TOKEN_COMMAND ({program}) {what}", fix, passing=passing)


def _end(process: subprocess.Popen) -> None:
    """Ends the program and what it started, so that its pipes are closed and nobody waits for them."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file that somebody renews: the bare token, or JSON with `access_token` and `expiry` (ISO 8601 or epoch)."""

    path: Path

    @property
    def identity(self) -> SecretStr:
        return SecretStr(f"file\0{self.path}")

    def fetch(self, now: float, timeout: float) -> Token:
        text = self._text().strip()
        token = self._from_json(text) if text.startswith("{") else Token(SecretStr(text))
        if not _TOKEN.fullmatch(token.value.get_secret_value()):
            raise self._refused("holds no token.")
        if token.expires_at is not None and token.expires_at <= now:
            expired = times.iso(times.from_epoch(token.expires_at))
            raise self._refused(f"holds a token that expired at {expired}.")
        # Read again at each login: whoever renews the file does not tell.
        return token if token.expires_at is not None else Token(token.value, now)

    def _text(self) -> str:
        try:
            with open(self.path, encoding="utf-8-sig") as file:
                return file.read(_FILE_BYTES)
        except OSError as error:
            raise self._refused(f"cannot be read ({error.strerror}).") from None
        except UnicodeDecodeError:
            raise self._refused("is no UTF-8 text.") from None

    def _from_json(self, text: str) -> Token:
        try:
            given = json.loads(text)
            return Token(SecretStr(str(given["access_token"])), _epoch(given.get("expiry", given.get("expires_at"))))
        except (ValueError, OverflowError, RecursionError):
            raise self._refused("is no JSON, or its expiry is no time.") from None
        except KeyError:
            raise self._refused("has no access_token.") from None

    def _refused(self, what: str) -> TokenRefused:
        fix = "see to it that the program that renews EMAIL_TOKEN_FILE runs, and that this user may read the file."
        return TokenRefused(f"EMAIL_TOKEN_FILE ({shown(self.path)}) {what}", fix, passing=True)


def _epoch(expiry: object) -> float | None:
    """Raises ValueError and OverflowError for what is no time."""
    if expiry is None:
        return None
    moment = _moment(expiry)
    if not 0 <= moment <= _LAST_MOMENT:  # what is no number at all is refused by this, too
        raise ValueError("no time")
    return moment


def _moment(expiry: object) -> float:
    if isinstance(expiry, str) and not expiry.replace(".", "", 1).isdecimal():
        moment = datetime.fromisoformat(expiry)
        # Google's library writes UTC, with or without saying so.
        return times.epoch(moment if moment.tzinfo else datetime.fromisoformat(f"{expiry}+00:00"))
    if isinstance(expiry, bool) or not isinstance(expiry, (str, int, float)):
        raise ValueError("no time")
    return float(expiry)
