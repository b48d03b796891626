"""The secrets that no artefact of a run may show and no parameter may hold: of the settings, the key ring, the token's file."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from mailer.mail_settings import MailSettings
from notebooks.runner import regular_files
from notebooks.runner.artefact_check import ArtefactCheck
from notebooks.runner.regular_files import is_regular
from notebooks.runner.run_files import RunFiles
from store import places, redaction
from store.errors import Finding, StoreError
from store.settings import Settings

_SALT_BYTES = 16
_TOKEN_FILE = "EMAIL_TOKEN_FILE"
_TOKENS = ("access_token", "id_token", "token")
"""An hour later they are others, and worth nothing."""
_LASTING = ("refresh_token", "client_secret")


def secrets() -> dict[str, str]:
    """All that are set now, each with its setting's name, and all that this process knew before, with none.

    One that was replaced meanwhile is still one.
    What EMAIL_TOKEN_COMMAND gives is known to the kernel alone, and to the check only if it looks like a token.
    Raises SettingsError for an `.env` that cannot be read.
    """
    (shared, _), (mail, _) = Settings.load_right_ones(), MailSettings.load_right_ones()
    kept = dict.fromkeys(_ring_keys(shared.session_key_ring.get_secret_value()), "SESSION_KEY_RING")
    kept |= _tokens(mail.email_token_file.strip())
    redaction.hide_values(kept)
    known = dict.fromkeys(redaction.known_values(), "") | kept | shared.named_secrets() | mail.named_secrets()
    return {secret: name for secret, name in known.items() if secret}


def mark(files: RunFiles) -> None:
    """Leaves beside the run's files by what `are_known` tells; no secret can be read from it. Raises OSError.

    Tokens of the file that are soon replaced are left out.
    """
    salt = os.urandom(_SALT_BYTES).hex()
    kept = sorted(_mark(secret, salt) for secret, name in secrets().items() if name not in ("", _TOKEN_FILE))
    with open(regular_files.made(files.secret_marks), "w", encoding="ascii") as file:
        file.write("\n".join([salt, *kept]))


def are_known(files: RunFiles) -> bool:
    """Whether this process knows each secret that the run's process knew when it began: else it would not find them.

    Raises OSError.
    """
    if not is_regular(files.secret_marks):
        return True
    salt, *marks = regular_files.read(files.secret_marks).split("\n")
    return {_mark(secret, salt) for secret in secrets()}.issuperset(marks)


def _mark(secret: str, salt: str) -> str:
    return hashlib.blake2b(secret.encode("utf-8", "surrogateescape"), key=salt.encode(), digest_size=16).hexdigest()


def held_by(values: Mapping[str, object]) -> Iterable[Finding]:
    """A finding for each parameter whose value holds a secret; the value is never repeated."""
    check = ArtefactCheck(secrets())
    for name, value in values.items():
        if what := next(check.found(str(value)), ""):
            fix = what.fix or "take it out; what needs it reads it from .env."
            yield Finding(f"parameters.{name}", f"{name} holds {what}, and a notebook is passed around.", fix)


def _ring_keys(source: str) -> list[str]:
    """The ring's keys as they are written; none while there is no ring, or none that can be read."""
    try:
        path = places.resolve(source) if not source.lstrip().startswith("{") else None
        if path and not path.is_file():
            return []
        keys = json.loads(path.read_bytes() if path else source)["keys"].values()
        return [key for key in keys if isinstance(key, str)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, StoreError):
        # The notebook itself says what is wrong with the ring, and works with no key of it.
        return []


def _tokens(path: str) -> dict[str, str]:
    """What EMAIL_TOKEN_FILE holds, as `mailer.tokens` reads it, each with its name; nothing while it cannot be read."""
    text, given = "", {}
    with suppress(OSError, ValueError, StoreError):
        file = places.resolve(path)
        # Nobody waits for a pipe.
        text = file.read_text(encoding="utf-8-sig").strip() if path and file.is_file() else ""
    if not text.startswith("{"):
        return {text: _TOKEN_FILE}
    with suppress(ValueError, RecursionError):
        given = json.loads(text)
    named = dict.fromkeys(_TOKENS, _TOKEN_FILE) | {name: f"{_TOKEN_FILE}, {name}" for name in _LASTING}
    return {value: shown for name, shown in named.items() if isinstance(value := given.get(name), str)}
