"""The secrets that no artefact of a run may show and no parameter may hold: of the settings, the key ring, the token's file."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress

from mailer.mail_settings import MailSettings
from notebooks.runner.artefact_check import ArtefactCheck
from store import places, redaction
from store.errors import Finding
from store.settings import Settings

_TOKENS = ("access_token", "refresh_token", "id_token", "token", "client_secret")


def secrets() -> set[str]:
    """All that are set now, and all that this process knew before: one that was replaced meanwhile is still one.

    What EMAIL_TOKEN_COMMAND gives is known to the kernel alone, and to the check only if it looks like a token.
    Raises SettingsError for an `.env` that cannot be read.
    """
    (shared, _), (mail, _) = Settings.load_right_ones(), MailSettings.load_right_ones()
    redaction.hide_values(_ring_keys(shared.session_key_ring.get_secret_value()))
    redaction.hide_values(_tokens(mail.email_token_file.strip()))
    return redaction.known_values()


def held_by(values: Mapping[str, object]) -> Iterable[Finding]:
    """A finding for each parameter whose value holds a secret; the value is never repeated."""
    check = ArtefactCheck(secrets())
    for name, value in values.items():
        if what := next(check.found(str(value)), ""):
            fix = "take it out; who needs it reads it from .env."
            yield Finding(f"parameters.{name}", f"{name} holds {what}, and a notebook is passed around.", fix)


def _ring_keys(source: str) -> list[str]:
    """The ring's keys as they are written; none while there is no ring, or none that can be read."""
    path = places.resolve(source) if not source.lstrip().startswith("{") else None
    try:
        return list(json.loads(path.read_bytes() if path else source)["keys"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # The notebook itself says what is wrong with the ring, and works with no key of it.
        return []


def _tokens(path: str) -> list[str]:
    """What EMAIL_TOKEN_FILE holds, as `mailer.tokens` reads it; nothing while it cannot be read."""
    text, given = "", {}
    with suppress(OSError, ValueError):
        text = places.resolve(path).read_text(encoding="utf-8-sig").strip() if path else ""
    if not text.startswith("{"):
        return [text]
    with suppress(ValueError, RecursionError):
        given = json.loads(text)
    return [value for name in _TOKENS if isinstance(value := given.get(name), str)]
