# SPDX-License-Identifier: GPL-2.0-or-later
"""Exim's slots: the packet-path ceiling holds them, and a ban gives them back at once."""
import collections
import errno
import ipaddress
import socket
import statistics
import struct
import threading
import time

import pytest

import exim
import lab
from daemon import children, is_alive

SLOTS = 20
CEILING = 15
DUAL_STACK = 2525  # guarded in these tests: a listener on :: that takes IPv4 too
OTHER = 8080       # never guarded

CONCURRENT_ONLY = {"smtp": {"new": "off", "ceiling": CEILING}}


@pytest.fixture(scope="module")
def small(net):
    """A mail host with few slots, and two ports that are not Exim's."""
    net.exim = exim.Exim(net.server, net.mkdir("exim"), slots=SLOTS)
    net.closers.append(net.exim.close)
    net.closers.append(lab.Load(net.server, "--listen", "::", DUAL_STACK, OTHER).close)
    return net


@pytest.fixture(autouse=True)
def free_slots(small):
    yield
    assert lab.eventually(lambda: served(small) == 0, 10), small.exim.log()


def connect(host, source, port=25, timeout=5.0):
    made = host.client.socket(socket.AF_INET6 if ":" in source else socket.AF_INET,
                              socket.SOCK_STREAM)
    made.settimeout(timeout)
    if ":" in source:
        made.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
    made.bind((source, 0))
    try:
        made.connect((lab.SERVER6 if ":" in source else lab.SERVER4, port))
    except OSError:
        made.close()
        raise
    return made


def greeting(host, source):
    """What Exim says to a new client: "220" or "421"."""
    with connect(host, source) as client:
        return client.recv(1024).decode().split()[0].split("-")[0]


def refusal(host, source, port=25, timeout=1.0):
    """The error of a new connection and how long it took in seconds; (None, ..): accepted."""
    begun = time.monotonic()
    try:
        connect(host, source, port, timeout).close()
        error = None
    except socket.timeout:
        error = errno.ETIMEDOUT
    except OSError as e:
        error = e.errno
    return error, time.monotonic() - begun


class Sampler:
    """Connections per peer on a port of the server, read from the kernel again and again."""

    ESTABLISHED, NLMSG_DONE, NETLINK_SOCK_DIAG = 1, 3, 4

    def __init__(self, host, port):
        self.port, self.samples, self.most = port, 0, collections.Counter()
        self.socket = host.server.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                         self.NETLINK_SOCK_DIAG)
        self.ending = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def sample(self, family):
        request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 1 << self.ESTABLISHED)
        request += bytes(48)
        self.socket.send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 1, 0) + request)
        peers = collections.Counter()
        while True:
            data = self.socket.recv(65536)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind <= self.NLMSG_DONE:
                    return peers
                if struct.unpack_from("!H", data, 20)[0] == self.port:
                    raw = data[40:44] if family == socket.AF_INET else data[40:56]
                    peers[str(ipaddress.ip_address(raw))] += 1
                data = data[(length + 3) & ~3:]

    def run(self):
        while not self.ending:
            for family in (socket.AF_INET, socket.AF_INET6):
                for peer, n in self.sample(family).items():
                    self.most[peer] = max(self.most[peer], n)
            self.samples += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending = True
        self.thread.join()
        self.socket.close()


def served(host):
    """Connections that Exim serves: its children, without those that only wait to be collected,
    which Exim sometimes puts off until the next connection."""
    return sum(is_alive(pid) for pid in children(host.exim.process.pid))


def slots_free_ms(host, banned_ns, others=0):
    """From the ban until Exim had no more children than those of others. Watched for longer than
    that: a connection in Exim's backlog gets its child late."""
    free_ns = None
    while lab.monotonic_ns() < banned_ns + 500e6:
        if served(host) > others:
            free_ns = None
        elif free_ns is None:
            free_ns = lab.monotonic_ns()
        time.sleep(0.001)
    assert free_ns, host.exim.log()
    return (free_ns - banned_ns) / 1e6


class BanTime:
    """When the source's element was added: read in a thread, so that nothing delays the clock."""

    def __init__(self, host, source):
        self.monitor, self.source, self.at_ns = lab.ElementMonitor(host), source, None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with self.monitor.socket:
            self.at_ns = self.monitor.wait(self.source)

    def ns(self):
        self.thread.join()
        assert self.at_ns, f"{self.source} is not banned"
        return self.at_ns


