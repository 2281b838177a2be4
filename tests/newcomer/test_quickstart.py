# SPDX-License-Identifier: GPL-2.0-or-later
"""packaging/quickstart as a newcomer meets it: it shows the ban, and leaves nothing behind."""
import glob
import os
import signal
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QUICKSTART = os.path.join(ROOT, "packaging", "quickstart")


@pytest.fixture
def start():
    """Starts it in a session of its own; a clone that is built already needs no rebuild here."""
    started = []

    def run(*arguments, inside=None):
        command = ["ip", "netns", "exec", inside] if inside else []
        process = subprocess.Popen([*command, QUICKSTART, *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, universal_newlines=True,
                                   start_new_session=True)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=30)


def namespaces(process):
    listed = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, universal_newlines=True, check=True)
    return [line for line in listed.stdout.splitlines() if "quickstart-{}-".format(process.pid) in line]


def members(process):
    """Processes of its session that are still there."""
    listed = subprocess.run(["ps", "-o", "pid=,stat=,args=", "--sid", str(process.pid)],
                            stdout=subprocess.PIPE, universal_newlines=True)
    return [line for line in listed.stdout.splitlines() if line.split()[1][0] != "Z"]


def assert_nothing_left(process):
    assert namespaces(process) == []
    assert members(process) == []
    assert glob.glob("/tmp/smtpguard-quickstart.{}.*".format(process.pid)) == []


def test_shows_the_ban(start):
    begun = time.monotonic()
    process = start()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "421 Too many concurrent SMTP connections" in output
    assert "concurrent; no PTR" in output
    assert "of them ended by the mail host" in output
    assert "Exim had every slot free again" in output
    assert "  NO  " not in output
    assert "packaging/quickstart --host" in output
    assert [line for line in output.splitlines() if len(line) > 80] == []
    assert time.monotonic() - begun < 60
    assert_nothing_left(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["2. The lab", "4. Act two"])
def test_interrupted_it_cleans_up(start, number, moment):
    process = start()
    for line in process.stdout:
        if line.startswith(moment):
            break
    time.sleep(0.7)
    # as a terminal does it: Ctrl-C reaches every process of the group
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + number, output
    assert_nothing_left(process)


def test_host_observes_and_leaves_no_table(start):
    """In a network namespace, so that "this very host" is not the one that runs the test."""
    name = "smtpguard-newcomer-{}".format(os.getpid())

    def table():
        return subprocess.run(["ip", "netns", "exec", name, "nft", "list", "table", "inet", "smtpguard"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    had_ledger = os.path.exists("/var/lib/smtpguard")
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        process = start("--host", inside=name)
        output = ""
        for line in process.stdout:
            output += line
            if "Ctrl-C ends it" in line:
                break
        assert not os.path.exists("/var/lib/smtpguard") or had_ledger, output
        listed = table()
        assert listed.returncode == 0 and "banned4" in listed.stdout, output + listed.stderr
        assert "drop" not in listed.stdout
        command = [line.split() for line in output.splitlines() if line.strip().endswith(" status")][0]
        assert subprocess.run(command, stdout=subprocess.PIPE).returncode == 0
        os.killpg(process.pid, signal.SIGINT)
        output += process.communicate(timeout=30)[0]
        assert process.returncode == 0, output
        assert table().returncode != 0
        assert_nothing_left(process)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_help_and_bad_usage():
    def ask(*arguments):
        return subprocess.run([QUICKSTART, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    assert b"--host" in ask("--help").stdout
    assert ask("--nonsense").returncode == 2
    assert ask("--host", "more").returncode == 2
