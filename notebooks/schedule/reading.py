"""The schedule file: which jobs run when, with what. Nothing is guessed, and everything that is wrong is told at once.

A job that is wrong does not stop the others: `inspect` gives what is right and what is not, `read` demands all of it.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from notebooks import jobs
from notebooks.parameters import kinds
from notebooks.parameters.cell import Parameter
from notebooks.runner.limits import Limits
from notebooks.schedule import due, spans
from store import places
from store.errors import Finding, Refusal, SettingsError
from store.plain_text import quoted
from store.redaction import beginning

FILE = places.ROOT / "deploy" / "schedule.toml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_RESERVED = ("delivery", "overdue", "portal")
"""The installation's own units have these names."""
_REQUIRED = ("notebook", "cron", "within")
_SPANS = ("within", "timeout", "cell_timeout", "wait")
FIELDS = (*_REQUIRED, "parameters", *_SPANS[1:])
_NO_ZONES = {"localtime", "Factory"}
"""Files among those of the zones that name none: the machine's own, and that of a machine without one."""
_LONGEST_SECONDS = 366 * 86_400
_UNCLEAR_FIX = "choose another time of day, or write * for every hour."
_SPAN_FIX = 'write a length of time such as "45m", "1h30m" or "90s".'


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """One job of the schedule. `within` is how long after its time it must have ended well.

    `schedule` is the file that it stands in, as people find it.
    """

    name: str
    job: jobs.Job
    cron: str
    zone: str
    within: timedelta
    limits: Limits
    schedule: str

    @property
    def timing(self) -> str:
        """What its times depend on."""
        return f"{self.cron} {self.zone}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a file says: the jobs that are right, in its order, and what is wrong with the file and with other jobs.

    `crons` has the name of every job, also of wrong ones, and its expression; an empty one where none can be read.
    Without a zone no job is right.
    """

    path: Path
    zone: str
    jobs: tuple[ScheduledJob, ...]
    crons: Mapping[str, str]
    faults: tuple[Finding, ...] = ()
    wrong: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The file as people find it."""
        return places.shown(self.path)

    @property
    def findings(self) -> list[Finding]:
        """All that is wrong, in the file's order."""
        return [*self.faults, *(finding for findings in self.wrong.values() for finding in findings)]

    def job(self, name: str) -> ScheduledJob:
        """The job of this name, whatever is wrong with others. Raises SettingsError for a wrong one, or for none."""
        for one in self.jobs:
            if one.name == name:
                return one
        if name in self.crons or not self.crons:
            raise SettingsError([*self.faults, *self.wrong.get(name, ())])
        near = difflib.get_close_matches(name, list(self.crons), 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else "see: python -m notebooks schedule."
        raise SettingsError([Finding("schedule.jobs", f"{self.source} has no job {quoted(name)}.", hint)])


def read(path: Path, now: datetime, folder: Path = jobs.FOLDER) -> Schedule:
    """The schedule of a file that is right throughout, so that schedulers' files can be written from it.

    Raises SettingsError with one finding per thing that is wrong, each with the job and the field; also for times of
    day that the zone's clocks skip or show twice in the three years after `now`.
    """
    known = inspect(path, folder)
    if findings := [*known.findings, *_unclear(known, now)]:
        raise SettingsError(findings)
    return known


def inspect(path: Path, folder: Path = jobs.FOLDER) -> Schedule:
    """What is right in a file, its jobs checked against the notebooks of the folder, and what is not.

    No kernel is started. What comes back depends on the file and on the secrets of the settings, which no parameter may
    hold, not on the day: a job that ran for years is not wrong one morning.
    """
    faults: list[Finding] = []
    content = _content(path, faults)
    if content is None:
        return Schedule(path, "UTC", (), {}, tuple(faults))
    faults += [_unknown("schedule", name, ("timezone", "jobs")) for name in content if name not in ("timezone", "jobs")]
    zone = _zone(content.get("timezone"), faults)
    listed = _listed(content.get("jobs"), faults)
    found: list[ScheduledJob] = []
    wrong: dict[str, tuple[Finding, ...]] = {}
    for name, fields in listed.items():
        findings: list[Finding] = []
        job = _job(name, fields, zone or "UTC", places.shown(path), folder, findings)
        if job:
            found.append(job)
        else:
            wrong[name] = tuple(findings)
    crons = {name: _expression(fields) for name, fields in listed.items()}
    return Schedule(path, zone or "UTC", tuple(found) if zone else (), crons, tuple(faults), wrong)


def _content(path: Path, faults: list[Finding]) -> dict[str, Any] | None:
    place = places.shown(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = f"{place} cannot be read ({error.strerror})."
        fix = "restore it from the repository, or give another file with --schedule."
    except (ValueError, RecursionError) as error:
        what = f"{place} is no TOML file in UTF-8 ({error})."
        fix = "correct that place; a text stands between quotes."
    faults.append(Finding("schedule", what, fix))
    return None


def _zone(name: object, faults: list[Finding]) -> str | None:
    if isinstance(name, str) and name in _zones():
        return name
    what = "is not given" if name is None else f"= {_shown(name)} is no zone that all schedulers know"
    faults.append(Finding("schedule.timezone", f"timezone {what}.", 'write a name like "Asia/Kolkata" or "UTC".'))
    return None


@cache
def _zones() -> set[str]:
    """The IANA names, which systemd and Airflow know, too. No offset is one, nor are posix/... and right/... there."""
    return available_timezones() - _NO_ZONES


def _listed(given: object, faults: list[Finding]) -> dict[str, object]:
    if isinstance(given, dict) and given:
        return given
    faults.append(Finding("schedule.jobs", "There is no job.", "write a table [jobs.NAME] for each job."))
    return {}


def _expression(fields: object) -> str:
    cron = fields.get("cron") if isinstance(fields, dict) else None
    return " ".join(cron.split()) if isinstance(cron, str) and not due.trouble(cron) else ""


def _unclear(known: Schedule, now: datetime) -> Iterator[Finding]:
    for name, cron in known.crons.items():
        if cron and (what := due.unclear(cron, known.zone, now)):
            told = f"cron = {_shown(cron)} names a time that is unclear: {what}."
            yield Finding(f"schedule.jobs.{beginning(name, 40)}.cron", told, _UNCLEAR_FIX)


def _job(
    name: str, fields: object, zone: str, schedule: str, folder: Path, findings: list[Finding]
) -> ScheduledJob | None:
    """The job of a table; None with at least one finding."""
    short = beginning(name, 40)
    place = f"schedule.jobs.{short}"
    if not _NAME.fullmatch(name):
        what = f"{short!r} is no name of a job."
        findings.append(Finding(place, what, "write a small letter, then at most 39 small letters, digits and _."))
    if name in _RESERVED:
        findings.append(Finding(place, f"{name} is the name of a service of the installation.", "choose another name."))
    if not isinstance(fields, dict):
        findings.append(Finding(place, f"{short} is no table.", f"write [jobs.{short}] and its fields below."))
        return None
    findings += [_unknown(place, field, FIELDS) for field in fields if field not in FIELDS]
    findings += [
        Finding(f"{place}.{field}", f"{field} is not given.", f"add {field} to [jobs.{short}].")
        for field in _REQUIRED
        if field not in fields
    ]
    lengths = dict(_lengths(place, fields, findings))
    findings += _cron(place, fields)
    job = _notebook_job(place, fields, folder, findings)
    if job is None or findings:
        return None
    limits = Limits(lengths.get("wait", 0.0), lengths.get("timeout"), lengths.get("cell_timeout"))
    named = replace(job, scheduled_as=name)
    within = timedelta(seconds=lengths["within"])
    return ScheduledJob(name, named, _expression(fields), zone, within, limits, schedule)


def _unknown(place: str, field: str, known: Iterable[str]) -> Finding:
    near = difflib.get_close_matches(field, list(known), 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"take it out; known are {', '.join(known)}."
    short = beginning(field, 40)
    return Finding(f"{place}.{short}", f"{short} is not known here.", hint)


def _lengths(place: str, fields: Mapping[str, Any], findings: list[Finding]) -> Iterator[tuple[str, float]]:
    for name in _SPANS:
        if name not in fields:
            continue
        try:
            length = spans.seconds(fields[name])
        except (ValueError, TypeError):
            length = -1
        # Only a wait may be none at all.
        if (0 if name == "wait" else 1) <= length <= _LONGEST_SECONDS:
            yield name, float(length)
        else:
            size = "longer than nothing" if length == 0 else "of at most a year"
            what = f"{name} = {_shown(fields[name])} is no length of time {size}."
            findings.append(Finding(f"{place}.{name}", what, _SPAN_FIX))


def _cron(place: str, fields: Mapping[str, Any]) -> list[Finding]:
    if "cron" not in fields:
        return []
    cron = fields["cron"]
    what = due.trouble(cron) if isinstance(cron, str) else "is no text"
    return [Finding(f"{place}.cron", f"cron = {_shown(cron)} {what}.", f"{due.EXPRESSION}.")] if what else []


def _notebook_job(place: str, fields: Mapping[str, Any], folder: Path, findings: list[Finding]) -> jobs.Job | None:
    name, given = fields.get("notebook"), fields.get("parameters", {})
    if not isinstance(given, dict):
        what = f"parameters = {_shown(given)} is no table."
        findings.append(Finding(f"{place}.parameters", what, "write parameters = { name = value }."))
        given = {}
    if "notebook" not in fields:
        return None
    try:
        sheet = jobs.sheet(name if isinstance(name, str) else repr(name), folder)
    except Refusal as refused:
        findings.append(Finding(f"{place}.notebook", str(refused), refused.fix))
        return None
    wrong = [_mistyped(place, one, given[one.name]) for one in sheet.parameters if _is_mistyped(one, given)]
    findings += wrong
    # What has a wrong type is told once: `told` leaves out what the reader of parameters finds of it again.
    texts = [f"{name}={kinds.text(value)}" for name, value in given.items()]
    return _checked(place, sheet.name, texts, folder, {finding.id for finding in wrong}, findings)


def _is_mistyped(parameter: Parameter, given: Mapping[str, Any]) -> bool:
    return parameter.name in given and not kinds.fits(parameter.kind, given[parameter.name])


def _mistyped(place: str, parameter: Parameter, value: object) -> Finding:
    what = f"{parameter.name} = {_shown(value)} is not {kinds.words(parameter.kind)}."
    fix = kinds.fix(parameter.kind)
    # A text that looks right on a command line stands between quotes in the file, and nothing else does.
    if kinds.inner(parameter.kind) is str or not isinstance(value, str):
        return Finding(f"{place}.parameters.{parameter.name}", what, f"{fix[:-1]}, between quotes if it is a text.")
    return Finding(f"{place}.parameters.{parameter.name}", what, f"{fix[:-1]}; only a text stands between quotes.")


def _checked(
    place: str, name: str, texts: list[str], folder: Path, told: set[str], findings: list[Finding]
) -> jobs.Job | None:
    """The job as the runner's own reader of parameters sees it; what that finds is told with the job's name."""
    # Here, for whoever runs a notebook by its name needs no schedule.
    from notebooks.runner import settings_secrets

    job, more = None, []
    try:
        job = jobs.job(name, texts, folder)
    except SettingsError as refused:
        more = refused.findings
    # Settings that cannot be read are no fault of the schedule.
    with suppress(SettingsError):
        more += settings_secrets.held_by(job.values) if job else ()
    of_job = (replace(finding, id=f"{place}.{finding.id}") for finding in more)
    findings += [finding for finding in of_job if finding.id not in told]
    return None if more else job


def _shown(value: object) -> str:
    return kinds.text(value) if isinstance(value, bool) else beginning(repr(value), 60)
