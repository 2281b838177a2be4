# SPDX-License-Identifier: GPL-2.0-or-later
"""Both limits of a service, to the connection: banned above, not at the limit, and how soon."""
import statistics

import lab

CONCURRENT_ONLY = {"services": {"smtp": {"new": "off"}}}
NEW_ONLY = {"services": {"smtp": {"concurrent": "off"}}}


def stays_unbanned(host, source, seconds=1.0):
    return not lab.eventually(lambda: host.banned(source), seconds, 0.1)


def test_eleventh_connection_bans(host, guard, load, events):
    daemon = guard()
    seen = events(daemon)
    source = host.sources()
    load.open(source, 11)
    element = lab.eventually(lambda: host.banned(source))
    assert element, daemon.source(source)
    assert element["timeout"] == 3600
    assert 3590 <= element["expires"] <= 3600
    assert element["comment"] == "smtp 11>10 concurrent; no PTR"

    ban = daemon.bans()[source]
    assert (ban["service"], ban["limit"], ban["allowed"], ban["observed"]) == \
        ("smtp", "concurrent", 10, 11)
    assert ban["reverse_dns"] == "none" and ban["comment"] == element["comment"]
    assert ban["enforced"] and not ban["adopted"]
    assert daemon.standing(source) == "banned"
    decision = seen.wait("ban", source)
    assert decision and decision["comment"] == element["comment"]
    assert daemon.status()["bans"]["count"] == 1
    assert set(host.elements("banned4")) == {source} and host.elements("banned6") == {}
    assert sum(source in line and "ban" in line for line in daemon.log().splitlines()) == 1


def time_to_ban_ms(host, monitor, load, first):
    """From the connect() of the last connection to the commit of the element, so a little more
    than from its handshake; `first` connections came before."""
    source = host.sources()
    if first:
        load.open(source, first)
    last = load.open(source, 11 - first)
    added = monitor.wait(source)
    assert added, f"{source} was not banned"
    return (added - last.last_begun_ns()) / 1e6


def test_time_to_ban(host, guard, load):
    guard(**CONCURRENT_ONLY)
    monitor = lab.ElementMonitor(host)
    with monitor.socket:
        # the name is asked for ahead of the limit, or only when the limit is passed in one go
        for first in (10, 0):
            times = [time_to_ban_ms(host, monitor, load, first) for _ in range(5)]
            print(f"{first} before: " + " ".join(f"{t:.1f}" for t in times) + " ms")
            assert statistics.median(times) < 50


def test_ten_connections_do_not_ban(host, guard, load):
    daemon = guard()
    source = host.sources()
    load.open(source, 10)
    assert stays_unbanned(host, source)
    entry = daemon.source(source)
    assert (entry["concurrent"], entry["new"], entry["standing"]) == (10, 10, "normal")
    assert daemon.bans() == {}


def test_eleven_of_which_one_closed(host, guard, load):
    daemon = guard(**CONCURRENT_ONLY)
    source = host.sources()
    held = load.open(source, 10)
    held.close(1)
    assert lab.eventually(lambda: daemon.source(source)["concurrent"] == 9)
    load.open(source, 1)
    assert stays_unbanned(host, source)
    entry = daemon.source(source)
    assert (entry["concurrent"], entry["new"], entry["peak"]) == (10, 11, 10)


def test_eleven_handshakes_closed_at_once(host, guard, load):
    daemon = guard(**NEW_ONLY)
    source = host.sources()
    load.churn(source, 11)
    element = lab.eventually(lambda: host.banned(source))
    assert element and element["comment"] == "smtp 11>10 new/300s; no PTR"
    ban = daemon.bans()[source]
    assert (ban["limit"], ban["allowed"], ban["observed"]) == ("new", 10, 11)


def test_slow_churn_bans_by_new_with_both_limits_on(host, guard, load):
    daemon = guard()
    source = host.sources()
    for n in range(11):
        load.churn(source)
        assert lab.eventually(lambda: (daemon.source(source) or {}).get("concurrent") == 0)
        if n < 10:
            assert not host.banned(source), n
    element = lab.eventually(lambda: host.banned(source))
    assert element and element["comment"] == "smtp 11>10 new/300s; no PTR"


def test_ten_handshakes_closed_at_once(host, guard, load):
    daemon = guard()
    source = host.sources()
    load.churn(source, 10)
    assert stays_unbanned(host, source)
    entry = daemon.source(source)
    assert (entry["concurrent"], entry["new"], entry["standing"]) == (0, 10, "normal")


def test_handshakes_leave_the_window(host, guard, load):
    daemon = guard(services={"smtp": {"new": "10/2s"}})
    source = host.sources()
    load.churn(source, 10)
    assert lab.eventually(lambda: daemon.source(source)["new"] == 10)
    assert lab.eventually(lambda: daemon.source(source)["new"] == 0, 4)
    load.churn(source, 10)
    assert stays_unbanned(host, source)


def test_syns_without_handshake(host, guard):
    daemon = guard()
    source = "10.77.130.1"  # owned by nobody
    host.send_syns(source, 11)
    assert lab.eventually(lambda: (daemon.source(source) or {}).get("half_open") == 11)
    assert stays_unbanned(host, source)
    entry = daemon.source(source)
    assert (entry["concurrent"], entry["new"], entry["half_open"]) == (0, 0, 11)
    assert entry["standing"] == "normal"


def test_services_count_apart(host, guard, load):
    """465 and 587 are one service with its own limit, and smtp is another one."""
    daemon = guard()
    source = host.sources()
    load.open(source, 10)
    load.open(source, 15, port=465)
    load.open(source, 15, port=587)
    assert stays_unbanned(host, source)
    assert daemon.source(source)["concurrent"] == 10
    assert daemon.source(source, "submission")["concurrent"] == 30
    load.open(source, 1, port=587)
    element = lab.eventually(lambda: host.banned(source))
    assert element and element["comment"].startswith("submission 31>30 concurrent")


def test_redirected_port_counts(host, guard, load):
    """The local port decides, also behind DNAT."""
    daemon = guard()
    source = host.sources()
    host.server.nft("""table ip lab_nat {
        chain prerouting {
            type nat hook prerouting priority -100;
            tcp dport 2525 redirect to :25
        }
    }""")
    try:
        load.open(source, 10, port=2525)
        assert lab.eventually(lambda: (daemon.source(source) or {}).get("concurrent") == 10)
        load.open(source, 1, port=2525)
        element = lab.eventually(lambda: host.banned(source))
        assert element and element["comment"] == "smtp 11>10 concurrent; no PTR"
    finally:
        host.server.nft("delete table ip lab_nat")
