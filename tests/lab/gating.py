# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the gate share: connections and what became of them."""
import lab

PORTS = (25, 465, 587)
HOLD_S = 1.0
# how late a program may see what the kernel did at once
SLACK_S = 0.3 * lab.SLOWNESS


def state_of(daemon):
    return daemon.status()["gate"]


def attempt(load, source, port=25, count=1):
    """What became of connections that begin together: (established, refused, seconds)."""
    return load.open(source, count, port=port, wait=False).settle()


def is_refused(load, source, port=25):
    """By a reset, at once: not by silence."""
    opened, refused, took = attempt(load, source, port)
    assert opened + refused == 1
    assert not refused or took < SLACK_S, took
    return refused == 1


def passes_at_once(load, source, port=25):
    opened, _, took = attempt(load, source, port)
    return opened == 1 and took < SLACK_S


def lasted(took, seconds):
    """As long as that, and hardly longer."""
    return seconds - 0.02 <= took < seconds + SLACK_S


def client_of(net, family):
    """An unused client."""
    return net.sources() if family == 4 else net.network6() + ":25"


def key_of(source):
    """How the sets know it: IPv6 by its /64."""
    return source.rsplit(":", 1)[0] + ":" if ":" in source else source


def in_set(net, name, source):
    """The element's attributes, or None."""
    return (net.elements(name + ("6" if ":" in source else "4")) or {}).get(key_of(source))
