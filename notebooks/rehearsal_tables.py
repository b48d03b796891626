"""What a rehearsal found as tables: the days, the record before and after, the mails, who would be told too late."""

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from IPython.display import HTML

from mailer.rehearsal import Rehearsal, RehearsedMail, after_words, cause_of, span_words
from mailer.sandbox.scenarios import SCENARIOS
from notebooks import rehearsal_steps, tables
from notebooks.rehearsal_steps import Seen
from notebooks.tables import counted
from store import times
from store.history import MailRow
from store.record_copies import Setback

_ONE_DAY = "Several days were rehearsed. Give scenario one name to see that day's mails one by one."
_THEN = {"queued": "tried again later", "unknown": "may have arrived", "failed": "given up"}


def days() -> HTML:
    """Every day that can be rehearsed."""
    rows = [{"scenario": scenario.name, "what the mail server does": scenario.about} for scenario in SCENARIOS]
    return tables.table(rows, f"{len(rows)} days; {rehearsal_steps.ALL} plays every one", limit=len(rows))


def record(seen: Seen) -> HTML:
    """The record before and after: how many rows each table has, and a digest of what is in them."""
    if not seen.before:
        return _paragraphs([
            f"There is no record at {seen.record} yet. An empty one stood in, in a temporary folder; none was made."
        ])  # fmt: skip
    rows = [
        {"table": table, "rows before": rows_before, "after": seen.after[table][0], "digest before": digest,
         "digest after": seen.after[table][1], "": "same" if seen.after[table] == (rows_before, digest) else "CHANGED"}
        for table, (rows_before, digest) in seen.before.items()
    ]  # fmt: skip
    return tables.as_text(_paragraphs(_told_of_record(seen)).data + tables.table(rows).data)


def _told_of_record(seen: Seen) -> list[str]:
    said = [
        f"Copied into a temporary folder, which is gone now: {seen.record}. It was opened for reading only, so that the"
        " database itself refuses every change."
    ]
    if seen.before == seen.after:
        return [*said, "The record is the same before and after."]
    return [*said, "Another program changed the record meanwhile; this one could not. See the tables marked CHANGED."]


def plan(seen: Seen) -> HTML:
    """What booking the file did to the copy, and which mails waited in the record before."""
    booked, waiting = seen.rehearsals[0].booked, seen.rehearsals[0].waiting
    new = booked.outcomes["created"] + booked.outcomes["moved"]
    said = [f"{counted(waiting, 'mail')} to send: {new} of this file, {max(waiting - new, 0)} that wait in the record."]
    if new:
        said.append("New interviews have the numbers that the copy gave them; the record may give others.")
    if booked.refused or booked.failed:
        said.append("A dry run of booking_batch names each row that is refused, with what to do.")
    return tables.as_text(tables.counts(booked).data + _paragraphs(said).data)


def told(seen: Seen) -> HTML:
    """What would happen: in words for one day, as a table of days for several; then what to know besides."""
    if seen.only is not None:
        first, *more = rehearsal_steps.points(seen, seen.only)
        items = "".join(f"<li>{html.escape(point)}</li>" for point in more)
        return tables.as_text(f"<p><b>{html.escape(first)}</b></p><ul>{items}</ul>" + _paragraphs(seen.notes).data)
    note = rehearsal_steps.sampled(seen)
    return tables.as_text(_paragraphs(note).data + _comparison(seen.rehearsals).data + _paragraphs(seen.notes).data)


def _comparison(found: Sequence[Rehearsal]) -> HTML:
    worst_first = sorted(
        found,
        key=lambda done: (done.pause is None, -len(done.without), -len(done.too_late), -done.lasted.total_seconds()),
    )
    return tables.table([_day(done) for done in worst_first], "The days, the worst first", limit=len(found))


def _day(done: Rehearsal) -> dict[str, object]:
    taken = [mail.taken[0] for mail in done.mails if mail.taken]
    states = done.states
    return {
        "day": done.scenario.name, "what the mail server does": done.scenario.about,
        "it would end": after_words(done.lasted), "sent": states["sent"], "not sent": _not_sent(states),
        "twice": len(done.doubled) or "",
        "too late": len(done.too_late) or "", "last mail after": span_words(max(taken)) if taken else "",
        "To fix": _day_fix(done),
    }  # fmt: skip


def _not_sent(states: Counter) -> str:
    return ", ".join(
        f"{count} {state}" for state, count in sorted(states.items()) if state not in ("sent", "superseded")
    )


def _day_fix(done: Rehearsal) -> str:
    """What would have to be done that day, for what kept most mails away."""
    if done.pause is not None:
        return done.pause.fix
    groups = [group for group in _groups(done) if group[0].row.state != "sent"]
    return groups[0][0].row.fix if groups else ""