def wait_ended(group, number):
    assert group.reaches("ended", number, 5), group.count()


def wait_banned(host, source):
    element = lab.eventually(lambda: host.banned(source))
    assert element, f"{source} is not banned"
    return element


# --- Exim's slots ---

def test_without_the_daemon_a_flooder_takes_all_slots(small, load):
    """What the tests below change."""
    held = load.open(small.sources(), SLOTS)
    assert lab.eventually(lambda: served(small) == SLOTS)
    assert greeting(small, small.sources()) == "421"
    held.close()
    assert lab.eventually(lambda: served(small) == 0)
    assert lab.eventually(lambda: greeting(small, small.sources()) == "220")


def test_thousand_connections_at_once(small, guard, load):
    daemon = guard(services=CONCURRENT_ONLY)
    source, other = small.sources(), small.sources()
    bystander = connect(small, other)
    assert bystander.recv(1024).startswith(b"220")
    ban = BanTime(small, source)
    with Sampler(small, 25) as sampler:
        groups = [load.open(source, 250, wait=False) for _ in range(4)]
        freed_ms = slots_free_ms(small, ban.ns(), others=1)
        assert greeting(small, small.sources()) == "220"
        time.sleep(1)
    print(f"{sampler.samples} samples, at most {sampler.most[source]} connections, "
          f"slots free {freed_ms:.1f} ms after the ban, closer {daemon.status()['closer']}")
    assert sampler.samples > 50
    assert 0 < sampler.most[source] <= CEILING
    assert freed_ms < 100
    assert small.established()[source] == 0
    assert sum(g.count()["established"] for g in groups) == 0

    # nobody else's connection was touched
    bystander.sendall(b"NOOP\r\n")
    assert bystander.recv(1024).startswith(b"250")
    bystander.close()
    assert daemon.status()["closer"]["failures"] == 0


def test_ceiling_while_names_are_not_known(small, guard, load):
    """The decision waits for a DNS server that is silent, and a name may still speak for the
    source: until then the kernel alone keeps slots free for others."""
    daemon = guard(services=CONCURRENT_ONLY, resolver={"deadline": "3s"})
    source = small.sources()
    small.dns.set_silent(True)
    try:
        with Sampler(small, 25) as sampler:
            groups = [load.open(source, 250, wait=False) for _ in range(4)]
            assert lab.eventually(lambda: sum(g.count()["refused"] for g in groups) > 500)
            assert greeting(small, small.sources()) == "220"
            assert daemon.bans() == {}
            time.sleep(0.5)
    finally:
        small.dns.set_silent(False)
    assert sampler.samples > 50
    assert sampler.most[source] == CEILING


def test_ceiling_by_default_is_twice_the_limit(small, guard):
    guard(services={"smtp": {"concurrent": 6}, "submission": {"ceiling": 0}})
    rules = small.server.run("nft", "list", "chain", "inet", "smtpguard", "guarded")
    assert rules.count("ct count over 12 ") == rules.count("ct count") == 2, rules


def test_slots_are_free_at_once(small, guard, load):
    """Time from the element in the kernel's set to the end of the last child, again and again."""
    daemon = guard(services=CONCURRENT_ONLY)
    times = []
    for _ in range(5):
        source = small.sources()
        held = load.open(source, 10)
        assert lab.eventually(lambda: served(small) == 10)
        ban = BanTime(small, source)
        load.open(source, 1, wait=False)
        times.append(slots_free_ms(small, ban.ns()))
        wait_ended(held, 10)
    print("slots free after " + " ".join(f"{t:.1f}" for t in times) + " ms")
    assert statistics.median(times) < 100
    closer = daemon.status()["closer"]
    assert closer["supported"] and closer["sockets_closed"] >= 50, closer


def test_counts_follow(small, guard, load):
    """The closed connections leave the tables, and conntrack holds none of them."""
    daemon = guard(services=CONCURRENT_ONLY)
    source = small.sources()
    load.open(source, 11, wait=False)
    wait_banned(small, source)
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("concurrent", 0) == 0, 2)
    assert lab.eventually(lambda: small.tracked()[source] == 0, 2)


# --- close_connections = false ---

def test_connections_are_left_when_told_so(small, guard, load):
    daemon = guard(services=CONCURRENT_ONLY, bans={"close_connections": False})
    source = small.sources()
    held = load.open(source, 11)
    wait_banned(small, source)
    time.sleep(0.5)
    assert held.count()["established"] == 11
    assert small.established()[source] == 11
    assert served(small) == 11
    assert daemon.status()["closer"]["sockets_closed"] == 0


