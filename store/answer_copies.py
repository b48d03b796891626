"""Texts that did not become, or are no longer, an answer: kept, so that nothing a candidate wrote is lost."""

from store.database import Database, execute, fetch

REPLACED, SHORTENED, CONFLICT, TAKEN_OVER, LATE = "replaced", "shortened", "conflict", "taken_over", "late"
"""Why: another text became the answer, written without knowing it or by another page; the page itself cut it; it met
another page's text; its page was not the holder; it came after the question's or the interview's end."""

PLACES = {CONFLICT: 10, TAKEN_OVER: 20, REPLACED: 10, SHORTENED: 5, LATE: 5}
"""Copies of one question, by their reason: none takes the place of another's."""
COPIES_KEPT = sum(PLACES.values())

LATE_HOURS = 24
"""For so long after an interview's end a late text is still kept."""

_OF_PAGE = "SELECT reason FROM answer_copy WHERE session_id = ? AND number = ? AND page = ? AND text = ?"
_REMOVE = "DELETE FROM answer_copy WHERE session_id = ? AND number = ? AND page = ? AND text = ?"
_KEPT = "SELECT id, page FROM answer_copy WHERE session_id = ? AND number = ? AND reason = ? ORDER BY id"
_ADD = "INSERT INTO answer_copy (session_id, number, page, text, reason, kept_at) VALUES (?, ?, ?, ?, ?, ?)"


def keep(db: Database, session_id: int, number: int, text: str, *, page: str, reason: str, at: float) -> bool:
    """Whether a text of that page is safe now: kept, or blank. `at` is epoch seconds.

    A text of the page that is kept already becomes its newest. Where a reason's places are full, the oldest goes that
    its page followed with another. Of refused texts nothing else goes, for their pages were told that they are kept; of
    texts that were the answer, of which nobody was told, the oldest goes. To be called in the transaction of the save.
    """
    if not text.strip():
        return True
    place, own = (session_id, number), (session_id, number, page, text)
    again = fetch(db, _OF_PAGE, own)
    if again:
        execute(db, _REMOVE, own)
        execute(db, _ADD, (*own, again[0][0], at))
        return True
    kept = fetch(db, _KEPT, (*place, reason))
    if len(kept) >= PLACES[reason]:
        pushed_out = _least_needed(kept, page, reason)
        if pushed_out is None:
            return False
        execute(db, "DELETE FROM answer_copy WHERE id = ?", (pushed_out,))
    execute(db, _ADD, (*own, reason, at))
    return True


def _least_needed(kept: list[tuple[int, str]], page: str, reason: str) -> int | None:
    """Of the copies (id and page, oldest first) of one reason, which one makes room for another of `page`."""
    last = {of: copy for copy, of in kept if of != page}
    followed = [copy for copy, of in kept if copy != last.get(of)]
    if followed:
        return followed[0]
    return kept[0][0] if reason in (REPLACED, SHORTENED) else None
