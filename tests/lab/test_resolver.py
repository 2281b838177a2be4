# SPDX-License-Identifier: GPL-2.0-or-later
"""The real smtpguard-resolver against a real unbound, in a network namespace of its own."""
import ipaddress
import os
import pathlib
import select
import socket
import struct
import subprocess
import time

import pytest

import dns

BUILD = pathlib.Path(os.environ.get("SMTPGUARD_BUILD",
                                    pathlib.Path(__file__).resolve().parents[2] / "build"))
WORKER = BUILD / "src" / "smtpguard-resolver"
VERIFIED, MISMATCH, NONE, FAILED = range(4)
NAMES_MAX, NAME_BYTES = 4, 256
ADDRESSES_AT = 56 + NAMES_MAX * NAME_BYTES
ADDRESSES_MAX = 4
ANSWER_BYTES = ADDRESSES_AT + ADDRESSES_MAX * 16
DEADLINE = 1.0
SLACK = 0.3

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture(name="netns", scope="module")
def _netns():
    name = f"sgres{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture(name="zones", scope="module")
def _zones():
    zones = dns.Zones()
    zones.verified("192.0.2.1", "mail.good.example", ttl=120)
    zones.verified("2001:db8::1", "mail6.good.example")
    zones.mismatch("192.0.2.2", "forged.example", "198.51.100.9")
    zones.mismatch("2001:db8::2", "forged6.example", "2001:db8:9::9")
    zones.ptr("192.0.2.3", "nowhere.example")
    # the name has an address, but none of the family asked about
    zones.ptr("192.0.2.4", "other-family.example").host("other-family.example", "2001:db8::4")
    zones.last_of_several("192.0.2.5", ["a.multi.example", "b.multi.example", "c.multi.example"])
    zones.delegated("192.0.2.6", "customer.example", "0/25.2.0.192.in-addr.arpa")
    zones.alias("192.0.2.7", "alias.example", "target.example")
    zones.control_characters("192.0.2.8")
    zones.no_data("192.0.2.9")
    zones.servfail("192.0.2.10").refused("192.0.2.11").silent("192.0.2.12").silent("2001:db8::12")
    zones.ptr("192.0.2.13", "x.broken.example").servfail("broken.example")
    zones.ptr("192.0.2.14", "x.broken.example").host("good14.example", "192.0.2.14")
    zones.ptr("192.0.2.14", "good14.example")
    zones.ptr("192.0.2.15", "x.quiet.example").silent("quiet.example")
    zones.big("192.0.2.16", "big.example", [f"198.51.100.{n}" for n in range(1, 60)])
    for n in range(30):
        zones.ptr("192.0.2.17", f"host-{n}.a-long-name-for-many-records.example")
    zones.ptr("192.0.2.18", "MiXed.Case.Example").host("mixed.case.example", "192.0.2.18")
    zones.record(dns.reverse("192.0.2.19"), "CNAME", "dangling.example.")
    zones.record(dns.reverse("192.0.2.20"), "CNAME", "loop-a.example.")
    zones.record("loop-a.example", "CNAME", "loop-b.example.")
    zones.record("loop-b.example", "CNAME", "loop-a.example.")
    for n in range(1, 251):
        zones.verified(f"203.0.113.{n}", f"v4-{n}.crowd.example")
        zones.verified(f"2001:db8:1::{n:x}", f"v6-{n}.crowd.example")
    return zones


@pytest.fixture(name="server", scope="module")
def _server(netns, zones, tmp_path_factory):
    server = dns.start(netns, tmp_path_factory.mktemp("dns"), ["127.0.0.1", "::1"], zones)
    yield server
    server.stop()


def address_text(raw):
    address = ipaddress.IPv6Address(raw)
    return str(address.ipv4_mapped or address)


class Answer:
    def __init__(self, packet):
        assert len(packet) == ANSWER_BYTES
        kind, self.result, healthy, n_names, n_addresses = packet[:5]
        assert kind == 2 and n_names <= NAMES_MAX and n_addresses <= ADDRESSES_MAX
        self.address = address_text(packet[16:32])
        self.addresses = [address_text(packet[ADDRESSES_AT + i * 16:][:16])
                          for i in range(n_addresses)]
        self.healthy = bool(healthy)
        self.ttl = struct.unpack("=Q", packet[32:40])[0] / 1e6
        names = [packet[56 + i * NAME_BYTES:][:NAME_BYTES] for i in range(n_names)]
        self.names = [name.rstrip(b"\0").decode("ascii") for name in names]


