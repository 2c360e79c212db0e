#!/usr/bin/env python3
"""Plays the scenarios: real processes, real sockets, each in a place of its own.

    run.py [WORD]…     only those whose name holds one of the words
    run.py --store pg  on a PostgreSQL of its own instead of SQLite
    run.py --store pgbouncer  and that behind a pooler in transaction mode
    BRINDLE=…/brindle  the program that is tested (default: build/brindle)
    SOAK=10            ten times as many kills
    PG_BIN=…/bin       the PostgreSQL to start (default: the newest of Debian's)
    KEEP=1             leaves the folder of a failed scenario and says where

Ends with a line "N passed, N failed".
"""
import importlib
import os
import pathlib
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import place as places
from cluster import Cluster, Missing

FILES = ["mirror", "state", "customers", "redis", "beyond", "kill", "store", "use"]


# What is about SQLite's file: its disk, its lock.
SQLITE_ALONE = ["BEYOND-09", "BEYOND-17", "STORE-01", "STORE-02", "USE-06"]


def scenarios(cluster):
    for name in FILES + (["pg"] if cluster else []):
        module = importlib.import_module(f"scenarios_{name}")
        for ident, function in module.SCENARIOS:
            if not cluster or ident not in SQLITE_ALONE:
                yield f"{ident}_{function.__name__}", function


def play(name, function, cluster):
    place = places.Place(cluster)
    start = time.monotonic()
    try:
        place.start_emulator("--seed", "1")
        function(place)
        place.check_only_read()
        place.close(keep=False)
        print(f"ok   {name} ({time.monotonic() - start:.1f} s)", flush=True)
        return True
    except places.Skip as why:
        place.close(keep=False)
        print(f"skip {name}: {why}", flush=True)
        return None
    except Exception as why:
        print(f"FAIL {name}: {why}", flush=True)
        if not isinstance(why, places.Failure):
            traceback.print_exc()
        for log in ("daemon.log", "emulator.log"):
            tail = place.text_of(log).strip().splitlines()[-8:]
            print("".join(f"     {log}: {line[:300]}\n" for line in tail), end="")
        keep = bool(os.environ.get("KEEP"))
        if keep:
            print(f"     kept in {place.dir}")
        place.close(keep)
        return False


def main():
    words = sys.argv[1:]
    cluster = None
    if words[:1] == ["--store"]:
        store, words = words[1], words[2:]
        try:
            cluster = Cluster(pooler=store == "pgbouncer")
        except Missing as why:
            print(f"skipped on PostgreSQL: {why}\n0 passed, 0 failed")
            return 0
    try:
        results = [play(n, f, cluster) for n, f in scenarios(cluster)
                   if not words or any(w in n for w in words)]
        results = [r for r in results if r is not None]
    finally:
        if cluster:
            cluster.remove()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
