# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: a mail host and its clients as two network namespaces, and the kernel's view of them.

    server 10.77.0.1/16 fd77::1/48  <- veth ->  client 10.77.0.2/16 fd77::2/48
                                              owns 10.77.64.0/18 and fd77:1::/32, address by address
                                              and a crowd's 10.78.0.0/16
    10.77.128.0/18 is routed to the client and owned by nobody: nothing resets its connections
"""
import collections
import ctypes
import functools
import ipaddress
import itertools
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("SMTPGUARD_BUILD", os.path.join(ROOT, "build")))
# what the patience with daemon and kernel is multiplied with, for an emulated machine
SLOWNESS = float(os.environ.get("SMTPGUARD_LAB_SLOWNESS", "1"))
SERVER4, SERVER6 = "10.77.0.1", "fd77::1"
CLIENT4, CLIENT6 = "10.77.0.2", "fd77::2"
CROWD = "10.78.0.1"
SERVER_MAC, CLIENT_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
serial = itertools.count()


def program(path):
    full = os.path.join(BUILD, path)
    assert os.access(full, os.X_OK), f"{full} is not built"
    return full


def monotonic_ns():
    return int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e9)


def eventually(condition, timeout=5.0, interval=0.02):
    """The first true value of condition() within the time, else its last value."""
    end = time.monotonic() + timeout * SLOWNESS
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(interval * SLOWNESS)


def key_text(value):
    """The key of an element as nft's JSON has it: an address, a prefix or a range."""
    if not isinstance(value, dict):
        return value
    if "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    return "-".join(value["range"])


def run(argv, check=True, text=None, timeout=60):
    done = subprocess.run([str(a) for a in argv], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv} ended with {done.returncode}: {done.stderr}")
    return done.stdout


@functools.lru_cache(maxsize=None)
def native_queue():
    """Whether this kernel has nft's `queue`. SMTPGUARD_LAB_QUEUE=native|target says it instead."""
    said = os.environ.get("SMTPGUARD_LAB_QUEUE")
    if said:
        return said == "native"
    scratch = Namespace("scratch")
    try:
        scratch.nft("table inet scratch {\n chain one {\n queue num 0 bypass\n }\n }\n")
        return True
    except RuntimeError:
        return False
    finally:
        scratch.remove()


def queue_prefix():
    """What a daemon is to be started behind, for its gate to work here: see queue_target.c."""
    if native_queue():
        return []
    sanitizer = [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]
    return ["env", f"LD_PRELOAD={program('tests/queue_target.so')}",
            "ASAN_OPTIONS=" + ":".join(filter(None, sanitizer))]


class Namespace:
    def __init__(self, role):
        self.name = f"smtpguard-{role}-{os.getpid()}-{next(serial)}"
        run(["ip", "netns", "add", self.name])

    def remove(self):
        run(["ip", "netns", "del", self.name], check=False)

    def command(self, *argv):
        return ["ip", "netns", "exec", self.name] + [str(a) for a in argv]

    def run(self, *argv, **options):
        return run(self.command(*argv), **options)

    def popen(self, *argv, **options):
        """The process is the program itself: ip executes it in its own place."""
        return subprocess.Popen(self.command(*argv), **options)

    def ip(self, lines):
        run(["ip", "-n", self.name, "-batch", "-"], text=lines)

    def nft(self, text):
        self.run("nft", "-f", "-", text=text)

    def socket(self, *arguments):
        """A socket that lives in this namespace: only a helper thread enters it."""
        made = []

        def make():
            with open(f"/run/netns/{self.name}") as handle:
                if libc.setns(handle.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.socket(*arguments))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, f"cannot make a socket in {self.name}"
        return made[0]


