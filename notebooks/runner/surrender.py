"""The end of a runner that hangs, in a page or a dead network folder: what can still be told is, and the process ends."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from notebooks import printing
from notebooks.bounded_call import CallLeft, call_within
from notebooks.runner.last_word import LastWord, Result
from store import places
from store.job_runs import JobEnd, shown_message
from store.outcomes import EXIT_CODES

_LOOK_SECONDS, _RECORD_SECONDS, _SAY_SECONDS = 2.0, 4.0, 3.0
MOST_SECONDS = _LOOK_SECONDS + 3 * _RECORD_SECONDS + 2 * _SAY_SECONDS
"""It takes no longer than this, whatever else hangs."""


class Surrender:
    """To be called by another thread than the one that hangs; it does not come back."""

    def __init__(self, word: LastWord, tell: Callable[[Result], None]):
        self._word, self._tell = word, tell

    def __call__(self, reason: str, detail: str) -> None:
        """Ends the process with the exit code of this outcome, or of the end that the run itself has told."""
        code = EXIT_CODES[reason]
        try:
            if self._word.begun is None:
                _complain(f"{detail} The runner itself hung before the run had begun, and was ended.")
            else:
                end = JobEnd(reason, code, self._message(detail), artefacts=self._artefacts())
                result = self._word.tell_instead(end, _RECORD_SECONDS)
                code = result.exit_code
                call_within(_SAY_SECONDS, lambda: self._tell(result))
        except Exception as error:  # noqa: BLE001 - said; the process ends whatever happens here
            _complain(f"{detail} The runner itself hung, and telling that failed: {type(error).__name__}: {error}")
        finally:
            # Nothing else ends a thread that hangs in the system.
            os._exit(code)

    def _message(self, detail: str) -> str:
        place = places.shown(self._word.begun.files.folder)
        return (
            f"{detail} The runner itself hung after that, and was ended; what it wrote is published after the next run."
            f" To fix: see that {place} can be written and that the notebook's outputs are not too large for a page;"
            " then run it again; what is done is not done twice."
        )

    def _artefacts(self) -> Mapping[str, str]:
        """What there is to read; nothing if the folder itself hangs or cannot be looked into."""
        try:
            return call_within(_LOOK_SECONDS, self._word.begun.files.shown)
        except (CallLeft, OSError):
            return {}


def _complain(text: str) -> None:
    with suppress(CallLeft):
        call_within(_SAY_SECONDS, lambda: printing.complain(shown_message(text)))