def question(address):
    ip = ipaddress.ip_address(address)
    raw = ip.packed if ip.version == 6 else b"\0" * 10 + b"\xff\xff" + ip.packed
    return b"\1" + b"\0" * 15 + raw


class Worker:
    def __init__(self, netns, servers="127.0.0.1", deadline=DEADLINE, max_in_flight=512):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [str(WORKER), "--deadline-ms", str(int(deadline * 1000)), "--tries", "2",
                   "--max-in-flight", str(max_in_flight), "--servers", servers]
        self.process = spawn(["ip", "netns", "exec", netns, *command], theirs)
        theirs.close()

    def ask(self, address):
        self.socket.send(question(address))

    def answer(self, timeout=2 * DEADLINE + SLACK):
        self.socket.settimeout(timeout)
        return Answer(self.socket.recv(ANSWER_BYTES + 1))

    def look_up(self, address):
        self.ask(address)
        answer = self.answer()
        assert answer.address == address
        return answer

    def close(self):
        self.socket.close()
        return self.process.wait(timeout=5)


def spawn(command, fd3):
    # pass_fds wants the number to be open here as well
    null = os.open("/dev/null", os.O_RDONLY)
    try:
        os.fstat(3)
    except OSError:
        os.dup2(null, 3)
    os.close(null)
    return subprocess.Popen(command, pass_fds=[3], stdin=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, preexec_fn=lambda: os.dup2(fd3.fileno(), 3))


@pytest.fixture(name="worker")
def _worker(netns, server):
    worker = Worker(netns)
    yield worker
    assert worker.close() == 0


@pytest.mark.parametrize("address, result, names, ttl", [
    ("192.0.2.1", VERIFIED, ["mail.good.example"], 120),
    ("2001:db8::1", VERIFIED, ["mail6.good.example"], dns.TTL),
    ("192.0.2.2", MISMATCH, ["forged.example"], dns.TTL),
    ("2001:db8::2", MISMATCH, ["forged6.example"], dns.TTL),
    ("192.0.2.3", MISMATCH, ["nowhere.example"], dns.NEGATIVE_TTL),
    ("192.0.2.4", MISMATCH, ["other-family.example"], dns.NEGATIVE_TTL),
    ("192.0.2.6", VERIFIED, ["customer.example"], dns.TTL),
    ("192.0.2.7", VERIFIED, ["alias.example"], dns.TTL),
    ("192.0.2.8", MISMATCH, [], dns.TTL),
    ("192.0.2.9", NONE, [], dns.NEGATIVE_TTL),
    ("192.0.2.18", VERIFIED, ["mixed.case.example"], dns.TTL),
    ("192.0.2.19", NONE, [], dns.NEGATIVE_TTL),
    ("192.0.2.250", NONE, [], dns.NEGATIVE_TTL),
    ("2001:db8::250", NONE, [], dns.NEGATIVE_TTL),
])
def test_answer(worker, address, result, names, ttl):
    answer = worker.look_up(address)
    assert (answer.result, answer.names) == (result, names)
    assert ttl - 30 <= answer.ttl <= ttl
    assert not answer.healthy


def test_several_names_the_verified_one_first(worker):
    answer = worker.look_up("192.0.2.5")
    assert answer.result == VERIFIED
    assert answer.names[0] == "c.multi.example"
    assert sorted(answer.names) == ["a.multi.example", "b.multi.example", "c.multi.example"]


def test_one_broken_name_does_not_hide_a_good_one(worker):
    answer = worker.look_up("192.0.2.14")
    assert (answer.result, answer.names[0]) == (VERIFIED, "good14.example")


def test_more_names_than_are_tested(worker):
    answer = worker.look_up("192.0.2.17")
    assert (answer.result, len(answer.names)) == (MISMATCH, NAMES_MAX)


def test_truncated_answer_is_asked_for_again_over_tcp(worker):
    answer = worker.look_up("192.0.2.16")
    assert (answer.result, answer.names) == (VERIFIED, ["big.example"])
    # more addresses than are told: the one that counts is among them
    assert answer.addresses[0] == "192.0.2.16" and len(set(answer.addresses)) == ADDRESSES_MAX


