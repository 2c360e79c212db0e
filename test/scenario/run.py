#!/usr/bin/env python3
"""Plays the scenarios: real processes, real sockets, each in a place of its own.

    run.py [WORD]…     only those whose name holds one of the words
    run.py --store pg  on a PostgreSQL of its own instead of SQLite
    run.py --store pgbouncer  and that behind a pooler in transaction mode
    run.py --shake …   while whoever takes part stands still now and then (shake.py); before the words
    BRINDLE=…/brindle  the program that is tested (default: build/brindle)
    SOAK=10            ten times as many kills, and objects (BEYOND-15: SOAK=9 is a hundred thousand, in a minute)
    PG_BIN=…/bin       the PostgreSQL to start (default: the newest of Debian's)
    KEEP=1             leaves the folder of a failed scenario and says where
    PATIENCE=60        seconds that anything may take before it counts as hung (default: 300)
    JOBS=1             how many are played at once (default: 3; most of their time is waiting)

Ends with a line "N passed, N failed".
"""
import ctypes
import importlib
import multiprocessing
import os
import pathlib
import queue
import signal
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import place as places
import shake
from cluster import Cluster, Missing, programs

PR_SET_PDEATHSIG = 1
JOBS = int(os.environ.get("JOBS", "3"))
FILES = sorted(p.stem.removeprefix("scenarios_") for p in pathlib.Path(__file__).parent.glob("scenarios_*.py"))


# What is about SQLite's file: its disk, its lock.
SQLITE_ALONE = ["BEYOND-09", "BEYOND-10", "BEYOND-17", "ENV-20F", "STORE-01", "STORE-02", "STORE-03", "USE-06"]
# What is in the objects, whoever keeps them.
SQLITE_ALONE += ["BEYOND-13", "BEYOND-24"]
# Who writes beside others waits long before he delivers.
SQLITE_ALONE += ["ENV-20S"]
# One file, its daemon, its copies; what is PostgreSQL's is PG-10.
SQLITE_ALONE += [f"DOCTOR-0{i}" for i in range(1, 8)]


def scenarios(store):
    for name in FILES:
        if name == "pg" and not store:
            continue
        module = importlib.import_module(f"scenarios_{name}")
        for ident, function in module.SCENARIOS:
            if not store or ident not in SQLITE_ALONE:
                yield f"{ident}_{function.__name__}", function


def play(name, function, cluster):
    """Plays one; (True, False or None for skipped, and what is to be said of it)."""
    place = places.Place(cluster)
    start = time.monotonic()
    try:
        place.start_emulator("--seed", "1")
        function(place)
        if not place.writes:
            place.check_only_read()
        place.check_no_secret()
        place.close(keep=False)
        return True, f"ok   {name} ({time.monotonic() - start:.1f} s)\n"
    except places.Skip as why:
        place.close(keep=False)
        return None, f"skip {name}: {why}\n"
    except Exception as why:
        said = f"FAIL {name}: {why}\n"
        if not isinstance(why, places.Failure):
            said += traceback.format_exc()
        for log in ("daemon.log", "emulator.log"):
            tail = place.text_of(log).strip().splitlines()[-8:]
            said += "".join(f"     {log}: {line[:300]}\n" for line in tail)
        keep = bool(os.environ.get("KEEP"))
        if keep:
            said += f"     kept in {place.dir}\n"
        place.close(keep)
        return False, said


def player(store, shaken, chosen, next_one, results):
    """One of those who play at once, with a server of its own: takes the next until none is left. Ends
    with the one who started it, and each place with its player."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    cluster = Cluster(pooler=store == "pgbouncer") if store else None
    shaker = shake.begin(cluster) if shaken else None
    try:
        while True:
            with next_one.get_lock():
                at = next_one.value
                next_one.value += 1
            if at >= len(chosen):
                break
            results.put(play(*chosen[at], cluster))
    finally:
        if shaker:
            shaker.terminate()
            shaker.join()
        if cluster:
            cluster.remove()


def main():
    words = sys.argv[1:]
    shaken = "--shake" in words
    words = [w for w in words if w != "--shake"]
    store = None
    if words[:1] == ["--store"]:
        store, words = words[1], words[2:]
        try:
            programs()
        except Missing as why:
            print(f"skipped on PostgreSQL: {why}\n0 passed, 0 failed")
            return 0
    chosen = [(n, f) for n, f in scenarios(store) if not words or any(w in n for w in words)]
    fork = multiprocessing.get_context("fork")
    next_one, results = fork.Value("i", 0), fork.Queue()
    players = [fork.Process(target=player, args=(store, shaken, chosen, next_one, results), daemon=False)
               for _ in range(min(JOBS, len(chosen)))]
    for p in players:
        p.start()
    passed = failed = played = 0
    while played < len(chosen):
        try:
            ok, said = results.get(timeout=1)
        except queue.Empty:
            if any(p.is_alive() for p in players):
                continue
            print(f"FAIL {len(chosen) - played} were not played: a player died")
            failed += len(chosen) - played
            break
        played += 1
        passed += ok is True
        failed += ok is False
        print(said, end="", flush=True)
    for p in players:
        p.join()
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
