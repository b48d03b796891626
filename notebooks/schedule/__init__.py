"""The schedule: which jobs should run when, read from one file, and written for cron and systemd from it."""

from notebooks.schedule.reading import FILE, Schedule, ScheduledJob, inspect, read

__all__ = ["FILE", "Schedule", "ScheduledJob", "inspect", "read"]