@pytest.mark.parametrize("address, addresses", [
    ("192.0.2.1", ["192.0.2.1"]), ("2001:db8::1", ["2001:db8::1"]),
    ("192.0.2.2", ["198.51.100.9"]), ("2001:db8::2", ["2001:db8:9::9"]),
    ("192.0.2.3", []), ("192.0.2.4", []), ("192.0.2.9", []), ("192.0.2.10", []),
])
def test_addresses_of_names(worker, address, addresses):
    assert worker.look_up(address).addresses == addresses


@pytest.mark.parametrize("address, names", [
    ("192.0.2.10", []), ("192.0.2.11", []), ("192.0.2.13", ["x.broken.example"]),
    ("192.0.2.20", []),
])
def test_failure_of_a_zone(worker, address, names):
    start = time.monotonic()
    answer = worker.look_up(address)
    assert time.monotonic() - start < DEADLINE / 2
    assert (answer.result, answer.healthy, answer.names, answer.ttl) == (FAILED, True, names, 0)


@pytest.mark.parametrize("address", ["192.0.2.12", "2001:db8::12", "192.0.2.15"])
def test_silence_of_a_zone(worker, address):
    start = time.monotonic()
    answer = worker.look_up(address)
    assert (answer.result, answer.healthy) == (FAILED, True)
    assert DEADLINE - 0.01 <= time.monotonic() - start <= 2 * DEADLINE + SLACK


def test_silence_of_the_server(worker, server):
    server.set_silent(True)
    try:
        start = time.monotonic()
        for address in ("192.0.2.1", "2001:db8::1", "192.0.2.250"):
            worker.ask(address)
        answers = [worker.answer() for _ in range(3)]
        took = time.monotonic() - start
    finally:
        server.set_silent(False)
    assert {(a.result, a.healthy) for a in answers} == {(FAILED, False)}
    assert took <= 2 * DEADLINE + SLACK
    # late answers to questions that were given up do no harm
    time.sleep(0.2)
    assert worker.look_up("192.0.2.1").result == VERIFIED


def test_dead_server_and_a_live_one(netns, server):
    worker = Worker(netns, servers="127.0.0.9:5353,127.0.0.1:53")
    assert worker.look_up("192.0.2.1").result == VERIFIED
    assert worker.close() == 0


def test_server_over_ipv6(netns, server):
    worker = Worker(netns, servers="[::1]:53")
    assert worker.look_up("192.0.2.1").result == VERIFIED
    assert worker.close() == 0


def test_no_server(netns):
    worker = Worker(netns, servers="127.0.0.9:5353")
    answer = worker.look_up("192.0.2.1")
    assert (answer.result, answer.healthy) == (FAILED, False)
    assert worker.close() == 0


def test_five_hundred_in_flight(worker):
    crowd = [f"203.0.113.{n}" for n in range(1, 251)]
    crowd += [f"2001:db8:1::{n:x}" for n in range(1, 251)]
    answers = {}
    waiting = crowd[:]
    while len(answers) < len(crowd):
        if waiting:
            try:
                worker.socket.settimeout(None)
                worker.socket.send(question(waiting[0]), socket.MSG_DONTWAIT)
                waiting.pop(0)
                continue
            except BlockingIOError:
                pass
        answer = worker.answer()
        answers[answer.address] = answer
    failed = {a.address: a.healthy for a in answers.values() if a.result != VERIFIED}
    assert not failed
    assert set(answers) == set(crowd)
    assert answers["2001:db8:1::a"].names == ["v6-10.crowd.example"]


def test_more_than_allowed_in_flight(netns, server):
    worker = Worker(netns, max_in_flight=2)
    quiet = ["192.0.2.12", "2001:db8::12"]
    for address in quiet + ["192.0.2.1"]:
        worker.ask(address)
    start = time.monotonic()
    answer = worker.answer()
    assert (answer.address, answer.result, answer.healthy) == ("192.0.2.1", FAILED, False)
    assert time.monotonic() - start < DEADLINE / 2
    assert {worker.answer().address for _ in quiet} == set(quiet)
    assert worker.look_up("192.0.2.1").result == VERIFIED
    assert worker.close() == 0


