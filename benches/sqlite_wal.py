"""Commits one small row each with SQLite (WAL, synchronous = FULL), from as many threads as benches/journal_append.rs."""

import os
import sqlite3
import sys
import tempfile
import threading
import time

FOLDER = os.environ.get("TIDEGATE_BENCH_FOLDER", "target")
SECONDS = 3.0


def writer(path, until, counts):
    store = sqlite3.connect(path, timeout=60, isolation_level=None)
    store.execute("pragma synchronous = full")
    count = 0
    while time.perf_counter() < until:
        store.execute("insert into log (entry) values (?)", (b"x" * 64,))
        count += 1
    counts.append(count)


for writers in (1, 16, 64):
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        path = os.path.join(folder, "log.db")
        store = sqlite3.connect(path)
        store.execute("pragma journal_mode = wal")
        store.execute("create table log (sequence integer primary key, entry blob)")
        store.commit()
        counts, began = [], time.perf_counter()
        threads = [
            threading.Thread(target=writer, args=(path, began + SECONDS, counts)) for _ in range(writers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = sum(counts) / (time.perf_counter() - began)
        print(f"SQLite {sqlite3.sqlite_version}, WAL, full, {writers} writers: {rate:,.0f} rows a second", flush=True)
sys.exit(0)