class Lab:
    def __init__(self):
        # not pytest's directory: that one is closed to Exim's user
        self.directory = tempfile.mkdtemp(prefix="smtpguard-lab-")
        os.chmod(self.directory, 0o755)
        self.closers = []
        try:
            self.set_up()
        except Exception:
            self.close()
            raise
        self.fresh4 = int(ipaddress.ip_address("10.77.64.1"))
        self.fresh6 = 1

    def set_up(self):
        self.server = Namespace("server")
        self.closers.append(self.server.remove)
        self.client = Namespace("client")
        self.closers.append(self.client.remove)
        for namespace in (self.server, self.client):
            namespace.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0",
                          "net.core.somaxconn=65535", "net.ipv4.tcp_max_syn_backlog=65535",
                          "net.ipv4.ip_local_port_range=10000 65000")
        link = f"sg{os.getpid()}-{next(serial)}"[:15]
        run(["ip", "link", "add", link, "address", SERVER_MAC, "netns", self.server.name,
             "type", "veth",
             "peer", "name", link, "address", CLIENT_MAC, "netns", self.client.name])
        ends = (SERVER4, SERVER6, SERVER_MAC), (CLIENT4, CLIENT6, CLIENT_MAC)
        for namespace, own, peer in ((self.server, *ends), (self.client, *reversed(ends))):
            # fixed neighbours: no connection's time holds the peer's discovery
            namespace.ip(f"link set lo up\naddr add {own[0]}/16 dev {link}\n"
                         f"addr add {own[1]}/48 dev {link} nodad\nlink set {link} up\n"
                         f"neigh replace {peer[0]} lladdr {peer[2]} dev {link} nud permanent\n"
                         f"neigh replace {peer[1]} lladdr {peer[2]} dev {link} nud permanent\n")
        self.client.ip("route add local 10.77.64.0/18 dev lo\n"
                       "route add local 10.78.0.0/16 dev lo\n"
                       "route add local fd77:1::/32 dev lo\n")
        self.server.ip(f"route add 10.77.64.0/18 via {CLIENT4}\n"
                       f"route add 10.78.0.0/16 via {CLIENT4}\n"
                       f"route add 10.77.128.0/18 via {CLIENT4}\n"
                       f"route add fd77:1::/32 via {CLIENT6}\n")

    def close(self):
        while self.closers:
            self.closers.pop()()
        shutil.rmtree(self.directory, ignore_errors=True)

    def mkdir(self, name):
        path = os.path.join(self.directory, f"{name}-{next(serial)}")
        os.mkdir(path, 0o755)
        return path

    def sources(self, n=1):
        """The first of n client addresses in a row, at a multiple of n, that no test used."""
        first = self.fresh4 = -(-self.fresh4 // n) * n
        self.fresh4 += n
        assert self.fresh4 < int(ipaddress.ip_address("10.77.128.0"))
        return str(ipaddress.ip_address(first))

    def network6(self):
        """The prefix of an unused /64 of the client's, to be completed: fd77:1:0:7:"""
        self.fresh6 += 1
        return f"fd77:1:0:{self.fresh6:x}:"

    def forget_connections(self):
        self.server.run("conntrack", "-F", check=False)

    # --- the kernel's view ---

    def elements(self, name):
        """The elements of a set of ours as {address: attributes}; None without the set."""
        text = self.server.run("nft", "-j", "list", "set", "inet", "smtpguard", name, check=False)
        if not text:
            return None
        found = {}
        for item in json.loads(text)["nftables"]:
            for element in item.get("set", {}).get("elem", []):
                attributes = element["elem"] if "elem" in element else {"val": element}
                found[key_text(attributes["val"])] = attributes
        return found

    def trust(self, load, source):
        """More than half of the limit, from a source with a verified name: then it passes the
        ceiling."""
        load.open(source, 6)
        key = str(ipaddress.ip_network(source + "/64", False)[0]) if ":" in source else source
        name = "trusted6" if ":" in source else "trusted4"
        assert eventually(lambda: key in self.elements(name)), self.elements(name)

    def banned(self, source):
        name = "banned6" if ":" in source else "banned4"
        return (self.elements(name) or {}).get(source)

    def established(self, port=25):
        """Connections per peer as `ss` has them."""
        peers = collections.Counter()
        for line in self.server.run("ss", "-Htn", "state", "established",
                                    f"sport = :{port}").splitlines():
            peer = line.split()[3].rsplit(":", 1)[0].strip("[]")
            peers[peer[7:] if peer.startswith("::ffff:") else peer] += 1
        return peers

    def tracked(self, port=25):
        """Connections per source as `conntrack -L` has them."""
        sources = collections.Counter()
        for line in self.server.run("conntrack", "-L", "-p", "tcp", "--state", "ESTABLISHED",
                                    "--orig-port-dst", port).splitlines():
            sources[line.split("src=", 1)[1].split()[0]] += 1
        return sources

    # --- traffic that no program of the client's opens ---

    def send_syns(self, source, count, port=25):
        """SYNs without a handshake, each from a port of its own."""
        raw = self.client.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with raw:
            for i in range(count):
                raw.sendto(syn_packet(source, SERVER4, 20000 + i, port), (SERVER4, 0))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn_packet(source, target, source_port, port):
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    fields = [source_port, port, 1000, 0, 5 << 4, 2, 64240, 0, 0]
    layout = "!HHIIBBHHH"
    fields[7] = checksum(addresses + struct.pack("!HH", socket.IPPROTO_TCP, 20)
                         + struct.pack(layout, *fields))
    return (struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses
            + struct.pack(layout, *fields))


class ElementMonitor:
    """When the kernel put an element into a set: NFT_MSG_NEWSETELEM, sent with the commit."""

    NETLINK_NETFILTER, NFNLGRP_NFTABLES = 12, 7
    NEWSETELEM = 10 << 8 | 12

    def __init__(self, lab):
        self.socket = lab.server.socket(socket.AF_NETLINK, socket.SOCK_RAW, self.NETLINK_NETFILTER)
        self.socket.bind((0, 1 << (self.NFNLGRP_NFTABLES - 1)))

    def wait(self, address, timeout=5.0):
        """CLOCK_MONOTONIC ns of the next addition of the address, or None."""
        key = ipaddress.ip_address(address).packed
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            try:
                data = self.socket.recv(1 << 17)
            except socket.timeout:
                break
            now = monotonic_ns()
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind == self.NEWSETELEM and key in data[20:length]:
                    return now
                data = data[max(16, (length + 3) & ~3):]
        return None

    def close(self):
        self.socket.close()


class Load:
    """smtpload in a namespace; without arguments it opens connections, see its head."""

    def __init__(self, namespace, *arguments):
        self.process = namespace.popen(program("tests/smtpload"), *arguments,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       universal_newlines=True, bufsize=1)
        if arguments:
            assert self.process.stdout.readline() == "listening\n"

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        assert answer and answer[0] in ("ok", "timeout"), f"smtpload {words}: {answer}"
        return answer[0] == "ok", {k: int(v) for k, v in zip(answer[1::2], answer[2::2])}

    def open(self, source, count=1, sources=1, port=25, to=None, wait=True, verb="open"):
        """A group of held connections; by default all of them were established on return. Those of
        a source that is banned for them have ended again by then."""
        group = Connections(self, f"g{next(serial)}", count * sources)
        to = to or (SERVER6 if ":" in source else SERVER4)
        self.ask(verb, group.name, source, sources, count, to, port)
        if wait:
            group.wait("opened", group.size)
        return group

    def churn(self, source, count=1, **options):
        """Connections that are closed as soon as they are established."""
        return self.open(source, count, verb="churn", **options)

    def close(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Connections:
    def __init__(self, load, name, size):
        self.load, self.name, self.size = load, name, size

    def count(self):
        return self.load.ask("count", self.name)[1]

    def reaches(self, state, number, timeout=10.0):
        return self.load.ask("wait", self.name, state, number, int(timeout * 1000 * SLOWNESS))[0]

    def wait(self, state, number, timeout=30.0):
        assert self.reaches(state, number, timeout), f"{state} {number}: {self.count()}"

    def close(self, number=None):
        return self.load.ask("close", self.name, *([] if number is None else [number]))[1]

    def settle(self, timeout=30.0):
        """Waits for the end of all handshakes: (established, refused, seconds the slowest took)."""
        self.wait("settled", self.size, timeout)
        count = self.count()
        return count["opened"], count["refused"], count["slowest"] / 1e9

    def last_begun_ns(self):
        """CLOCK_MONOTONIC of the connect() whose handshake was completed last."""
        return self.count()["last"]