def test_an_address_in_flight_is_asked_once(worker):
    for _ in range(3):
        worker.ask("192.0.2.12")
    worker.answer()
    assert not select.select([worker.socket], [], [], 0.3)[0]


def test_the_canary_is_asked_once_for_all(netns, server):
    worker = Worker(netns)
    addresses = [f"192.0.2.{n}" for n in (10, 11, 13)]
    before = server.questions()
    for address in addresses:
        worker.ask(address)
    assert all(worker.answer().healthy for _ in addresses)
    # two tries of each of three PTR questions, two of the name behind one of them, one canary
    assert server.questions() - before <= 10
    assert worker.close() == 0


def test_locked_in(worker):
    assert worker.look_up("192.0.2.16").result == VERIFIED
    pid = worker.process.pid
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"
    for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    assert "Max core file size        0 " in limits
    assert "Max file size             0 " in limits


def test_no_inherited_descriptors(netns, server):
    with open("/etc/hostname", encoding="ascii") as file:
        os.set_inheritable(file.fileno(), True)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        null = os.open("/dev/null", os.O_RDONLY)
        process = subprocess.Popen(
            [WORKER, "--deadline-ms", "500", "--tries", "1", "--max-in-flight", "8",
             "--servers", "127.0.0.1"],
            close_fds=False, stdin=null, stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        os.close(null)
    theirs.close()
    ours.send(question("192.0.2.12"))
    ours.settimeout(3)
    ours.recv(ANSWER_BYTES)
    fds = {int(name) for name in os.listdir(f"/proc/{process.pid}/fd")}
    assert all(fd <= 3 or os.readlink(f"/proc/{process.pid}/fd/{fd}").startswith("socket:")
               for fd in fds)
    ours.close()
    assert process.wait(timeout=5) == 0


@pytest.mark.parametrize("packet", [
    b"x", b"\2" + b"\0" * 31, question("192.0.2.1") + b"\0", b"\1\1" + b"\0" * 30,
])
def test_garbage_ends_it(netns, server, packet):
    worker = Worker(netns)
    worker.socket.send(packet)
    assert worker.process.wait(timeout=5) == 1
    assert b"malformed" in worker.process.stderr.read()


def test_ends_with_the_daemon_even_when_busy(netns, server):
    worker = Worker(netns)
    worker.ask("192.0.2.12")
    assert worker.close() == 0


@pytest.mark.parametrize("arguments, status, text", [
    (["--help"], 0, b"smtpguardd"), (["--version"], 0, b"smtpguard-resolver "),
    ([], 2, b"usage:"), (["--tries", "0"], 2, b"--tries"), (["--nonsense"], 2, b"usage:"),
    (["--deadline-ms", "1000", "--tries", "2", "--max-in-flight", "1"], 1, b"descriptor 3"),
])
def test_by_hand(arguments, status, text):
    done = subprocess.run([WORKER, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=5, check=False)
    assert done.returncode == status
    assert text in done.stdout


def test_bad_servers(netns):
    worker = Worker(netns, servers="not-an-address")
    assert worker.process.wait(timeout=5) == 2


def test_resolv_conf_is_read_again(netns, server, tmp_path):
    """`ip netns exec` binds /etc/netns/NAME/resolv.conf over /etc/resolv.conf."""
    directory = pathlib.Path("/etc/netns") / netns
    made = [path for path in (directory.parent, directory) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    resolv_conf = directory / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.9\n")
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = spawn(["ip", "netns", "exec", netns, str(WORKER), "--deadline-ms", "300",
                         "--tries", "1", "--max-in-flight", "8"], theirs)
        theirs.close()
        ours.settimeout(3)
        ours.send(question("192.0.2.1"))
        assert Answer(ours.recv(2000)).result == FAILED
        # the same file: a new one would not show through the bind mount
        with open(resolv_conf, "r+", encoding="ascii") as file:
            file.write("nameserver 127.0.0.1\n")
        time.sleep(5.1)
        results = []
        for _ in range(2):
            ours.send(question("192.0.2.1"))
            results.append(Answer(ours.recv(2000)).result)
        assert results[-1] == VERIFIED
        ours.close()
        assert process.wait(timeout=5) == 0
    finally:
        resolv_conf.unlink()
        for path in reversed(made):
            path.rmdir()
