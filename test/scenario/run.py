#!/usr/bin/env python3
"""Plays the scenarios: real processes, real sockets, each in a place of its own.

    run.py [WORD]…     only those whose name holds one of the words
    BRINDLE=…/brindle  the program that is tested (default: build/brindle)
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

FILES = ["state", "beyond", "kill"]


def scenarios():
    for name in FILES:
        module = importlib.import_module(f"scenarios_{name}")
        for ident, function in module.SCENARIOS:
            yield f"{ident}_{function.__name__}", function


def play(name, function):
    place = places.Place()
    start = time.monotonic()
    try:
        place.start_emulator("--seed", "1")
        function(place)
        place.check_only_read()
        place.close(keep=False)
        print(f"ok   {name} ({time.monotonic() - start:.1f} s)", flush=True)
        return True
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
    results = [play(n, f) for n, f in scenarios() if not words or any(w in n for w in words)]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
