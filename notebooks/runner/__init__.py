"""Runs one notebook as a job: its lock, its guarded kernel, its verdict, and its record in `runs/` and in the database.

`runs.run` does it all. Nothing is imported here, so that a kernel can be begun before the rest is there.
"""
