# SPDX-License-Identifier: GPL-2.0-or-later
"""The ceiling in the packet path: what the kernel refuses by itself, whom it spares. No ban is in the
way here: the limits are off."""
import pytest

import lab

CEILING = 20


def service(name="smtp", **settings):
    return {"services": {name: {"concurrent": "off", "new": "off", "ceiling": CEILING, **settings}}}


def attempts(load, source, count, **options):
    """(held, refused) when the kernel has answered all of them."""
    group = load.open(source, count, wait=False, **options)
    assert lab.eventually(lambda: group.count()["waiting"] + group.count()["pending"] == 0, 20)
    now = group.count()
    assert now["ended"] == now["closed"] == 0
    return group, now["established"], now["refused"]


def test_thousand_at_once(sink, guard, load):
    daemon = guard(**service())
    source, other = sink.sources(), sink.sources()
    group, held, refused = attempts(load, source, 1000)
    assert (held, refused) == (CEILING, 1000 - CEILING)
    assert sink.established()[source] == CEILING
    assert daemon.source(source)["concurrent"] == CEILING and not daemon.bans()
    # each source by itself
    assert attempts(load, other, 25)[1:] == (CEILING, 5)
    # what ends makes room, as soon as the kernel has seen the last of it
    group.close(5)
    assert lab.eventually(lambda: sink.established()[source] == CEILING - 5)
    again = 0
    while again < 5:
        again += attempts(load, source, 9)[1]
    assert again == 5 and sink.established()[source] == CEILING


def test_ipv6_prefix_is_one_source(sink, guard, load):
    daemon = guard(**service())
    prefix = sink.network6()
    assert attempts(load, f"{prefix}:1", 12)[1:] == (12, 0)
    assert attempts(load, f"{prefix}8000::2", 300)[1:] == (CEILING - 12, 292 + CEILING - 20)
    assert daemon.source(f"{prefix}:/64")["concurrent"] == CEILING
    assert attempts(load, f"{sink.network6()}:1", 5)[1:] == (5, 0)
    assert list(sink.elements("ceiling_smtp6")) and not sink.elements("ceiling_smtp4")


def test_one_ceiling_for_all_ports_of_a_service(sink, guard, load):
    guard(**service("submission"))
    source = sink.sources()
    assert attempts(load, source, 15, port=465)[1:] == (15, 0)
    assert attempts(load, source, 15, port=587)[1:] == (5, 10)
    # another service, another ceiling
    assert attempts(load, source, 5, port=25)[1:] == (5, 0)


def test_verified_name_passes_where_names_count(sink, guard, load):
    guard(services={"smtp": {"new": "off"}, **service("submission")["services"]})
    source, prefix = sink.sources(), sink.network6()
    sink.dns.zones.verified(source, "ceiling.provider.test")
    sink.dns.zones.verified(f"{prefix}:5", "ceiling6.provider.test")
    sink.dns.reload()
    for one in (source, f"{prefix}:5"):
        sink.trust(load, one)
        assert attempts(load, one, 60)[1:] == (60, 0)
        # submission ignores names
        assert attempts(load, one, 30, port=587)[1:] == (CEILING, 10)
    element = sink.elements("trusted4")[source]
    assert element["timeout"] == 3600 and element["expires"] > 3500


def test_allowed_passes(sink, guard, load):
    listed, by_hand = sink.sources(), sink.sources()
    daemon = guard(allow=listed + "\n", **service())
    assert daemon.ask(f"allow add {by_hand}")["ok"]
    for source in (listed, by_hand):
        assert attempts(load, source, 60)[1:] == (60, 0)


def test_unbanned_passes_for_its_grace(sink, guard, load):
    daemon = guard(**service())
    source = sink.sources()
    assert daemon.ask(f"ban {source}")["ok"]
    assert daemon.ask(f"unban {source} trust=2s")["ok"]
    assert lab.eventually(lambda: source in sink.elements("trusted4"))
    assert attempts(load, source, 30)[1:] == (30, 0)
    assert lab.eventually(lambda: not sink.elements("trusted4"), 3)
    # it counts what came under it: those that passed are not among them
    assert attempts(load, source, 25)[1:] == (CEILING, 5)


def test_this_host_passes(sink, guard, local_load):
    guard(**service())
    assert attempts(local_load, "127.0.0.1", 60, to="127.0.0.1")[1:] == (60, 0)
    assert attempts(local_load, lab.SERVER6, 60, to=lab.SERVER6)[1:] == (60, 0)


@pytest.mark.parametrize("off", [0, "off"])
def test_off(sink, guard, load, off):
    daemon = guard(**service(ceiling=off))
    assert attempts(load, sink.sources(), 300)[1:] == (300, 0)
    assert daemon.status()["services"]["smtp"]["ceiling"] == 0
    assert sink.elements("ceiling_smtp4") is None


def test_observed_service_has_none(sink, guard, load):
    guard(**service(mode="observe"))
    assert attempts(load, sink.sources(), 60)[1:] == (60, 0)


def test_reload_changes_the_limit(sink, guard, load):
    """The kernel keeps the number with each element: a new limit needs new ones."""
    daemon = guard(**service())
    source = sink.sources()
    _, held, _ = attempts(load, source, 50)
    assert held == CEILING and list(sink.elements("ceiling_smtp4")) == [source]
    daemon.reload(services={"smtp": {"ceiling": 40}})
    assert sink.elements("ceiling_smtp4") == {}
    assert daemon.source(source)["concurrent"] == CEILING
    # it counts what comes from now on
    assert attempts(load, source, 50)[1] in (20, 40)
    assert sink.elements("ceiling_smtp4")[source]
    assert "over 40" in sink.server.run("nft", "list", "set", "inet", "smtpguard", "ceiling_smtp4")
    daemon.reload(services={"smtp": {"ceiling": "off"}})
    assert sink.elements("ceiling_smtp4") is None
    assert attempts(load, source, 50)[1:] == (50, 0)


def test_how_full_the_ceilings_are(sink, guard, load):
    """Counted by the audit, once a minute; connections that come meanwhile do not spoil the audit."""
    daemon = guard(**service())
    attempts(load, sink.sources(7), 1, sources=7)
    assert len(sink.elements("ceiling_smtp4")) == 7
    assert daemon.status()["reconcile"]["audits"] == 0
    assert lab.eventually(lambda: daemon.status()["reconcile"]["audits"] == 1, 70, 1)
    assert daemon.status()["services"]["smtp"]["ceiling_sources"] == 7
    assert not daemon.problems("audits")
