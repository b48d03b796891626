"""Texts that did not become, or are no longer, an answer: kept, so that nothing a candidate wrote is lost."""

from store.database import Database, execute, fetch

REPLACED, SHORTENED, CONFLICT, TAKEN_OVER, LATE = "replaced", "shortened", "conflict", "taken_over", "late"
"""Why: another page's text became the answer; the page itself cut it; it met another page's text; its page was not the
holder; it came after the question's or the interview's end."""

COPIES_KEPT = 50
"""Copies of one question."""

_IS_KEPT = "SELECT 1 FROM answer_copy WHERE session_id = ? AND number = ? AND text = ? LIMIT 1"
_ADD = "INSERT INTO answer_copy (session_id, number, text, page, reason, kept_at) VALUES (?, ?, ?, ?, ?, ?)"
# A page that is refused goes on sending its growing text, so its drafts go before anything that stands alone.
_MAKE_ROOM = (
    "DELETE FROM answer_copy WHERE session_id = ? AND number = ? AND id NOT IN (SELECT c.id FROM answer_copy c"
    " WHERE c.session_id = ? AND c.number = ? ORDER BY EXISTS (SELECT 1 FROM answer_copy d"
    " WHERE d.session_id = c.session_id AND d.number = c.number AND d.page = c.page AND d.reason = c.reason"
    " AND d.id > c.id), c.id DESC LIMIT ?)"
)


def keep(db: Database, session_id: int, number: int, text: str, *, page: str, reason: str, at: float) -> None:
    """Keeps a text of that page, unless it is blank or kept already; `at` is epoch seconds.

    Beyond COPIES_KEPT the oldest go, first those that the same page followed with another text for the same reason.
    To be called in the transaction of the save.
    """
    if not text.strip() or fetch(db, _IS_KEPT, (session_id, number, text)):
        return
    execute(db, _ADD, (session_id, number, text, page, reason, at))
    execute(db, _MAKE_ROOM, (session_id, number, session_id, number, COPIES_KEPT))
