"""The schedule as units of systemd: a service and a timer a job, the look for overdue jobs, portal and delivery."""

from notebooks.schedule.calendar_events import events
from notebooks.schedule.installation import OVERDUE_MINUTES, Installation
from notebooks.schedule.reading import Schedule, ScheduledJob
from store.redaction import one_line

PREFIX = "interview-ops"
STOP_SECONDS = 120
"""More than a run needs to stop by itself: 24 s for its cell, 45 s for its record, then 20 s for its mail or to give up."""
_START_MARGIN_SECONDS = 300
_JOB_MEMORY, _SERVICE_MEMORY = "2G", "1G"
_NOTE = "# Written by: python -m notebooks schedule --systemd DIR. Change {source}, then write it again.\n"

# OOMPolicy: a kernel that was killed for its memory is told by its runner, which systemd would stop with it.
# PrivateTmp: a kernel's sockets are nobody else's. The cache is a home for what libraries keep (fonts, bytecode).
_GUARD = """\
User={user}
WorkingDirectory={folder}
EnvironmentFile=-/etc/interview-ops.env
Environment=HOME=/var/cache/interview-ops
CacheDirectory=interview-ops
UMask=0027
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec={stop}
MemoryMax={memory}
OOMPolicy=continue
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths=-{folder}/var -{folder}/runs -{folder}/secrets
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
"""
_NETWORK = "Wants=network-online.target\nAfter=network-online.target postgresql.service\n"


def files(schedule: Schedule, at: Installation) -> dict[str, str]:
    """The units' file names and texts."""
    found = {}
    for job in schedule.jobs:
        name = f"{PREFIX}-{job.name.replace('_', '-')}"
        found[f"{name}.service"] = _job_service(job, at)
        found[f"{name}.timer"] = _timer(at, f"when {job.name} is due", events(job.cron, job.zone), "Persistent=true\n")
    often = [f"*:00/{OVERDUE_MINUTES}:00"]
    found[f"{PREFIX}-overdue.service"] = _overdue_service(at)
    found[f"{PREFIX}-overdue.timer"] = _timer(at, "a look for overdue jobs", often, "")
    found[f"{PREFIX}-portal.service"] = _lasting("the candidates' portal", "portal.py", at)
    found[f"{PREFIX}-delivery.service"] = _lasting("delivery of mails", "-m mailer deliver --follow", at)
    return found


def _job_service(job: ScheduledJob, at: Installation) -> str:
    # Without a limit of its own a job may take as long as it likes, as everywhere else.
    limit = (
        "infinity" if job.limits.total is None else round(job.limits.total + job.limits.wait) + _START_MARGIN_SECONDS
    )
    # 75: another run of the same job was at work, which is no failure.
    how = f"Type=oneshot\nExecStart={at.python} {at.run(job)}\nSuccessExitStatus=75\nTimeoutStartSec={limit}\n"
    return _unit(at, f"{job.name} ({job.job.sheet.title})", _NETWORK, how + _guard(at, _JOB_MEMORY))


def _overdue_service(at: Installation) -> str:
    how = f"Type=oneshot\nExecStart={at.python} {at.overdue}\nTimeoutStartSec=900\n"
    return _unit(
        at, "what should have run and did not (fails if there is any)", _NETWORK, how + _guard(at, _SERVICE_MEMORY)
    )


def _lasting(what: str, command: str, at: Installation) -> str:
    # 2: the settings are wrong, and stay wrong until somebody corrects them.
    how = f"Type=exec\nExecStart={at.python} {command}\nRestart=always\nRestartSec=5\nRestartPreventExitStatus=2\n"
    unit = _unit(at, what, _NETWORK + "StartLimitIntervalSec=0\n", how + _guard(at, _SERVICE_MEMORY))
    return f"{unit}\n[Install]\nWantedBy=multi-user.target\n"


def _guard(at: Installation, memory: str) -> str:
    return _GUARD.format(user=at.user, folder=at.folder, stop=STOP_SECONDS, memory=memory)


def _unit(at: Installation, what: str, order: str, service: str) -> str:
    # A notebook's title must not end the line, go on in the next one, or be read as a specifier.
    plain = one_line(what).replace("\\", "/").replace("%", "%%")
    return f"{_NOTE.format(source=at.source)}[Unit]\nDescription=Interview Ops: {plain}\n{order}\n[Service]\n{service}"


def _timer(at: Installation, what: str, calendar: list[str], more: str) -> str:
    when = "".join(f"OnCalendar={event}\n" for event in calendar)
    unit = f"{_NOTE.format(source=at.source)}[Unit]\nDescription=Interview Ops: {what}\n\n[Timer]\n{when}AccuracySec=1s\n{more}"
    return f"{unit}\n[Install]\nWantedBy=timers.target\n"
