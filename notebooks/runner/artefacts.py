"""From what a run wrote to what others may read: checked for secrets first, then published, or kept back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from notebooks.runner import page
from notebooks.runner.artefact_check import ArtefactCheck, Hit
from notebooks.runner.regular_files import is_regular
from notebooks.runner.run_files import RunFiles
from notebooks.runner.settings_secrets import secrets
from notebooks.runner.verdict import Verdict
from store import outcomes, places
from store.outcomes import BLOCKED, FAILED, KERNEL_DIED, WRONG_SETTINGS

_OTHERS_WORDS = (FAILED, WRONG_SETTINGS, KERNEL_DIED)
"""What such a run tells of itself is what a cell or its kernel said: it may hold the secret."""


_NAMED_PLACES = 3
_NO_PAGE = "It has no page, for making one did not end twice; open its notebook."


@dataclass(frozen=True, slots=True)
class Published:
    """The run's verdict after the check, and the paths of what there is to read."""

    outcome: str
    message: str
    shown: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        return outcomes.EXIT_CODES[self.outcome]


def publish(files: RunFiles, judged: Verdict) -> Published:
    """Publishes notebook, log and page of a run. A secret in one of them keeps all of them back."""
    files.copy_log()
    return _publish(files, judged, (files.aside, files.log_aside))


def publish_left(files: RunFiles, judged: Verdict) -> Published:
    """The same for a run that died, of which some may be missing and some be published."""
    if is_regular(files.log):
        files.copy_log()
    written = (files.aside, files.notebook, files.log_aside)
    return _publish(files, judged, [path for path in written if is_regular(path)])


def _publish(files: RunFiles, judged: Verdict, written: Sequence[Path]) -> Published:
    check = ArtefactCheck(secrets())
    if hits := [hit for path in written for hit in check.hits(path)]:
        return _blocked(files, hits, judged)
    files.publish_notebook()
    message = judged.message
    if is_regular(files.notebook):
        if not files.begin_page():
            message = f"{message} {_NO_PAGE}"
        else:
            try:
                page.write(files.notebook, files.page_aside)
            except OSError:
                # It is told, and may be tried again: a full disk does not stay full.
                files.end_page()
                raise
            if hits := check.hits(files.page_aside):
                return _blocked(files, hits, judged)
            files.publish_page()
    files.end()
    return Published(judged.outcome, message, files.shown())


def _listed(at: Sequence[str]) -> str:
    more = len(at) - _NAMED_PLACES
    return ", ".join(at[:_NAMED_PLACES]) + (f" and {more} more" if more > 0 else "")


def _blocked(files: RunFiles, hits: list[Hit], judged: Verdict) -> Published:
    kept = files.block()
    names = {path.suffix: path.name for path in kept}
    # One place may hold the same secret in several ways.
    found: dict[tuple[str, str], dict[str, None]] = {}
    for hit in hits:
        found.setdefault((names.get(hit.path.suffix, hit.path.name), hit.what), {})[hit.place] = None
    told = "; ".join(f"{name}, {_listed(list(at))}: {what}" for (name, what), at in found.items())
    # No colon after "secret": what follows one is taken for the secret itself, and hidden.
    fixes = dict.fromkeys(hit.what.fix or "take it out of the cell;" for hit in hits)
    message = (
        f"Not published, for a secret is in {told}. To fix: {' '.join(fixes)} what was written is in"
        f" {', '.join(map(places.shown, kept))}."
    )
    if not judged.is_good:
        said = "" if judged.outcome in _OTHERS_WORDS else f" {judged.message}"
        message += f" The run itself: {judged.outcome}.{said}"
    return Published(BLOCKED, message, files.shown())
