# SPDX-License-Identifier: GPL-2.0-or-later
"""Observe mode: everything is decided and told, nothing is done."""
import lab


def test_observe_whole_program(host, guard, load, events):
    daemon = guard(mode="observe")
    check_observing(host, daemon, load, events)


def test_observe_flag(host, guard, load, events):
    daemon = guard(arguments=["--observe"])
    check_observing(host, daemon, load, events)


def check_observing(host, daemon, load, events):
    seen = events(daemon)
    source = host.sources()
    load.open(source, 11)
    decision = seen.wait("observe", source)
    assert decision and decision["comment"] == "smtp 11>10 concurrent; no PTR"
    assert daemon.standing(source) == "over-limit"
    # the sets may be there, empty, or not there at all
    assert not host.elements("banned4") and not host.elements("banned6")
    assert daemon.bans() == {}
    status = daemon.status()
    assert status["mode"] == "observe" and status["bans"]["decisions"]["observe"] == 1
    load.open(source, 1)
    assert not seen.find("ban", source)

    answer = daemon.ask(f"ban {source}")
    assert not answer["ok"] and not host.elements("banned4")


def test_observe_one_service(host, guard, load, events):
    daemon = guard(services={"submission": {"mode": "observe", "concurrent": 10}})
    seen = events(daemon)
    observed, banned = host.sources(), host.sources()
    load.open(observed, 11, port=587)
    decision = seen.wait("observe", observed)
    assert decision and decision["service"] == "submission"
    load.open(banned, 11)
    assert lab.eventually(lambda: host.banned(banned))
    assert set(host.elements("banned4")) == {banned}
    assert daemon.status()["services"]["submission"]["mode"] == "observe"
    load.open(observed, 1)


def test_ban_of_one_service_spares_ports_of_the_observed(host, guard, load):
    """What an observed service would not do itself is not done to it by another one either."""
    guard(services={"submission": {"mode": "observe"}})
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    assert not load.open(source, 1, wait=False).reaches("established", 1, 1.5)
    load.open(source, 1, port=587)


def test_observing_for_a_while_loses_no_ban(host, guard, load):
    daemon = guard()
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    before = daemon.bans()[source]
    daemon.restart(mode="observe")
    load.open(source, 1)
    assert daemon.bans() == {}
    daemon.restart(mode="enforce")
    after = daemon.bans()[source]
    assert (after["since"], after["expires"], after["comment"]) == \
        (before["since"], before["expires"], before["comment"])
    assert host.banned(source)
