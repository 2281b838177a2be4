# SPDX-License-Identifier: GPL-2.0-or-later
"""What sources reached, day by day, and the addresses behind their names: kept and told."""
import datetime

import lab

HIGH = {"services": {"smtp": {"concurrent": 100, "ceiling": "off", "new": "500/300s"}}}


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


def peaks(daemon, options=""):
    """{(source, service): peak}, when the ledger can be asked."""
    answer = lab.eventually(lambda: daemon.ask(f"peaks {options}").get("peaks") is not None and
                            daemon.ask(f"peaks {options}"))
    assert answer and answer["ok"], daemon.ask(f"peaks {options}")
    return {(p["source"], p["service"]): p for p in answer["peaks"]}


def test_peaks_reach_the_ledger(sink, guard, load):
    daemon = guard(**HIGH)
    source, one, prefix = sink.sources(), sink.sources(), sink.network6()
    begun = today()
    group = load.open(source, 7)
    load.open(source, 3, port=587)
    load.open(one, 1)
    load.open(f"{prefix}:1", 2)
    load.open(f"{prefix}:2", 3)
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("concurrent") == 7)
    group.close()
    assert lab.eventually(lambda: not (daemon.source(source) or {}).get("concurrent"))
    load.open(source, 2)
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("new") == 9)
    daemon.restart()
    found = peaks(daemon)
    smtp = found[source, "smtp"]
    assert (smtp["concurrent"], smtp["new"]) == (7, 9)
    assert smtp["days"] in (1, 2) and smtp["last_day"] in (begun, today())
    assert found[source, "submission"]["concurrent"] == 3
    assert found[f"{prefix}:/64", "smtp"]["concurrent"] == 5
    assert (one, "smtp") not in found


def test_the_largest_of_the_day_stays(sink, guard, load):
    daemon = guard(**HIGH)
    source = sink.sources()
    group = load.open(source, 6)
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("concurrent") == 6)
    daemon.restart()
    group.close()
    assert lab.eventually(lambda: not (daemon.source(source) or {}).get("concurrent"))
    load.open(source, 2)
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("concurrent") == 2)
    daemon.restart()
    assert peaks(daemon)[source, "smtp"]["concurrent"] == 6


def test_reload_keeps_peaks(sink, guard, load):
    daemon = guard(**HIGH)
    source = sink.sources()
    group = load.open(source, 6)
    load.open(source, 4, port=587)
    assert lab.eventually(lambda: (daemon.source(source, "submission") or {}).get("concurrent") == 4)
    group.close()
    assert lab.eventually(lambda: not (daemon.source(source) or {}).get("concurrent"))
    # without its service a source is forgotten, and told of
    daemon.settings["services"].pop("submission")
    daemon.reload()
    assert lab.eventually(lambda: (source, "submission") in peaks(daemon))
    daemon.restart()
    found = peaks(daemon)
    assert found[source, "smtp"]["concurrent"] == 6
    assert found[source, "submission"]["concurrent"] == 4


def test_name_of_a_peak(sink, guard, load):
    daemon = guard(services={"smtp": {"new": "off"}})
    source = sink.sources()
    sink.dns.zones.verified(source, "mx.peak.test")
    sink.dns.reload()
    load.open(source, 6)
    assert lab.eventually(lambda: daemon.source(source)["reverse_dns"] == "verified")
    daemon.restart()
    peak = peaks(daemon, f"source={source}")[source, "smtp"]
    assert (peak["reverse_dns"], peak["names"]) == ("verified", ["mx.peak.test"])


# --- addresses behind names ---

def addresses(daemon, source):
    return daemon.ask(f"explain {source}")["reverse_dns"]["addresses"]


def test_addresses_of_names(sink, guard, load):
    daemon = guard(services={"smtp": {"new": "off"}})
    verified, wrong, nameless = sink.sources(), sink.sources(), sink.sources()
    many = [f"192.0.2.{n}" for n in range(1, 7)]
    sink.dns.zones.ptr(verified, "mx.many.test").host("mx.many.test", *many, verified)
    sink.dns.zones.ptr(wrong, "a.wrong.test", "b.wrong.test")
    sink.dns.zones.host("a.wrong.test", "192.0.2.1", "192.0.2.2").host("b.wrong.test", "192.0.2.2",
                                                                     "192.0.2.3")
    sink.dns.reload()
    for source in (verified, wrong, nameless):
        load.open(source, 6)
    assert lab.eventually(lambda: daemon.source(verified)["reverse_dns"] == "verified")
    assert lab.eventually(lambda: daemon.source(wrong)["reverse_dns"] == "mismatch")
    assert lab.eventually(lambda: daemon.source(nameless)["reverse_dns"] == "none")
    # the address that counts is never hidden behind others
    found = addresses(daemon, verified)
    assert found[0] == verified and len(found) == 4 and set(found[1:]) <= set(many)
    assert sorted(addresses(daemon, wrong)) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert addresses(daemon, nameless) == []


def test_addresses_of_ipv6_names(sink, guard, load):
    daemon = guard(services={"smtp": {"new": "off"}})
    source = f"{sink.network6()}:1"
    sink.dns.zones.ptr(source, "mx.six.test").host("mx.six.test", "2001:db8::1", source)
    sink.dns.reload()
    load.open(source, 6)
    assert lab.eventually(lambda: daemon.ask(f"explain {source}")["reverse_dns"]["state"] == "verified")
    assert addresses(daemon, source) == [source, "2001:db8::1"]
