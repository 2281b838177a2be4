# SPDX-License-Identifier: GPL-2.0-or-later
"""IPv6 is counted, banned and looked up by /64."""
import lab


def test_one_prefix_many_addresses(host, guard, load):
    daemon = guard()
    prefix = host.network6()
    for i in range(10):
        load.open(f"{prefix}:{i + 1:x}")
    assert lab.eventually(lambda: (daemon.source(f"{prefix}:/64") or {}).get("concurrent") == 10)
    assert host.elements("banned6") == {}
    load.open(f"{prefix}abcd:1:2:3")
    element = lab.eventually(lambda: host.banned(f"{prefix}:"))
    assert element, host.elements("banned6")
    assert element["comment"] == "smtp 11>10 concurrent; no PTR"
    assert element["timeout"] == 3600
    assert host.elements("banned4") == {}
    assert list(daemon.bans()) == [f"{prefix}:/64"]

    # the whole /64 is refused, also an address never seen before, and nobody else
    assert not load.open(f"{prefix}:9999", wait=False).reaches("established", 1, 1.5)
    load.open(f"{host.network6()}:1")


def test_prefixes_count_apart(host, guard, load):
    daemon = guard()
    prefixes = [host.network6() for _ in range(2)]
    for prefix in prefixes:
        load.open(f"{prefix}:1", 10)
    for prefix in prefixes:
        assert lab.eventually(
            lambda: (daemon.source(f"{prefix}:/64") or {}).get("concurrent") == 10)
    assert not lab.eventually(lambda: host.elements("banned6"), 1)


def test_verified_name(host, guard, load):
    daemon = guard(services={"smtp": {"new": "off"}})
    prefix = host.network6()
    host.dns.zones.verified(f"{prefix}:25", "mail6.provider.test")
    host.dns.reload()
    host.trust(load, f"{prefix}:25")
    load.open(f"{prefix}:25", 24)
    assert lab.eventually(lambda: daemon.standing(f"{prefix}:/64") == "exempt")
    assert daemon.source(f"{prefix}:/64")["names"] == ["mail6.provider.test"]
    assert not lab.eventually(lambda: host.elements("banned6"), 1)


def test_unban_and_explain_by_address(host, guard, load):
    daemon = guard()
    prefix = host.network6()
    load.open(f"{prefix}:1", 11)
    assert lab.eventually(lambda: host.banned(f"{prefix}:"))
    answer = daemon.ask(f"explain {prefix}:77")
    assert answer["source"] == f"{prefix}:/64" and answer["ban"]["observed"] == 11
    assert daemon.ask(f"unban {prefix}:77")["ok"]
    assert lab.eventually(lambda: host.elements("banned6") == {})
    load.open(f"{prefix}:77")