def states(seen: Seen) -> HTML:
    """The mails of one day by state and reason, troubles first; and what went wrong on the way."""
    done = seen.only
    if done is None:
        return _paragraphs([_ONE_DAY])
    rows = [
        {
            "mails": len(group),
            "state": group[0].row.state,
            "server said": _reply(group[0].row),
            "To fix": group[0].row.fix,
        }
        for group in _groups(done)
    ]
    way = [
        {"tries": len(found), "mails": len({one.notification_id for one in found}), "then": _THEN[state],
         "server said": found[0].reply, "which means": cause_of(signature)[0], "To fix": cause_of(signature)[1]}
        for (state, signature), found in _by_reason(done.setbacks)
    ]  # fmt: skip
    return tables.as_text(
        tables.table(rows, f"{counted(len(done.mails), 'mail')} at the end").data
        + tables.table(way, "Tries that failed on the way").data
    )


def _groups(done: Rehearsal) -> list[list[RehearsedMail]]:
    """The mails that ended alike, those that need someone first."""
    last = {setback.notification_id: setback.signature for setback in done.setbacks}
    groups: dict[tuple[str, str], list[RehearsedMail]] = {}
    for mail in done.mails:
        reason = "" if mail.row.state == "sent" else last.get(mail.row.notification_id, "")
        groups.setdefault((mail.row.state, reason if done.pause is None else ""), []).append(mail)
    return sorted(groups.values(), key=lambda group: (_is_settled(group[0].row), -len(group)))


def _is_settled(row: MailRow) -> bool:
    return row.state in ("sent", "superseded")


def _reply(row: MailRow) -> str:
    return "" if _is_settled(row) else row.reply


def _by_reason(setbacks: Iterable[Setback]) -> list[tuple[tuple[str, str], list[Setback]]]:
    found: dict[tuple[str, str], list[Setback]] = {}
    for setback in setbacks:
        found.setdefault((setback.state, setback.signature), []).append(setback)
    return sorted(found.items(), key=lambda item: -len(item[1]))


def mails(seen: Seen, limit: int = tables.SHOWN_ROWS) -> HTML:
    """Each mail of one day, those that need someone first, then those that took longest."""
    if seen.only is None:
        return _paragraphs([_ONE_DAY])
    shown = [
        {"interview": mail.row.interview_id, "candidate": mail.row.who, "mail": mail.row.kind, "state": mail.row.state,
         "tries": mail.row.attempts, "taken after": span_words(mail.taken[0]) if mail.taken else "never",
         "copies": len(mail.taken) if len(mail.taken) > 1 else "", "server said": _reply(mail.row),
         "To fix": mail.row.fix}
        for mail in sorted(seen.only.mails, key=_urgency)
    ]  # fmt: skip
    return tables.table(shown, f"{counted(len(shown), 'mail')}, troubles first", limit)


def _urgency(mail: RehearsedMail) -> tuple:
    longest = -mail.taken[0].total_seconds() if mail.taken else 0.0
    return _is_settled(mail.row), -len(mail.taken), longest, mail.row.interview_id


def too_late(seen: Seen, limit: int = tables.SHOWN_ROWS) -> HTML:
    """Who would be told too late or never on one day, by when the link opens."""
    done = seen.only
    if done is None:
        return _paragraphs([_ONE_DAY])
    found = sorted([*done.too_late, *done.without], key=lambda mail: mail.opens_at)
    rows = [
        {"interview": mail.row.interview_id, "candidate": mail.row.who, "mail": mail.row.kind,
         "link opens": _moment(mail.opens_at, mail), "mail is there": _arrival(done.began, mail),
         "late by": _late(done, mail)}
        for mail in found
    ]  # fmt: skip
    return tables.table(rows, "Told too late, or not at all", limit) if rows else _paragraphs(_in_time(done))


def _in_time(done: Rehearsal) -> list[str]:
    if not any(mail.taken for mail in done.mails):
        return ["No mail waits, so nobody is told too late."]
    spare, mail = min(
        ((mail.opens_at - done.began - mail.taken[0], mail) for mail in done.mails if mail.taken),
        key=lambda pair: pair[0],
    )
    return [
        f"Nobody. The closest is interview {mail.row.interview_id}: its mail is there {span_words(spare)} before it"
        " opens."
    ]


def _moment(moment: datetime, mail: RehearsedMail) -> str:
    return times.moment_words(moment, mail.row.timezone)


def _arrival(began: datetime, mail: RehearsedMail) -> str:
    return _moment(began + mail.taken[0], mail) if mail.taken else "never"


def _late(done: Rehearsal, mail: RehearsedMail) -> str:
    return span_words(done.began + mail.taken[0] - mail.opens_at) if mail.taken else ""


def _paragraphs(lines: Iterable[str]) -> HTML:
    return tables.as_text("".join(f"<p>{html.escape(line)}</p>" for line in lines))
