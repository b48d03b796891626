"""The portal's words: one file a language in views/words, chosen by what the browser accepts. Knows no page."""

import functools
import html
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace

from store import places, times

CATALOGUES = places.ROOT / "views" / "words"
DEFAULT = "en"
ACCEPTED_CHARS = 500
"""No browser says more about its languages; what is longer is cut before it is read."""

_STRONG = re.compile(r"\*([^*]+)\*")
_RANGE = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,40})?(?:\s*;\s*q=([01](?:\.\d{0,3})?))?")


class Words:
    """One language. Called with a text's name (`early.heading`) and the values that it names in braces."""

    def __init__(self, language: str):
        catalogue = tomllib.loads((CATALOGUES / f"{language}.toml").read_text(encoding="utf-8"))
        self.language, self.name = language, catalogue.pop("name")
        self.texts = dict(_flat(catalogue))
        self.marked = {name: _marked(text) for name, text in self.texts.items() if isinstance(text, str)}
        self.script = json.dumps(catalogue["script"], ensure_ascii=False, separators=(",", ":"))
        """What the page's script says, as JSON."""

    def __call__(self, name: str, **values: object) -> str:
        return self.texts[name].format(**values) if values else self.texts[name]

    def html(self, name: str, **values: object) -> str:
        """The text as HTML: everything escaped, and what the catalogue has between asterisks set strong."""
        return self.marked[name].format(**{key: html.escape(str(value)) for key, value in values.items()})

    def count(self, name: str, number: int) -> str:
        """The text for one or for many, such as `unit.minute`: a list of two in the catalogue."""
        return self.texts[name][number != 1].format(n=number)

    def duration(self, seconds: float) -> str:
        """`1 hour 30 minutes`."""
        hours, minutes = divmod(round(seconds / 60), 60)
        parts = [self.count(f"unit.{unit}", n) for unit, n in (("hour", hours), ("minute", minutes)) if n]
        return " ".join(parts) or self.count("unit.minute", 0)

    def date(self, moment: datetime, zone: str) -> str:
        """`Monday, 30 November 2026`, on the zone's clock."""
        local = times.in_zone(moment, zone)
        weekday, month = self.texts["date.weekdays"][local.weekday()], self.texts["date.months"][local.month - 1]
        return self("date.full", weekday=weekday, day=local.day, month=month, year=local.year)

    def time(self, moment: datetime, zone: str) -> str:
        """`12:50 PM IST`, as the mail writes it, in every language."""
        return times.time_words(moment, zone)

    def clocks(self, started_at: datetime, ended_at: datetime, zones: list[str]) -> list[SimpleNamespace]:
        """The booked times as each zone's clock shows them: zone, date, start and end in words."""
        return [
            SimpleNamespace(
                zone=zone.replace("_", " "), date=self.date(started_at, zone), start=self.time(started_at, zone),
                end=self.time(ended_at, zone),
            )
            for zone in zones
        ]  # fmt: skip


def _marked(text: str) -> str:
    return _STRONG.sub(r"<strong>\1</strong>", html.escape(text))


def _flat(tree: dict[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@functools.cache
def languages() -> dict[str, Words]:
    """Every language that has a file, the default first."""
    found = sorted((path.stem for path in CATALOGUES.glob("*.toml")), key=lambda name: (name != DEFAULT, name))
    return {name: Words(name) for name in found}


@functools.lru_cache(maxsize=256)
def choose(accept_language: str) -> Words:
    """The language that the browser likes best among ours (RFC 9110 section 12.5.4); the default without a match."""
    wanted = []
    for place, part in enumerate(accept_language[:ACCEPTED_CHARS].split(",")):
        found = _RANGE.fullmatch(part.strip())
        if found and float(found[2] or 1) > 0 and found[1].lower() in languages():
            wanted.append((-float(found[2] or 1), place, found[1].lower()))
    return languages()[min(wanted)[2] if wanted else DEFAULT]
