# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints `N passed, N failed, N skipped` for meson's testlog.json, counting the cases inside of each test program: TAP
lines, GstCheck's "Checks: N, Failures: N, Errors: N", else the program itself. Exit status 1 if anything failed."""
import json
import re
import sys

TAP = re.compile(r"^ *(not )?ok\b(?!.*# (?:SKIP|TODO))", re.M)
TAP_SKIP = re.compile(r"^ *ok\b.*# SKIP", re.M)
GSTCHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)


def count(test):
    """(passed, failed, skipped) of one line of the log."""
    output = test.get("stdout") or ""
    checks = [tuple(map(int, m)) for m in GSTCHECK.findall(output)]
    points = TAP.findall(output)
    skipped = len(TAP_SKIP.findall(output))
    if checks:
        failed = sum(f + e for _, f, e in checks)
        passed = sum(c for c, _, _ in checks) - failed
    else:
        failed = sum(1 for p in points if p)
        passed = len(points) - failed
    if test["result"] == "SKIP":
        return 0, 0, max(skipped, 1)
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return (passed or (0 if skipped else 1)), failed, skipped
    return passed, max(failed, 1), skipped


with open(sys.argv[1], encoding="utf-8") as log:
    totals = [sum(column) for column in zip((0, 0, 0), *(count(json.loads(line)) for line in log))]
print("%d passed, %d failed, %d skipped" % tuple(totals))
sys.exit(totals[1] > 0)
