# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: a mail host per module, a fresh daemon and fresh client addresses per test."""
import os
import shutil
import signal

import pytest

import daemon as smtpguard
import dns
import exim
import lab

RESOLVER = "127.0.0.1"
TOOLS = ("ip", "nft", "ss", "conntrack", "unbound")


def pytest_configure():
    # a time limit ends the run as Ctrl-C does: the namespaces are removed
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    why = "needs root" if os.geteuid() else f"needs {missing}" if missing else None
    if why:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=why))


def make_net():
    """The two namespaces with a resolver; nothing listens for mail."""
    made = lab.Lab()
    try:
        made.dns = dns.start(made.server.name, made.mkdir("dns"), [RESOLVER])
        made.closers.append(made.dns.stop)
    except Exception:
        made.close()
        raise
    return made


@pytest.fixture(scope="module")
def net():
    made = make_net()
    yield made
    made.close()


@pytest.fixture(scope="module")
def host(net):
    """With a real Exim on 25, 465 and 587."""
    net.exim = exim.Exim(net.server, net.mkdir("exim"))
    net.closers.append(net.exim.close)
    return net


def hold_everything(machine):
    machine.closers.append(lab.Load(machine.server, "--listen", "::", 25, 465, 587).close)


@pytest.fixture(scope="module")
def sink(net):
    """With a program that accepts and holds everything, for loads that Exim would fork for."""
    hold_everything(net)
    return net


@pytest.fixture
def guard(net, request):
    """guard(**settings) starts a daemon: settings as in the configuration file, merged into
    daemon.configuration(). Options of Daemon: arguments, environment, wrapper, prefix. Each has a
    ledger of its own, unless settings say otherwise. machine: another host than the module's."""
    started = []

    def start(arguments=(), environment=None, wrapper=(), prefix=(), allow="", machine=None,
              **settings):
        directory = net.mkdir(request.node.name[:40].replace("[", "-").replace("]", ""))
        os.mkdir(os.path.join(directory, "allow.d"))
        with open(os.path.join(directory, "allow.d", "test.list"), "w") as out:
            out.write(allow)
        base = smtpguard.configuration(directory, RESOLVER)
        made = smtpguard.Daemon(machine or net, directory, smtpguard.merge(base, settings),
                                arguments, environment, wrapper, prefix)
        started.append(made)
        return made.start()

    yield start
    statuses = []
    for one in started:
        print(f"--- {one.directory}\n{one.log()}")
        # a test that killed its daemon has seen to the status itself
        if one.process is not None and one.process.poll() is None:
            statuses.append(one.stop())
    net.server.run("nft", "delete", "table", "inet", "smtpguard", check=False)
    net.forget_connections()
    assert not any(statuses), f"the daemon ended with {statuses}"


@pytest.fixture
def gate(guard):
    """gate(**settings) starts a daemon with a gate that works here: as guard(), but every service
    requires a name unless settings say otherwise."""
    strict = {"services": {"smtp": {"reverse_dns": "require"},
                           "submission": {"reverse_dns": "require"}}}

    def start(prefix=(), **settings):
        return guard(prefix=[*lab.queue_prefix(), *prefix], **smtpguard.merge(strict, settings))

    return start


@pytest.fixture
def boot():
    """boot() is a mail host after a reboot: what was in the kernel of the one before is gone. keep:
    it is another host beside the one before."""
    machines = []

    def start(keep=False):
        while machines and not keep:
            machines.pop().close()
        machines.append(make_net())
        hold_everything(machines[-1])
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()


@pytest.fixture
def load(net):
    """Opens connections from the client's addresses."""
    made = lab.Load(net.client)
    yield made
    made.close()


@pytest.fixture
def local_load(net):
    """Opens connections from the mail host itself."""
    made = lab.Load(net.server)
    yield made
    made.close()


@pytest.fixture
def events():
    """events(daemon) subscribes to its decisions."""
    made = []

    def subscribe(one):
        made.append(smtpguard.Events(one))
        return made[-1]

    yield subscribe
    for one in made:
        one.close()
