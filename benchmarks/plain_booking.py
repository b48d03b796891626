"""Plans and books a candidates file as booking_batch.ipynb does, without a notebook: what `runner.py` holds it against.

python benchmarks/plain_booking.py FILE LOG
"""

import sys
from pathlib import Path

from store import batches, database, debuglog, session_keys, times
from store.settings import Settings


def main(file: str, log: str) -> int:
    """Books the file into DATABASE_URL; 1 unless each row was booked anew."""
    settings = Settings.load()
    with debuglog.writing_to(Path(log)):
        db = database.open_record(settings.database_url.get_secret_value())
        ring = session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=times.now())
        given = {"settings": settings, "clock": times.now}
        planned = batches.plan_batch(db, file, **given)
        booked = batches.book_batch(db, file, ring=ring, fingerprint=planned.fingerprint, **given)
    return int(booked.outcomes["created"] != booked.rows)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