# --- peers of every kind ---

def test_peers_of_a_dual_stack_listener(small, guard, load):
    """A listener on :: holds IPv4 peers as ::ffff:a.b.c.d."""
    daemon = guard(services={"smtp": {"new": "off", "ports": [25, DUAL_STACK]}})
    source, other = small.sources(), small.sources()
    stays = load.open(other, 3, port=DUAL_STACK)
    held = load.open(source, 11, port=DUAL_STACK)
    wait_banned(small, source)
    wait_ended(held, 11)
    assert small.established(DUAL_STACK) == {other: 3}
    assert stays.count()["established"] == 3
    assert daemon.status()["closer"]["sockets_closed"] == 11


def test_ipv6_prefix(small, guard, load):
    """The ban is of a /64, and so is the closing; on Exim's IPv6 sockets and on others."""
    daemon = guard(services={"smtp": {"new": "off", "ports": [25, DUAL_STACK]}})
    prefix, other = small.network6(), small.network6()
    stays = load.open(f"{other}:1", 3)
    held = [load.open(f"{prefix}:{i + 1:x}") for i in range(5)]
    held += [load.open(f"{prefix}{i + 1:x}:0:0:1", port=DUAL_STACK) for i in range(5)]
    held.append(load.open(f"{prefix}abcd:1:2:3"))
    wait_banned(small, f"{prefix}:")
    for group in held:
        wait_ended(group, 1)
    assert lab.eventually(lambda: served(small) == 3)
    assert stays.count()["established"] == 3
    assert daemon.status()["closer"]["sockets_closed"] == 11


def test_half_open_connections_go_too(small, guard):
    """They have no process; what is left is conntrack's entry, which no reset closes."""
    daemon = guard(services=CONCURRENT_ONLY)
    source = "10.77.131.1"  # owned by nobody
    small.send_syns(source, 5)
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("half_open") == 5)
    assert daemon.ask(f"ban {source}")["ok"]
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("half_open", 0) == 0, 2)
    assert small.server.run("ss", "-Htn", "state", "syn-recv") == ""
    closer = daemon.status()["closer"]
    assert (closer["sockets_closed"], closer["entries_deleted"]) == (5, 5), closer


# --- scope and action ---

def test_scope_services(small, guard, load):
    """By default other ports are left alone."""
    guard(services=CONCURRENT_ONLY)
    source = small.sources()
    web = load.open(source, 3, port=OTHER)
    held = load.open(source, 11, wait=False)
    wait_banned(small, source)
    wait_ended(held, 10)
    assert web.count()["established"] == 3
    assert refusal(small, source, OTHER)[0] is None
    assert refusal(small, source)[0] == errno.ETIMEDOUT


def test_scope_host(small, guard, load):
    """Banned on every port; a connection that the host itself opened is not closed."""
    guard(services=CONCURRENT_ONLY, bans={"scope": "host"})
    source, other = small.sources(), small.sources()
    listener = lab.Load(small.client, "--listen", source, 9999)
    outgoing = small.server.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        outgoing.connect((source, 9999))
        web, stays = load.open(source, 3, port=OTHER), load.open(other, 3, port=OTHER)
        held = load.open(source, 11, wait=False)
        wait_banned(small, source)
        wait_ended(held, 10)
        wait_ended(web, 3)
        assert stays.count()["established"] == 3
        assert refusal(small, source, OTHER)[0] == errno.ETIMEDOUT
        assert refusal(small, other, OTHER)[0] is None
        assert outgoing.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        assert outgoing.getpeername() == (source, 9999)
    finally:
        outgoing.close()
        listener.close()


@pytest.mark.parametrize("scope, ports", [("services", [25]), ("host", [25, OTHER])])
def test_action_reject(small, guard, load, scope, ports):
    """Refused at once; by default a client waits for its timeout."""
    guard(services=CONCURRENT_ONLY, bans={"action": "reject", "scope": scope})
    source = small.sources()
    held = load.open(source, 11, wait=False)
    wait_banned(small, source)
    wait_ended(held, 10)
    for port in (25, OTHER):
        error, seconds = refusal(small, source, port)
        if port in ports:
            assert error == errno.ECONNREFUSED and seconds < 0.5, (port, error, seconds)
        else:
            assert error is None, (port, error)
