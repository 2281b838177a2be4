# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guests did, from the lines that guest.py wrote.

    report.py one --results FILE --console FILE --status TEXT --junit FILE [--some]
        one line per feature, a JUnit XML file; exit code 1 unless all is well
    report.py table RESULTS...
        the table kernel x feature as markdown, on stdout
"""
import argparse
import collections
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

import features

PASSED, FAILED, SKIPPED, NOT_RUN = "passed", "failed", "skipped", "not run"
CONSOLE_LINES, TEXT_LINES = 40, 30
# numbers of the status that are no counters
PROBED_NUMBERS = ("conntrack_events",)
TABLE_HEAD = """\
# Kernels

Written by `tests/kernels/run --write-table`, which boots each kernel and runs the lab's core there
(`tests/kernels/README.md`). A number is how many tests of `tests/kernels/features.py` showed it.

"""
TABLE_MIDDLE = """
What the daemon finds out about the kernel at start (`kernel` in `smtpguard status --json`):

"""


class Guest:
    """What one kernel's results say; a file that ends early says less."""

    def __init__(self, path):
        self.about, self.tests, self.names = {}, {}, []
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    self.take(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError):
                    self.about["garbled"] = line[:200]
        for name in self.names:
            self.tests.setdefault(name, [NOT_RUN, 0, ""])

    def take(self, said):
        if "collected" in said:
            self.names = said["collected"]
        elif "test" in said:
            self.take_phase(said)
        else:
            self.about.update(said)

    def take_phase(self, said):
        """A test passed if its call did and nothing failed, be it before or after."""
        test = self.tests.setdefault(said["test"], [NOT_RUN, 0, ""])
        test[1] += said["seconds"]
        if said["outcome"] == FAILED:
            test[0], test[2] = FAILED, (test[2] + "\n" + said["text"]).strip()
        elif said["outcome"] == SKIPPED and test[0] != FAILED:
            test[0], test[2] = SKIPPED, said["text"]
        elif said["phase"] == "call" and test[0] != FAILED:
            test[0], test[2] = PASSED, ""

    def kernel(self):
        """6.1.176 and not 6.1.0-50-cloud-amd64, which only Debian says."""
        exact = re.search(r"Debian (\d+(?:\.\d+)+)", self.about.get("version", ""))
        return exact.group(1) if exact else self.about.get("release", "?")

    def counts(self):
        """{feature: Counter of outcomes}, the features in their order."""
        found = {feature: collections.Counter() for feature in features.FEATURES}
        for name, (outcome, _, _) in self.tests.items():
            feature = features.feature_of(name) or "other"
            found.setdefault(feature, collections.Counter())[outcome] += 1
        return found

    def probed(self):
        """What the daemon found out about the kernel."""
        return {key: value for key, value in self.about.get("kernel", {}).items()
                if isinstance(value, bool) or (key in PROBED_NUMBERS and value is not None)}


def tail(text, lines):
    return "\n".join(text.rstrip().splitlines()[-lines:])


def read_console(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as console:
            return console.read().replace("\r", "")
    except OSError as problem:
        return str(problem)


def ways_to_fail(guest, status, some):
    """What is wrong although every test that ran may have passed."""
    if "garbled" in guest.about:
        yield f"unreadable result: {guest.about['garbled']}"
    if "end" not in guest.about:
        yield {"no kernel": "the kernel could not be fetched",
               "124": "the guest did not come to its end within the time limit"} \
            .get(status, f"the guest did not come to its end (QEMU's status: {status})")
        return
    if "kernel" not in guest.about:
        yield f"the daemon's status: {guest.about.get('kernel_error', 'missing')}"
    if guest.about["end"] > 1:
        yield f"pytest ended with {guest.about['end']}"
        return
    counts = guest.counts()
    if some and not any(count[PASSED] for count in counts.values()):
        yield "no test passed"
    for feature, count in counts.items():
        if not some and not count[PASSED]:
            yield f"no test of {feature} passed"


def write_junit(path, series, guest, problems, console):
    suite = ElementTree.Element("testsuite", name=f"kernel {series}")
    cases = [(features.feature_of(name) or "other", name, *test)
             for name, test in guest.tests.items()]
    text = "\n".join([*problems, "", tail(console, CONSOLE_LINES)])
    cases.append(("guest", f"{series} boots and comes to its end",
                  FAILED if problems else PASSED, guest.about.get("uptime_s", 0), text))
    for feature, name, outcome, seconds, text in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=f"{series} {feature}",
                                      name=name, time=f"{seconds:.2f}")
        if outcome != PASSED:
            tag = "skipped" if outcome == SKIPPED else "failure"
            element = ElementTree.SubElement(case, tag, message=outcome)
            element.text = re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]", "?", text)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def report_one(options):
    guest, console = Guest(options.results), read_console(options.console)
    problems = list(ways_to_fail(guest, options.status, options.some))
    label = guest.kernel() if "release" in guest.about else options.series
    for feature, count in guest.counts().items():
        if count:
            said = [f"{count[o]} {o}" for o in (PASSED, FAILED, SKIPPED, NOT_RUN) if count[o]]
            print(f"{label:<10} {feature:<20} {', '.join(said)}")
    if "uptime_s" in guest.about:
        print(f"{label:<10} {'(seconds)':<20} {guest.about['booted_s']:.0f} to boot, "
              f"{guest.about['uptime_s']:.0f} in all")
    failed = {name: test for name, test in guest.tests.items() if test[0] == FAILED}
    for name, (_, _, text) in failed.items():
        print(f"--- {label}: {name} failed\n{tail(text, TEXT_LINES)}")
    not_run = [name for name in guest.tests if guest.tests[name][0] == NOT_RUN]
    if not_run:
        print(f"--- {label}: {len(not_run)} not run, {not_run[0]} is the first of them")
    for problem in problems:
        print(f"--- {label}: {problem}")
    if problems:
        print(f"--- {label}: the end of the console\n{tail(console, CONSOLE_LINES)}")
    write_junit(options.junit, options.series, guest, problems, console)
    return 1 if failed or not_run or problems else 0


def cell(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else value


def table(guests, rows):
    head = [[""] + [guest.kernel() for guest in guests], ["---"] * (len(guests) + 1)]
    return "".join("| " + " | ".join(map(str, row)) + " |\n" for row in head + rows)


def report_table(options):
    guests = [Guest(path) for path in options.results]
    counts = [guest.counts() for guest in guests]
    shown = [[feature] + [count[feature][PASSED] or "no" for count in counts]
             for feature in features.FEATURES]
    keys = list(dict.fromkeys(key for guest in guests for key in guest.probed()))
    probed = [[f"`{key}`"] + [cell(guest.probed().get(key)) for guest in guests] for key in keys]
    print(TABLE_HEAD + table(guests, shown) + TABLE_MIDDLE + table(guests, probed), end="")
    return 0


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("one")
    for name in ("series", "status", "results", "console", "junit"):
        one.add_argument(f"--{name}", required=True)
    one.add_argument("--some", action="store_true")
    verbs.add_parser("table").add_argument("results", nargs="+")
    options = parser.parse_args()
    return report_one(options) if options.verb == "one" else report_table(options)


sys.exit(main())
