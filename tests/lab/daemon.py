# SPDX-License-Identifier: GPL-2.0-or-later
"""smtpguardd in the lab: configuration, start, socket, end."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

import lab


def configuration(directory, resolver):
    """What the tests start from: SPEC's defaults, with every path in the test's directory."""
    return {
        "services": {
            "smtp": {"ports": [25], "concurrent": 10, "new": "10/300s"},
            "submission": {"ports": [465, 587], "concurrent": 30, "new": "100/300s",
                           "reverse_dns": "ignore"},
        },
        "trust": {"allow_files": [os.path.join(directory, "allow.d", "*.list")]},
        "resolver": {"servers": [resolver]},
        "ledger": {"path": os.path.join(directory, "ledger.db")},
        "control": {"path": os.path.join(directory, "smtpguard.sock"), "group": "root"},
    }


def merge(base, changes):
    """changes wins; a dictionary changes only the keys it names."""
    merged = dict(base)
    for key, value in changes.items():
        old = base.get(key)
        merged[key] = merge(old, value) if isinstance(value, dict) and isinstance(old, dict) \
            else value
    return merged


def libconfig(value, depth=0):
    if isinstance(value, dict):
        lines = [f"{'  ' * depth}{key} = {libconfig(item, depth + 1)};\n"
                 for key, item in value.items()]
        return "".join(lines) if depth == 0 else "{\n" + "".join(lines) + "  " * (depth - 1) + "}"
    if isinstance(value, (list, tuple)):
        return "[ " + ", ".join(libconfig(item) for item in value) + " ]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


class Daemon:
    def __init__(self, host, directory, settings, arguments=(), environment=None, wrapper=(),
                 prefix=()):
        self.host, self.directory, self.settings = host, directory, settings
        self.socket_path = settings["control"]["path"]
        self.ledger_path = settings["ledger"]["path"]
        self.config_path = os.path.join(directory, "smtpguard.conf")
        self.log_path = os.path.join(directory, "log")
        self.configure()
        # a wrapper has the daemon as its child, a prefix executes it in its own place
        self.arguments, self.wrapper, self.prefix = list(arguments), list(wrapper), list(prefix)
        self.environment = dict(os.environ, **(environment or {}))
        self.environment.setdefault("SMTPGUARD_RESOLVER",
                                    lab.program("src/smtpguard-resolver"))
        self.environment.setdefault("SMTPGUARD_MAILLOG", lab.program("src/smtpguard-maillog"))
        self.process = None

    def configure(self, **changes):
        """Writes the file, with changes merged into what it held; the daemon is not told."""
        self.settings = merge(self.settings, changes)
        with open(self.config_path, "w") as out:
            out.write(libconfig(self.settings))

    def reload(self, **changes):
        self.configure(**changes)
        answer = self.ask("reload")
        assert answer["ok"], answer

    def restart(self, **changes):
        """Stopped and started again: the ledger and the kernel's table stay."""
        assert self.stop() == 0
        self.configure(**changes)
        return self.start()

    def start(self, timeout=20):
        """Returns when the daemon says READY=1, as systemd would wait for it."""
        path = os.path.join(self.directory, "notify")
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, \
                open(self.log_path, "a") as log:
            notify.bind(path)
            notify.settimeout(0.1)
            self.process = self.host.server.popen(
                *self.wrapper, *self.prefix, lab.program("src/smtpguardd"), "-c", self.config_path,
                *self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(self.environment, NOTIFY_SOCKET=path))
            end = time.monotonic() + timeout * lab.SLOWNESS
            while True:
                try:
                    if b"READY=1" in notify.recv(4096).split(b"\n"):
                        return self
                except socket.timeout:
                    pass
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"not ready, exit code {self.process.poll()}:\n"
                                       + self.log())

    def pid(self):
        """Behind a wrapper (strace) the daemon is its child."""
        return children(self.process.pid)[0] if self.wrapper else self.process.pid

    def worker(self, name="smtpguard-resolver"):
        """The worker's process id, or None."""
        for pid in children(self.pid()):
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().strip() == name[:15]:
                    return pid
        return None

    def stop(self):
        """The exit status: 0 for a clean end."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
        try:
            return self.process.wait(10 * lab.SLOWNESS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    # --- the control socket ---

    def client(self):
        return Client(self.socket_path)

    def ask(self, line):
        with self.client() as client:
            return client.ask(line)

    def status(self):
        return self.ask("status")

    def problems(self, word):
        """Those of status that contain the word."""
        return [problem for problem in self.status()["problems"] if word in problem]

    def sources(self, options="limit=10000 all=1"):
        """{(source, service): entry}"""
        answer = self.ask(f"sources {options}")
        assert answer["ok"], answer
        return {(s["source"], s["service"]): s for s in answer["sources"]}

    def source(self, source, service="smtp"):
        return self.sources().get((source, service))

    def standing(self, source, service="smtp"):
        entry = self.source(source, service)
        return entry["standing"] if entry else None

    def bans(self):
        """{source: ban}"""
        answer = self.ask("bans")
        assert answer["ok"], answer
        return {b["source"]: b for b in answer["bans"]}

    def command(self, *words, prefix=()):
        """The command `smtpguard`: (exit code, stdout, stderr)."""
        done = subprocess.run([*prefix, lab.program("src/smtpguard"), "-s", self.socket_path,
                               *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=20 * lab.SLOWNESS)
        return done.returncode, done.stdout, done.stderr


class Client:
    """One connection to the control socket, kept open."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(15 * lab.SLOWNESS)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rwb")

    def ask(self, line):
        self.stream.write(line.encode() + b"\n")
        self.stream.flush()
        return self.answer()

    def answer(self):
        return json.loads(self.stream.readline())

    def close(self):
        self.stream.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Events:
    """Everything `events` says, collected by a thread: a list of decisions."""

    def __init__(self, daemon):
        self.seen = []
        self.client = daemon.client()
        self.client.stream.write(b"events\n")
        self.client.stream.flush()
        self.client.socket.settimeout(None)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        # the subscription holds from the daemon's next turn on
        daemon.status()

    def read(self):
        try:
            for line in self.client.stream:
                self.seen.append(json.loads(line))
        except (OSError, ValueError):
            pass

    def find(self, kind, source):
        return next((e for e in list(self.seen)
                     if e.get("event") == kind and e.get("source") == source), None)

    def wait(self, kind, source, timeout=5.0):
        return lab.eventually(lambda: self.find(kind, source), timeout)

    def close(self):
        try:
            self.client.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(5)
        self.client.close()


def is_alive(pid):
    """A zombie nobody has collected yet is not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listing:
        return [int(child) for child in listing.read().split()]
