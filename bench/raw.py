"""The machine's own limits, in plain Python: a preallocated file and one SQLite table.

Every function makes what it measures in the folder that it is given. Not here: anything of Kitaru.
"""

from __future__ import annotations

import os
import time
from typing import Any


def append(folder: str, count: str, size: str) -> float:
    """Seconds per append of ``size`` bytes with an fdatasync, into a file that was written once before."""
    data = os.urandom(int(size))
    file = os.open(os.path.join(folder, "raw"), os.O_RDWR | os.O_CREAT)
    for _ in range(int(count)):
        os.write(file, data)
    os.fsync(file)
    os.lseek(file, 0, os.SEEK_SET)
    begun = time.perf_counter()
    for _ in range(int(count)):
        os.write(file, data)
        os.fdatasync(file)
    spent = time.perf_counter() - begun
    os.close(file)
    return spent / int(count)


def connect(path: str, level: str = "FULL") -> Any:
    """A plain WAL database with one table of steps, transactions by hand."""
    import sqlite3

    # Two writers of the group commit baseline share it under a lock of their own.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {level}")
    db.execute(
        "CREATE TABLE IF NOT EXISTS steps "
        "(flow INTEGER, step INTEGER, result TEXT, PRIMARY KEY (flow, step)) WITHOUT ROWID"
    )
    return db


def rows(folder: str, level: str, count: str, size: str = "200") -> float:
    """Seconds per one-row commit."""
    db = connect(os.path.join(folder, "raw.db"), level)
    text = "x" * int(size)
    begun = time.perf_counter()
    for step in range(int(count)):
        db.execute("INSERT INTO steps VALUES (1, ?, ?)", (step, text))
    return (time.perf_counter() - begun) / int(count)


if __name__ == "__main__":
    import sys

    print(globals()[sys.argv[1]](*sys.argv[2:]))
