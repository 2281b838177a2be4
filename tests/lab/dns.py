# SPDX-License-Identifier: GPL-2.0-or-later
"""A real unbound in a network namespace, with every answer that a reverse-DNS check can meet.

    zones = dns.Zones()
    zones.verified("192.0.2.1", "mail.good.example")
    server = dns.start(netns, directory, ["127.0.0.1"], zones)
    zones.none("192.0.2.9"); server.reload()
    server.stop()

All records stand in one zone, the root, so that CNAMEs lead anywhere. What is not in it is
NXDOMAIN, and nothing leaves the namespace. Needs unbound and unbound-control.
"""
import ipaddress
import os
import pathlib
import shutil
import signal
import subprocess
import time

TTL = 300
NEGATIVE_TTL = 60
SILENCE = "always_deny"  # unbound's word for "no answer at all"

# unbound answers these by itself unless told otherwise (RFC 6303, RFC 6761)
BUILT_IN = [
    "test.", "invalid.", "localhost.", "10.in-addr.arpa.", "127.in-addr.arpa.",
    "168.192.in-addr.arpa.", "2.0.192.in-addr.arpa.", "100.51.198.in-addr.arpa.",
    "113.0.203.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.", "d.f.ip6.arpa.",
] + [f"{n}.172.in-addr.arpa." for n in range(16, 32)]


def reverse(address):
    """The PTR name of an address, with the final dot."""
    return ipaddress.ip_address(address).reverse_pointer + "."


def _absolute(name):
    return name if name.endswith(".") else name + "."


class Zones:
    """What the name server knows; changes count after Server.reload()."""

    def __init__(self):
        self.records = []
        self.policies = {}  # name: unbound's local-zone type
        self.broken = []  # zones that unbound cannot load: SERVFAIL

    def record(self, name, kind, data, ttl=TTL):
        self.records.append(f"{_absolute(name)} {ttl} IN {kind} {data}")
        return self

    def ptr(self, address, *names, ttl=TTL):
        for name in names:
            self.record(reverse(address), "PTR", _absolute(name), ttl)
        return self

    def host(self, name, *addresses, ttl=TTL):
        for address in addresses:
            kind = "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
            self.record(name, kind, address, ttl)
        return self

    def verified(self, address, name, ttl=TTL):
        return self.ptr(address, name, ttl=ttl).host(name, address, ttl=ttl)

    def mismatch(self, address, name, elsewhere):
        return self.ptr(address, name).host(name, elsewhere)

    def none(self, address):
        """NXDOMAIN, as for everything unknown: takes back what was said of the address."""
        start = reverse(address) + " "
        self.records = [line for line in self.records if not line.startswith(start)]
        return self

    def no_data(self, address):
        """The reverse name exists, without a PTR record."""
        return self.record(reverse(address), "TXT", '"no name"')

    def last_of_several(self, address, names):
        """Several PTR records, of which only the last name leads back."""
        for name in names[:-1]:
            self.ptr(address, name)
        return self.verified(address, names[-1])

    def delegated(self, address, name, zone):
        """RFC 2317: a CNAME into the customer's zone, such as 0/25.2.0.192.in-addr.arpa."""
        target = f"{reverse(address).split('.')[0]}.{_absolute(zone)}"
        self.record(reverse(address), "CNAME", target)
        self.record(target, "PTR", _absolute(name))
        return self.host(name, address)

    def alias(self, address, name, target):
        """The PTR's name is itself a CNAME."""
        self.ptr(address, name)
        self.record(name, "CNAME", _absolute(target))
        return self.host(target, address)

    def big(self, address, name, others):
        """More addresses than fit into a UDP answer; the right one is the last written."""
        return self.ptr(address, name).host(name, *others, address)

    def control_characters(self, address):
        return self.record(reverse(address), "PTR", r"evil\010\027[31m.example.")

    def servfail(self, name):
        """Everything under a name, or the PTR of one address, is SERVFAIL."""
        self.broken.append(self._name(name))
        return self

    def silent(self, name):
        """Questions under a name, or for the PTR of one address, are not answered."""
        self.policies[self._name(name)] = SILENCE
        return self

    def refused(self, name):
        self.policies[self._name(name)] = "always_refuse"
        return self

    @staticmethod
    def _name(name):
        try:
            return reverse(name)
        except ValueError:
            return _absolute(name)

    def text(self):
        head = [f". {TTL} IN SOA ns.lab. root.lab. 1 3600 600 86400 {NEGATIVE_TTL}",
                f". {TTL} IN NS ns.lab.", f"ns.lab. {TTL} IN A 127.0.0.1"]
        return "\n".join(head + self.records) + "\n"


