#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what really happened: `count_results.py RESULT...` prints "PASSED FAILED SKIPPED".

A RESULT is meson's testlog.json (one object per line) or a JUnit XML file of pytest. A file that is
missing, unreadable or holds no test at all counts as one failure. Made for Python 3.6.
"""
import json
import sys
import xml.etree.ElementTree

PASSED, FAILED, SKIPPED = range(3)


def count_meson(path):
    counts = [0, 0, 0]
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            result = json.loads(line)["result"]
            if result in ("OK", "EXPECTEDFAIL"):
                counts[PASSED] += 1
            elif result == "SKIP":
                counts[SKIPPED] += 1
            else:
                counts[FAILED] += 1
    return counts


def count_junit(path):
    counts = [0, 0, 0]
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        tags = {child.tag for child in case}
        if tags & {"failure", "error"}:
            counts[FAILED] += 1
        elif "skipped" in tags:
            counts[SKIPPED] += 1
        else:
            counts[PASSED] += 1
    return counts


def count(path):
    try:
        counts = count_junit(path) if path.endswith(".xml") else count_meson(path)
    except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as problem:
        print("no results in {}: {}".format(path, problem), file=sys.stderr)
        return [0, 1, 0]
    if not any(counts):
        print("no test ran: {}".format(path), file=sys.stderr)
        return [0, 1, 0]
    return counts


def main():
    total = [sum(column) for column in zip([0, 0, 0], *map(count, sys.argv[1:]))]
    print(*total)


if __name__ == "__main__":
    main()
