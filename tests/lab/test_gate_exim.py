# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate before a real Exim: who is refused costs it no process."""
import socket

import lab
from gating import PORTS, is_refused, state_of


def greeting(host, source, port=25):
    """What Exim says first."""
    with host.client.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(5 * lab.SLOWNESS)
        connection.bind((source, 0))
        connection.connect((lab.SERVER4, port))
        return connection.recv(512)


def test_exim_never_sees_them(host, gate, load):
    daemon = gate()
    nameless, verified = host.sources(), host.sources()
    host.dns.zones.verified(verified, "real.provider.test")
    host.dns.reload()
    for _ in range(20):
        assert all(is_refused(load, nameless, port) for port in PORTS)
    assert greeting(host, verified).startswith(b"220 mx.test ")
    assert greeting(host, verified, 587).startswith(b"220 mx.test ")
    assert lab.eventually(lambda: verified in host.exim.log())
    assert nameless not in host.exim.log()
    assert state_of(daemon)["packets"] == 2
