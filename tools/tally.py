#!/usr/bin/env python3
"""Counts what `meson test` ran, case by case: prints "PASSED FAILED".

A cmocka program says for each case "[       OK ] name" or "[  FAILED  ] name"; a program without
such lines is one case. Use: tally.py TESTLOG.json
"""
import json, re, sys

passed = failed = 0
for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
    test = json.loads(line)
    said = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    good = len(re.findall(r"^\[ +OK +\] ", said, re.M))
    # Failed cases are named once more in the summary, behind the count.
    bad = len(set(re.findall(r"^\[ +FAILED +\] (?!tests:|\d+ test)(\S+)", said, re.M)))
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        passed += good or 1
    elif test["result"] != "SKIP":
        passed += good
        failed += bad or 1
print(passed, failed)
