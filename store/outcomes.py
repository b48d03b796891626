"""How a run of a notebook ended, and with which exit code."""

DONE, FAILED, WRONG_SETTINGS, BLOCKED, OVERTAKEN, OUT_OF_TIME, KERNEL_DIED, STOPPED = (
    "done", "failed", "wrong_settings", "blocked", "overtaken", "out_of_time", "kernel_died", "stopped",
)  # fmt: skip
"""As it said itself."""
RUNNING, DIED = "running", "died"
"""What whoever looks tells of a run without an end, from its last heartbeat."""
OUTCOMES = (DONE, FAILED, WRONG_SETTINGS, BLOCKED, OVERTAKEN, OUT_OF_TIME, KERNEL_DIED, STOPPED, RUNNING, DIED)

BUSY_CODE = 75
EXIT_CODES = {DONE: 0, FAILED: 1, WRONG_SETTINGS: 2, BLOCKED: 70, OVERTAKEN: BUSY_CODE, OUT_OF_TIME: 124,
              KERNEL_DIED: 138, STOPPED: 143}  # fmt: skip
"""75 is EX_TEMPFAIL and 70 EX_SOFTWARE of sysexits.h, 124 what timeout(1) gives, 138 papermill, 143 a SIGTERM."""
