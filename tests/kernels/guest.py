# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the lab's core in the guest. What happens goes to the second serial port, a JSON object per
line; the last one has "end". The host's report.py reads them."""
import json
import os
import sys
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(os.path.dirname(HERE), "lab")
ARGUMENTS = "/smtpguard/arguments"
RESULTS = "/dev/ttyS1"
# an emulated processor is slower than that; the lab's times have some reserve
SLOWNESS = "2"
# the tail of what a test printed and of its failure: serial ports are slow
TEXT_MAX = 6000

os.environ.setdefault("SMTPGUARD_LAB_SLOWNESS", SLOWNESS)
os.environ["SMTPGUARD_BUILD"] = "/smtpguard/build"
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
sys.path.insert(0, LAB)
sys.dont_write_bytecode = True

import pytest  # noqa: E402

import exim  # noqa: E402
import features  # noqa: E402


def open_results():
    port = open(RESULTS, "w", encoding="utf-8")
    tty.setraw(port)
    return port


class Reporter:
    def __init__(self, port):
        self.port = port

    def say(self, **what):
        self.port.write(json.dumps(what) + "\n")
        self.port.flush()

    def pytest_collection_modifyitems(self, items):
        # a file's fixtures are made once
        items.sort(key=lambda item: item.path)

    def pytest_collection_finish(self, session):
        self.say(collected=[short_name(item.nodeid) for item in session.items])

    def pytest_collectreport(self, report):
        if report.failed:
            self.say(test=report.nodeid or "collection", phase="collect", outcome="failed",
                     seconds=0, text=str(report.longrepr)[-TEXT_MAX:])

    def pytest_runtest_logreport(self, report):
        text = ""
        if report.skipped:
            why = report.longrepr
            text = str(why[2] if isinstance(why, tuple) else why)
        elif report.failed:
            text = "\n".join([str(report.longrepr)[-TEXT_MAX:], report.capstdout[-TEXT_MAX:]])
        self.say(test=short_name(report.nodeid), phase=report.when, outcome=report.outcome,
                 seconds=round(report.duration, 2), text=text)


def short_name(nodeid):
    """FILE::NAME without folders."""
    path, found, rest = nodeid.partition("::")
    return os.path.basename(path) + found + rest


def uptime_s():
    return round(time.clock_gettime(time.CLOCK_BOOTTIME), 1)


def kernel_features():
    """`kernel` of the status of a daemon started once."""
    import conftest
    import daemon as smtpguard

    net = conftest.make_net()
    try:
        directory = net.mkdir("kernel")
        one = smtpguard.Daemon(net, directory,
                               smtpguard.configuration(directory, conftest.RESOLVER))
        one.start()
        code, out, err = one.command("status", "--json")
        assert one.stop() == 0 and code == 0, err
        return json.loads(out)["kernel"]
    finally:
        net.close()


def spare_exim_a_key():
    """Without a certificate it makes one at start, while clients wait: for seconds, here."""
    if "tls_certificate" not in exim.CONFIGURATION:
        exim.CONFIGURATION = "tls_certificate = /dev/null\n" + exim.CONFIGURATION


def main():
    spare_exim_a_key()
    port = open_results()
    reporter = Reporter(port)
    kernel = os.uname()
    reporter.say(release=kernel.release, version=kernel.version, booted_s=uptime_s())
    os.chdir(LAB)
    try:
        reporter.say(kernel=kernel_features())
    except Exception as problem:  # told as a failure; the tests go on
        reporter.say(kernel_error=str(problem)[-TEXT_MAX:])
    with open(ARGUMENTS, encoding="utf-8") as given:
        arguments = given.read().splitlines()
    tests = [test for tests in features.FEATURES.values() for test in tests]
    code = pytest.main(["-q", "--color=no", "--tb=short", "-p", "no:cacheprovider",
                        "--rootdir", LAB, *arguments, *tests], plugins=[reporter])
    reporter.say(end=int(code), uptime_s=uptime_s())
    port.close()


main()