class Server:
    def __init__(self, netns, directory, listen, zones):
        self.netns = netns
        self.directory = pathlib.Path(directory)
        self.listen = listen
        self.zones = zones
        self.config = self.directory / "unbound.conf"
        self._start()

    def _start(self):
        self._write()
        self.log = open(self.directory / "unbound.log", "ab")
        command = [_find("unbound"), "-d", "-c", str(self.config)]
        self.process = subprocess.Popen(_in(self.netns, command), stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        self._wait_until_it_answers()

    def _write(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "root.zone").write_text(self.zones.text())
        self.config.write_text(self._config_text())

    def _config_text(self):
        where = self.directory
        lines = ["server:", '  chroot: ""', '  username: ""', f'  directory: "{where}"',
                 f'  pidfile: "{where}/unbound.pid"', "  use-syslog: no", '  logfile: ""',
                 "  verbosity: 1", "  do-daemonize: no", "  num-threads: 1",
                 '  module-config: "iterator"', "  access-control: 0.0.0.0/0 allow",
                 "  access-control: ::0/0 allow", "  unblock-lan-zones: yes",
                 # limits of a public resolver, too low for a burst of tests
                 "  num-queries-per-thread: 4096", "  outgoing-range: 512",
                 "  minimal-responses: yes",
                 "  max-udp-size: 512", "  do-not-query-localhost: no"]
        lines += [f"  interface: {address}" for address in self.listen]
        lines += [f'  local-zone: "{zone}" nodefault' for zone in BUILT_IN
                  if zone not in self.zones.policies]
        lines += [f'  local-zone: "{name}" {what}' for name, what in self.zones.policies.items()]
        lines += ["auth-zone:", '  name: "."', f'  zonefile: "{where}/root.zone"',
                  "  for-downstream: no", "  for-upstream: yes", "  fallback-enabled: no"]
        # a zone that is to be fetched from nobody: no data, so no answer
        for name in self.zones.broken:
            lines += ["auth-zone:", f'  name: "{name}"', "  primary: 127.0.0.1@9",
                      "  for-downstream: yes", "  for-upstream: yes", "  fallback-enabled: no"]
        lines += ["remote-control:", "  control-enable: yes",
                  f'  control-interface: "{where}/control"', "  control-use-cert: no"]
        return "\n".join(lines) + "\n"

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if (self.directory / "control").exists() and self._control("status").returncode == 0:
                return
            time.sleep(0.05)
        self.stop()
        log = (self.directory / "unbound.log").read_text()
        raise RuntimeError("unbound does not start: " + log)

    def _control(self, *arguments):
        command = [_find("unbound-control"), "-c", str(self.config), *arguments]
        return subprocess.run(_in(self.netns, command), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=10, check=False)

    def control(self, *arguments):
        """unbound-control; its output."""
        done = self._control(*arguments)
        if done.returncode:
            raise RuntimeError(f"unbound-control {arguments}: {done.stdout}")
        return done.stdout

    def reload(self):
        """Makes the zones, as they are now, the answers; empties the cache."""
        self._write()
        self.control("reload")
        self._wait_until_it_answers()

    def questions(self):
        """How many questions came in since the start or the last reload."""
        for line in self.control("stats_noreset").splitlines():
            if line.startswith("total.num.queries="):
                return int(line.split("=")[1])
        raise RuntimeError("no total.num.queries")

    def set_silent(self, silent):
        """The whole server stops answering, as one that hangs; questions wait in its socket."""
        os.kill(self.process.pid, signal.SIGSTOP if silent else signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)
        self.log.close()


def start(netns, directory, listen, zones=None):
    """Starts unbound on port 53 of the addresses, in a network namespace (None: this one)."""
    return Server(netns, directory, listen, zones or Zones())


def _in(netns, command):
    return ["ip", "netns", "exec", netns, *command] if netns else command


def _find(program):
    """Root's programs are not in everybody's PATH."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return shutil.which(program, path=path) or program
