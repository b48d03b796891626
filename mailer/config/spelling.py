"""Names in .env that look like settings of this project and are none: mistyped ones would be passed over in silence."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

from mailer.config.readings import Notes, quoted
from mailer.mail_settings import MailSettings
from store.errors import Finding
from store.settings import Settings

KNOWN = {name.upper() for kind in (Settings, MailSettings) for name in kind.model_fields} | {"LIVE_EMAIL_TO"}
_BEGINNINGS = ("EMAIL_", "IMAP_", "DKIM_", "SANDBOX_", "DEFAULT_FROM", "BACKEND_", "PORTAL_", "INTERVIEW_",
               "SESSION_KEY", "DATABASE_", "OPS_", "DNS_SERVER", "RECORDING", "RUNS_",
               "CANDIDATES_", "ALLOW_LOCAL", "LIVE_EMAIL")  # fmt: skip
_NEAR = 0.85
"""How like a name of ours another one must be to be taken for it."""


def tell_unknown_names(file: Path | str | None, notes: Notes) -> None:
    """Notes each name of the file that nothing reads; no value is looked at.

    One that stands for a setting found missing is that finding's cause: it takes its place, and is the first.
    """
    if file is None or not os.path.isfile(file):
        return
    for name in _unknown(file):
        meant = next(iter(get_close_matches(name.upper(), KNOWN, 1, 0.7)), "")
        missing = [found for found in notes.findings if meant and found.what == f"{meant} is not set."]
        if missing:
            notes.findings.remove(missing[0])
            what = f"{quoted(name)} in .env is no setting, so {meant} is not set."
            notes.findings.insert(0, Finding("mail.name_unknown", what, f"write {meant} instead of {quoted(name)}."))
            continue
        fix = f"write {meant}, or take the line out." if meant else "correct the name, or take the line out."
        notes.warn("name_unknown", f"{quoted(name)} in .env is no setting, so nothing reads it.", fix)


def _unknown(file: Path | str) -> Iterator[str]:
    for name in dotenv_values(file, encoding="utf-8-sig", interpolate=False):
        upper = name.upper()
        if upper not in KNOWN and (upper.startswith(_BEGINNINGS) or get_close_matches(upper, KNOWN, 1, _NEAR)):
            yield name
