"""What the sources must not hold, because an interpreter that is still in use gets it wrong."""

import re

from store import places

_POSSESSIVE_GROUP = re.compile(r"\)[*+?]\+")


def test_no_expression_repeats_a_group_possessively():
    """CPython before 3.11.5, Debian 12's among them, matches such groups wrongly (gh-106052)."""
    sources = [path for name in ("store", "mailer", "notebooks") for path in (places.ROOT / name).rglob("*.py")]
    found = [path.name for path in sources if _POSSESSIVE_GROUP.search(path.read_text(encoding="utf-8"))]
    assert len(sources) > 50
    assert found == []
