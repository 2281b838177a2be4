# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is never banned, at any count: the allow list, loopback, this host's own addresses; and whose
connections are not counted at all."""
import lab

# without limits on the way: nothing but the never-list spares them
TIGHT = {"services": {"smtp": {"concurrent": 5, "new": "5/300s"}}}


def never_banned(host, daemon, seconds=1.0):
    return not lab.eventually(
        lambda: host.elements("banned4") or host.elements("banned6") or daemon.bans(), seconds, 0.1)


def test_allow_file(host, guard, load, events):
    first = host.sources(8)
    outside = host.sources()
    network = f"{first}/29"
    prefix = host.network6()
    daemon = guard(allow=f"# our customers\n{network}  # office\n{prefix}:/64\n", **TIGHT)
    seen = events(daemon)
    load.open(first, 40)
    load.open(f"{prefix}:1", 40)
    load.churn(first, 40)
    assert lab.eventually(lambda: daemon.standing(first) == "allowed")
    assert lab.eventually(lambda: daemon.standing(f"{prefix}:/64") == "allowed")
    assert never_banned(host, daemon)
    assert seen.find("exempt", first)["because"] == "allow list"
    assert daemon.ask(f"explain {first}")["never"] == {"reason": "allow list",
                                                       "match": network}
    assert not daemon.ask(f"ban {first}")["ok"]

    load.open(outside, 6)
    assert lab.eventually(lambda: host.banned(outside))


def test_loopback(host, guard, local_load):
    daemon = guard(**TIGHT)
    local_load.open("127.0.0.1", 30, to="127.0.0.1")
    local_load.open("127.9.9.9", 30, to="127.0.0.1")
    local_load.open("::1", 30, to="::1")
    assert never_banned(host, daemon)
    assert daemon.ask("explain 127.9.9.9")["never"]["reason"] == "loopback"
    assert not daemon.ask("ban 127.0.0.1")["ok"]


def test_own_addresses(host, guard, local_load):
    daemon = guard(**TIGHT)
    local_load.open(lab.SERVER4, 30, to=lab.SERVER4)
    local_load.open(lab.SERVER6, 30, to=lab.SERVER6)
    assert never_banned(host, daemon)
    assert daemon.ask(f"explain {lab.SERVER4}")["never"]["reason"] == "own address"


def test_own_addresses_are_followed(host, guard, local_load, load):
    daemon = guard(**TIGHT)
    moving = host.sources()
    explain = f"explain {moving}"
    assert daemon.ask(explain)["never"] is None
    host.server.ip(f"addr add {moving}/32 dev lo\naddr add fd79::5/128 dev lo\n")
    try:
        assert lab.eventually(lambda: daemon.ask(explain)["never"])
        assert daemon.ask(explain)["never"]["reason"] == "own address"
        held = [local_load.open(moving, 30, to=lab.SERVER4),
                local_load.open(lab.SERVER4, 30, to=moving),
                local_load.open("fd79::5", 30, to=lab.SERVER6)]
        assert never_banned(host, daemon)
        for one in held:
            one.close()
    finally:
        host.server.ip(f"addr del {moving}/32 dev lo\naddr del fd79::5/128 dev lo\n")
    # the address now belongs to a client again
    assert lab.eventually(lambda: daemon.ask(explain)["never"] is None)
    host.forget_connections()
    load.open(moving, 6, wait=False)
    assert lab.eventually(lambda: host.banned(moving))


def test_address_becoming_ours_lifts_its_ban(host, guard, load):
    daemon = guard(**TIGHT)
    source = host.sources()
    load.open(source, 6)
    assert lab.eventually(lambda: host.banned(source))
    host.server.ip(f"addr add {source}/32 dev lo\n")
    try:
        assert lab.eventually(lambda: host.elements("banned4") == {})
        assert daemon.bans() == {}
    finally:
        host.server.ip(f"addr del {source}/32 dev lo\n")


def test_outbound_connections_are_not_counted(host, guard, local_load, load):
    """This host delivers mail to port 25 of others: that is no offence of theirs."""
    daemon = guard(**TIGHT)
    inbox = lab.Load(host.client, "--listen", lab.CLIENT4, 25)
    try:
        held = local_load.open(lab.SERVER4, 30, to=lab.CLIENT4)
        local_load.churn(lab.SERVER4, 30, to=lab.CLIENT4)
        # a counted connection behind them: their events are through
        source = host.sources()
        load.open(source, 1)
        assert lab.eventually(lambda: daemon.source(source))
        assert not daemon.source(lab.CLIENT4) and not daemon.source(lab.SERVER4)
        assert never_banned(host, daemon)
        assert sum(s["concurrent"] for s in daemon.sources().values()) == 1
        held.close()
    finally:
        inbox.close()
