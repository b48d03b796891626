"""The form of start_here.ipynb: a notebook is chosen, its parameters are filled in, checked, and run as a job.

What may be filled in comes from the runner's own reader, and the run is the command that a scheduler would give.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import peewee

from notebooks import jobs, tables
from notebooks.lab import found_run, started_runs, words
from notebooks.lab.fields import Field
from notebooks.lab.found_run import FoundRun
from notebooks.lab.started_runs import Progress, StartedRun
from notebooks.parameters import LOG_FILE
from store import redaction
from store.errors import Finding, Refusal, StoreError
from store.settings import Settings

LOOK_SECONDS = 0.5
_TICK = "This is no dry run: I have looked at one, and want it done."
_NOT_TICKED = (
    "dry_run is off, so this run changes things. To fix: tick the line above the buttons, or switch dry_run on."
)
_running: StartedRun | FoundRun | None = None
"""What a form of this kernel has started, also if its cell was run again since; or one that outlived its kernel."""


class Form:
    """Shown by `widget`. `notebooks` are the names that may be chosen, in this order."""

    def __init__(self, notebooks: Sequence[str], folder: Path = jobs.FOLDER):
        global _running
        self._folder = folder
        self.fields: dict[str, Field] = {}
        options = [(f"{jobs.sheet(name, folder).title} ({name})", name) for name in notebooks]
        wide = {"layout": widgets.Layout(width="42em"), "style": {"description_width": "11em"}}
        self.choice = widgets.Dropdown(options=options, description="Notebook", **wide)
        self.about, self._rows, self.answer, self.outcome = (
            widgets.Output(),
            widgets.VBox(),
            widgets.HTML(),
            widgets.Output(),
        )
        self.tick = widgets.Checkbox(description=_TICK, indent=False, layout=widgets.Layout(width="auto"))
        self.bar = widgets.IntProgress(bar_style="info", layout=widgets.Layout(width="42em", display="none"))
        self.check_button, self.run_button, self.stop_button, self.command_button = _buttons()
        self._thread: threading.Thread | None = None
        self.widget = self._put_together()
        self._choose()
        _running = _running or found_run.newest()
        if _running and _running.exit_code is None:
            self._follow(_running)

    def _put_together(self) -> widgets.VBox:
        pairs = [(self.check_button, self.check), (self.run_button, self.run), (self.stop_button, self.stop),
                 (self.command_button, self.command)]  # fmt: skip
        for button, action in pairs:
            button.on_click(lambda _, action=action: action())
        self.choice.observe(lambda _: self._choose(), "value")
        buttons = widgets.HBox([button for button, _ in pairs], layout=widgets.Layout(margin="0.5em 0"))
        parts = [self.choice, self.about, self._rows, self.tick, buttons, self.answer, self.bar, self.outcome]
        return widgets.VBox(parts, layout=widgets.Layout(max_width="72em"))

    def _choose(self) -> None:
        """Shows the chosen notebook's fields, each at its default."""
        self.answer.value = ""
        if self.stop_button.disabled:
            # How another notebook's run ended would be taken for this one's.
            self.outcome.outputs = ()
        try:
            sheet = jobs.sheet(self.choice.value, self._folder)
        except StoreError as refused:
            self.fields, self._rows.children = {}, ()
            self._refuse([Finding("notebook", str(refused), refused.fix)])
            return
        taken = [parameter for parameter in sheet.parameters if parameter.name != LOG_FILE]
        self.fields = {parameter.name: Field(parameter) for parameter in taken}
        self._rows.children = [field.row for field in self.fields.values()]
        for field in self.fields.values():
            field.widget.observe(partial(self._changed, field), "value")
        self.about.outputs = _shown(words.about(sheet))
        self._offer_tick()

    def _changed(self, field: Field, _: object) -> None:
        self.answer.value = ""
        field.tell([])
        self._offer_tick()

    def _offer_tick(self) -> None:
        """Asks for the tick where the run would change something; a tick counts for one run."""
        self.tick.value = False
        self.tick.layout.display = "" if self.is_in_earnest else "none"

    @property
    def is_in_earnest(self) -> bool:
        """Whether the notebook can be run dry, and is not to be."""
        return "dry_run" in self.fields and self.fields["dry_run"].widget.value is False

    @property
    def texts(self) -> list[str]:
        """What stands on the command line: `name=value` for each field that is not at its default."""
        return [text for field in self.fields.values() if (text := field.text) is not None]

    def check(self) -> bool:
        """Checks all fields and the settings as the runner does, and shows each fault at its field."""
        findings = [found for field in self.fields.values() if (found := field.missing_file())]
        job = None
        try:
            job, _ = started_runs.check(self.choice.value, self.texts, self._folder)
        except StoreError as refused:
            findings += list(refused.findings) or [Finding("notebook", str(refused), refused.fix)]
        self._refuse(findings)
        if job and not findings:
            self.answer.value = words.checked(job.name, job.values)
        return not findings

    def _refuse(self, findings: Iterable[Finding]) -> None:
        """Shows each finding at its field, the others below the buttons."""
        findings = [Finding(found.id, redaction.redact(found.what), redaction.redact(found.fix)) for found in findings]
        for name, field in self.fields.items():
            field.tell([found for found in findings if found.id == f"parameters.{name}"])
        rest = [found for found in findings if found.id.removeprefix("parameters.") not in self.fields]
        self.answer.value = words.refused(rest) if findings else ""

    def command(self) -> None:
        """Shows the shell command of what is filled in."""
        if self.check():
            self.answer.value = words.command(started_runs.command(self.choice.value, self.texts))

    def run(self) -> None:
        """Starts the job, unless one runs, something is wrong, or the tick is missing."""
        if _running and _running.exit_code is None:
            self.answer.value = words.note(f"{_running.name} still runs. Wait for its end, or stop it.")
        elif self.check():
            if self.is_in_earnest and not self.tick.value:
                self.answer.value = words.note(_NOT_TICKED)
                return
            self._start()

    def _start(self) -> None:
        global _running
        self.answer.value = ""
        _running = StartedRun.start(self.choice.value, self.texts)
        self.tick.value = False
        self._follow(_running)

    def stop(self) -> None:
        """Asks the run to end; it keeps what it has done."""
        if _running:
            _running.stop()
            self.stop_button.disabled = True

    def _follow(self, started: StartedRun | FoundRun) -> None:
        self._buttons_while(is_running=True)
        self._thread = threading.Thread(target=self._watch, args=(started,), name="form", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Returns when the outcome of the run is shown, or so many seconds later."""
        if self._thread:
            self._thread.join(seconds)

    def _watch(self, started: StartedRun | FoundRun) -> None:
        """Shows how far the run is until it has ended, and then how it ended."""
        begun, progress = time.monotonic(), Progress()
        while (code := started.exit_code) is None:
            progress = self._look(started) or progress
            self.bar.max, self.bar.value = max(1, progress.of), progress.cells
            seconds = time.monotonic() - begun
            self.outcome.outputs = _shown(words.running(started.name, progress, seconds, self.stop_button.disabled))
            started.wait(LOOK_SECONDS)
        row = (self._look(started) or progress).row
        self.outcome.outputs = _shown(words.ended(started.name, row, code, started.errors()))
        self._buttons_while(is_running=False)

    def _look(self, started: StartedRun | FoundRun) -> Progress | None:
        """What the record tells; none while it cannot be read, which the run itself tells of."""
        try:
            return started.progress(Settings.load())
        except (Refusal, peewee.DatabaseError):
            return None

    def _buttons_while(self, *, is_running: bool) -> None:
        self.run_button.disabled, self.stop_button.disabled = is_running, not is_running
        self.bar.layout.display = "" if is_running else "none"


def _shown(markup: str) -> list[dict[str, object]]:
    # As an output of a cell, so that JupyterLab follows links into its own tabs; a widget's would leave the page.
    return [{"output_type": "display_data", "data": {"text/html": tables.as_text(markup).data}, "metadata": {}}]


def _buttons() -> tuple[widgets.Button, ...]:
    return (
        widgets.Button(description="Check", icon="check", tooltip="Check what is filled in; start nothing"),
        widgets.Button(description="Run", icon="play", button_style="primary", tooltip="Run it as a job"),
        widgets.Button(description="Stop", icon="stop", disabled=True, tooltip="End the run; what is done stays done"),
        widgets.Button(description="Command", icon="terminal", tooltip="The same as a shell command, to copy"),
    )
