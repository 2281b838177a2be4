# SPDX-License-Identifier: GPL-2.0-or-later
"""Start and end: readiness, what is found, what is left alone, what is executed."""
import os
import re
import signal
import subprocess

import lab
from daemon import is_alive

FOREIGN = """table inet foreign {
    set trusted {
        type ipv4_addr
        elements = { 198.51.100.7 }
    }
    chain input {
        type filter hook input priority 0;
        ct state new counter name "seen"
        ip saddr @trusted accept
    }
    counter seen { }
}
"""


def test_ready_means_ready(host, guard):
    """READY=1 comes when the table is loaded and the socket answers."""
    daemon = guard()
    assert host.elements("banned4") == {} and host.elements("banned6") == {}
    status = daemon.status()
    assert status["ok"] and status["schema"] == 1 and status["mode"] == "enforce"
    assert status["kernel"]["ruleset"] == "loaded" and status["resolver"]["running"]
    assert status["events"]["last_sync_age_s"] is not None
    assert not daemon.sources()


def test_connections_from_before_the_start_count(host, guard, load):
    source = host.sources()
    host.server.nft(FOREIGN)  # a rule with `ct` makes the kernel track them
    try:
        load.open(source, 9)
        assert host.tracked()[source] == 9
        daemon = guard()
        entry = daemon.source(source)
        assert (entry["concurrent"], entry["new"]) == (9, 0)
        load.open(source, 1)
        assert not lab.eventually(lambda: host.banned(source), 0.5)
        load.open(source, 1)
        element = lab.eventually(lambda: host.banned(source))
        assert element and element["comment"] == "smtp 11>10 concurrent; no PTR"
    finally:
        host.server.nft("delete table inet foreign")


def test_over_the_limit_at_start(host, guard, load):
    source = host.sources()
    host.server.nft(FOREIGN)
    try:
        load.open(source, 12)
        guard()
        element = lab.eventually(lambda: host.banned(source))
        assert element and element["comment"] == "smtp 12>10 concurrent; no PTR"
    finally:
        host.server.nft("delete table inet foreign")


def test_other_tables_are_left_alone(host, guard, load):
    def listing():
        # counters move by themselves
        return re.sub(r"packets \d+ bytes \d+", "",
                      host.server.run("nft", "list", "table", "inet", "foreign"))

    host.server.nft(FOREIGN)
    try:
        before = listing()
        daemon = guard()
        source = host.sources()
        load.open(source, 11)
        assert lab.eventually(lambda: host.banned(source))
        assert daemon.stop() == 0
        assert listing() == before
        tables = host.server.run("nft", "list", "tables").split("\n")
        assert sorted(filter(None, tables)) == ["table inet foreign", "table inet smtpguard"]
    finally:
        host.server.nft("delete table inet foreign")


def test_table_is_one_that_nft_reads_again(host, guard, load):
    """Hosting panels save the whole ruleset with `nft list` and load it with `nft -f`."""
    guard()
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    saved = host.server.run("nft", "list", "table", "inet", "smtpguard")
    assert "no PTR" in saved
    host.server.run("nft", "-c", "-f", "-", text=saved)


def test_table_exists_only_once_after_restarts(host, guard):
    listings = []
    for _ in range(3):
        daemon = guard()
        listings.append(host.server.run("nft", "-s", "list", "table", "inet", "smtpguard"))
        assert daemon.stop() == 0
    assert listings[0] == listings[1] == listings[2]


def test_nothing_but_the_worker_is_executed(host, guard, load):
    """From its start through a ban, an unban and the end."""
    trace = os.path.join(host.mkdir("strace"), "trace")
    # a sanitized build cannot look for leaks while it is traced
    daemon = guard(wrapper=["strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o", trace],
                   environment={"ASAN_OPTIONS": "detect_leaks=0"})
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source), 10)
    assert daemon.ask(f"unban {source}")["ok"]
    assert lab.eventually(lambda: host.elements("banned4") == {})
    assert daemon.stop() == 0
    with open(trace) as lines:
        # a call that another thread interrupts is told in two lines
        executed = [line for line in lines if "exec" in line and "resumed>" not in line]
    programs = [re.search(r'execve(?:at)?\((?:[^"]*, )?"([^"]*)"', line).group(1)
                for line in executed]
    print("".join(executed))
    assert [os.path.basename(p) for p in programs] == ["smtpguardd", "smtpguard-resolver"]


def test_privileges(host, guard):
    """Started as root: CAP_NET_ADMIN is all that is left, and the worker has nothing."""
    daemon = guard()

    def field(pid, name):
        with open(f"/proc/{pid}/status") as status:
            return re.search(rf"^{name}:\s*(\S+)", status.read(), re.M).group(1)

    net_admin = 1 << 12
    for name in ("CapEff", "CapPrm"):
        assert int(field(daemon.pid(), name), 16) == net_admin, name
    # the daemon does not wait for its worker, which locks itself in before it reads a question
    assert lab.eventually(lambda: field(daemon.worker(), "Seccomp") == "2")
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        assert int(field(daemon.worker(), name), 16) == 0, name
    assert field(daemon.worker(), "NoNewPrivs") == "1"
    assert field(daemon.worker(), "Seccomp") == "2"


def test_second_daemon_on_the_same_socket(host, guard):
    daemon = guard()
    second = host.server.command(lab.program("src/smtpguardd"), "-c", daemon.config_path)
    done = subprocess.run(second, env=daemon.environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=10)
    assert done.returncode == 1 and "smtpguard.sock" in done.stdout, done.stdout
    assert daemon.status()["ok"]


def test_clean_end(host, guard):
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon = guard()
        worker = daemon.worker()
        os.kill(daemon.pid(), number)
        assert daemon.process.wait(5) == 0
        assert not os.path.exists(daemon.socket_path)
        assert lab.eventually(lambda: not is_alive(worker)), "the worker stays"


def test_worker_ends_with_a_killed_daemon(host, guard):
    daemon = guard()
    worker = daemon.worker()
    daemon.kill()
    assert lab.eventually(lambda: not is_alive(worker))
