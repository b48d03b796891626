"""The schedule file: which jobs run when, with what. Read strictly; everything that is wrong with it is told at once."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from notebooks import jobs
from notebooks.parameters import kinds
from notebooks.parameters.cell import Parameter
from notebooks.runner import Limits
from notebooks.schedule import due, spans
from store import places, times
from store.errors import Finding, Refusal, SettingsError

FILE = places.ROOT / "deploy" / "schedule.toml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_RESERVED = ("delivery", "overdue", "portal")
"""The installation's own units have these names."""
_REQUIRED = ("notebook", "cron", "within")
_SPANS = ("within", "timeout", "cell_timeout", "wait")
FIELDS = (*_REQUIRED, "parameters", *_SPANS[1:])
_LONGEST_SECONDS = 366 * 86_400
_SPAN_FIX = 'write a length of time such as "45m", "1h30m" or "90s".'


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """One job of the schedule. `within` is how long after its time it must have ended well."""

    name: str
    job: jobs.Job
    cron: str
    zone: str
    within: timedelta
    limits: Limits

    @property
    def timing(self) -> str:
        """What its times depend on."""
        return f"{self.cron} {self.zone}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """All jobs of a file, in its order, and the zone of their times."""

    path: Path
    zone: str
    jobs: tuple[ScheduledJob, ...]

    def job(self, name: str) -> ScheduledJob:
        """The job of this name. Raises SettingsError, with the nearest, for a name that none has."""
        for one in self.jobs:
            if one.name == name:
                return one
        near = difflib.get_close_matches(name, [one.name for one in self.jobs], 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else "see: python -m notebooks schedule."
        what = f"{places.shown(self.path)} has no job {name[:60]!r}."
        raise SettingsError([Finding("schedule.jobs", what, hint)])


def read(path: Path, now: datetime, folder: Path = jobs.FOLDER) -> Schedule:
    """The schedule of a file, its jobs checked against the notebooks of the folder; no kernel is started.

    Raises SettingsError with one finding per thing that is wrong, each with the job and the field.
    """
    content = _content(path)
    findings = [
        _unknown("schedule", name, ("timezone", "jobs")) for name in content if name not in ("timezone", "jobs")
    ]
    zone = _zone(content.get("timezone"), findings)
    listed = content.get("jobs")
    if not isinstance(listed, dict) or not listed:
        findings.append(Finding("schedule.jobs", "There is no job.", "write a table [jobs.NAME] for each job."))
        listed = {}
    found = [_job(name, fields, zone, now, folder, findings) for name, fields in listed.items()]
    if findings:
        raise SettingsError(findings)
    return Schedule(path, zone, tuple(job for job in found if job))


def _content(path: Path) -> dict[str, Any]:
    place = places.shown(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = f"{place} cannot be read ({error.strerror})."
        fix = "restore it from the repository, or give another file with --schedule."
    except ValueError as error:
        what = f"{place} is no TOML file in UTF-8 ({error})."
        fix = "correct that place; a text stands between quotes."
    raise SettingsError([Finding("schedule", what, fix)])


def _zone(name: object, findings: list[Finding]) -> str:
    try:
        # An offset has no name that systemd or Airflow would know.
        if isinstance(name, str) and name[:1].isalpha() and name != "Z":
            times.zone(name)
            return name
    except ValueError:
        pass
    what = "timezone is not given." if name is None else f"timezone = {name!r} is no time zone."
    findings.append(Finding("schedule.timezone", what, 'write a name like "Asia/Kolkata" or "UTC".'))
    return "UTC"


def _job(
    name: str, fields: object, zone: str, now: datetime, folder: Path, findings: list[Finding]
) -> ScheduledJob | None:
    place, before = f"schedule.jobs.{name[:40]}", len(findings)
    if not _NAME.fullmatch(name):
        what = f"{name[:40]!r} is no name of a job."
        findings.append(Finding(place, what, "write a small letter, then at most 39 small letters, digits and _."))
    if name in _RESERVED:
        findings.append(Finding(place, f"{name} is the name of a service of the installation.", "choose another name."))
    if not isinstance(fields, dict):
        findings.append(Finding(place, f"{name[:40]} is no table.", f"write [jobs.{name[:40]}] and its fields below."))
        return None
    findings += [_unknown(place, field, FIELDS) for field in fields if field not in FIELDS]
    findings += [
        Finding(f"{place}.{field}", f"{field} is not given.", f"add {field} to [jobs.{name[:40]}].")
        for field in _REQUIRED
        if field not in fields
    ]
    lengths = dict(_lengths(place, fields, findings))
    findings += _cron(place, fields, zone, now)
    job = _notebook_job(place, fields, folder, findings)
    if job is None or len(findings) > before:
        return None
    limits = Limits(lengths.get("wait", 0.0), lengths.get("timeout"), lengths.get("cell_timeout"))
    named = replace(job, scheduled_as=name)
    return ScheduledJob(
        name, named, " ".join(fields["cron"].split()), zone, timedelta(seconds=lengths["within"]), limits
    )


def _unknown(place: str, field: str, known: Iterable[str]) -> Finding:
    near = difflib.get_close_matches(field, list(known), 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"take it out; known are {', '.join(known)}."
    return Finding(f"{place}.{field[:40]}", f"{field[:40]} is not known here.", hint)


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
            what = f"{name} = {fields[name]!r} is no length of time of at most a year."
            findings.append(Finding(f"{place}.{name}", what, _SPAN_FIX))


def _cron(place: str, fields: Mapping[str, Any], zone: str, now: datetime) -> list[Finding]:
    if "cron" not in fields:
        return []
    cron = fields["cron"]
    what = due.trouble(cron, zone, now) if isinstance(cron, str) else "is no text"
    if not what:
        return []
    fix = "choose another time of day." if "unclear" in what else f"{due.EXPRESSION}."
    return [Finding(f"{place}.cron", f"cron = {cron!r} {what}.", fix)]


def _notebook_job(place: str, fields: Mapping[str, Any], folder: Path, findings: list[Finding]) -> jobs.Job | None:
    name, given = fields.get("notebook"), fields.get("parameters", {})
    if not isinstance(given, dict):
        what = f"parameters = {given!r} is no table."
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
    # What has a wrong type stands in with its default, so that it is told once.
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
    try:
        return jobs.job(name, texts, folder)
    except SettingsError as refused:
        more = (replace(finding, id=f"{place}.{finding.id}") for finding in refused.findings)
        findings += [finding for finding in more if finding.id not in told]
        return None


def _shown(value: object) -> str:
    return kinds.text(value) if isinstance(value, bool) else repr(value)[:60]
