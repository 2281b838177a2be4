# SPDX-License-Identifier: GPL-2.0-or-later
"""`mode` while the daemon runs: no count and no ban is lost, and an order outlasts reloads, not restarts."""
import os
import signal

import pytest

import lab

SMTP_ONLY = {"services": {"smtp": {"new": "off"}}}


def order(daemon, mode):
    answer = daemon.ask(f"mode {mode}")
    assert answer == {"ok": True, "mode": mode, "ordered": True}


def modes(daemon):
    """What holds, whether bans are enforced, and whether it was ordered."""
    status = daemon.status()
    return status["mode"], status["enforcing"], status["mode_ordered"]


def kept(ban):
    return ban["since"], ban["expires"], ban["comment"], ban["earlier"]


def counted(daemon, source):
    return (daemon.source(source) or {}).get("concurrent")


def test_observe_and_back(sink, guard, load):
    daemon = guard(bans={"close_connections": False}, **SMTP_ONLY)
    source, late, quiet = sink.sources(), sink.sources(), sink.sources()
    load.open(quiet, 7)
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))
    before, peak = daemon.bans()[source], daemon.source(quiet)["peak"]
    assert not load.open(source, wait=False).reaches("opened", 1, 0.7)
    assert modes(daemon) == ("enforce", True, False)

    order(daemon, "observe")
    assert modes(daemon) == ("observe", False, True)
    assert counted(daemon, quiet) == 7 and daemon.source(quiet)["peak"] == peak
    load.open(source, 1)
    load.open(late, 11)
    assert lab.eventually(lambda: daemon.standing(late) == "over-limit")

    order(daemon, "enforce")
    assert modes(daemon) == ("enforce", True, True)
    # at once, without another connection
    assert lab.eventually(lambda: sink.banned(source) and sink.banned(late))
    assert kept(daemon.bans()[source]) == kept(before)
    assert counted(daemon, quiet) == 7 and not sink.banned(quiet)
    assert not load.open(late, wait=False).reaches("opened", 1, 0.7)


def test_blocks_and_ceilings_follow(sink, guard, load):
    daemon = guard(services={"smtp": {"new": "off", "ceiling": 12}})
    assert daemon.ask("ban 10.77.90.0/24")["ok"]
    table = sink.server.run("nft", "list", "table", "inet", "smtpguard")
    assert "10.77.90.0/24" in table and "ct count" in table
    order(daemon, "observe")
    assert "ct count" not in sink.server.run("nft", "list", "table", "inet", "smtpguard")
    source = sink.sources()
    load.open(source, 20)
    order(daemon, "enforce")
    assert "10.77.90.0/24" in sink.elements("blocked4")
    assert "ct count" in sink.server.run("nft", "list", "table", "inet", "smtpguard")


def by_verb(daemon):
    assert daemon.ask("reload")["ok"]


def by_signal(daemon):
    told = daemon.log().count("is in force")
    os.kill(daemon.pid(), signal.SIGHUP)
    assert lab.eventually(lambda: daemon.log().count("is in force") > told)


@pytest.mark.parametrize("how", [by_verb, by_signal])
def test_order_outlasts_reloads(sink, guard, load, how):
    daemon = guard(**SMTP_ONLY)
    order(daemon, "observe")
    daemon.configure(services={"smtp": {"concurrent": 5}})
    how(daemon)
    assert modes(daemon) == ("observe", False, True)
    source = sink.sources()
    load.open(source, 6)
    assert lab.eventually(lambda: daemon.standing(source) == "over-limit")
    # a bad file does not change it either
    daemon.configure(mode="bold")
    assert not daemon.ask("reload")["ok"]
    assert modes(daemon) == ("observe", False, True)
    daemon.configure(mode="observe")
    order(daemon, "enforce")
    how(daemon)
    assert modes(daemon) == ("enforce", True, True)
    assert lab.eventually(lambda: sink.banned(source))


def test_order_ends_with_the_daemon(guard, sink):
    daemon = guard()
    order(daemon, "observe")
    daemon.restart()
    assert modes(daemon) == ("enforce", True, False)
    order(daemon, "observe")
    daemon.restart(mode="observe")
    assert modes(daemon) == ("observe", False, False)


@pytest.mark.parametrize("flag", [False, True])
def test_enforce_although_started_to_observe(sink, guard, load, flag):
    daemon = guard(arguments=["--observe"]) if flag else guard(mode="observe")
    source = sink.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: daemon.standing(source) == "over-limit")
    assert not sink.elements("banned4")
    assert daemon.ask("mode") == {"ok": True, "mode": "observe", "ordered": False}
    order(daemon, "enforce")
    assert lab.eventually(lambda: sink.banned(source))
    assert daemon.ask("mode") == {"ok": True, "mode": "enforce", "ordered": True}


def test_service_that_observes_goes_on(sink, guard, load):
    daemon = guard(services={"smtp": {"new": "off"}, "submission": {"mode": "observe"}})
    source, banned = sink.sources(), sink.sources()
    order(daemon, "observe")
    order(daemon, "enforce")
    services = daemon.status()["services"]
    assert (services["smtp"]["mode"], services["submission"]["mode"]) == ("enforce", "observe")
    load.open(source, 31, port=587)
    load.open(banned, 11)
    assert lab.eventually(lambda: sink.banned(banned))
    assert daemon.standing(source, "submission") == "over-limit"
    assert set(sink.elements("banned4")) == {banned}


def test_gate_opens_and_closes(sink, gate, load):
    daemon = gate()
    nameless, other = sink.sources(), sink.sources()
    load.open(nameless, wait=False)
    assert lab.eventually(lambda: nameless in sink.elements("refused4"))
    order(daemon, "observe")
    load.open(nameless, 1)
    load.open(other, 1)
    order(daemon, "enforce")
    load.open(other, wait=False)
    assert lab.eventually(lambda: other in sink.elements("refused4"))


def test_many_orders_lose_nothing(sink, guard, load):
    daemon = guard(**SMTP_ONLY)
    source, banned = sink.sources(), sink.sources()
    load.open(source, 9)
    load.open(banned, 11)
    assert lab.eventually(lambda: sink.banned(banned))
    before = kept(daemon.bans()[banned])
    for _ in range(10):
        order(daemon, "observe")
        order(daemon, "enforce")
    assert counted(daemon, source) == 9
    assert kept(daemon.bans()[banned]) == before and sink.banned(banned)
    assert daemon.status()["reconcile"]["tables_loaded"] == 21


def test_bans_of_the_ledger_come_back(sink, guard, load):
    """A daemon that started to observe has them in its file only."""
    daemon = guard(**SMTP_ONLY)
    source, spared = sink.sources(), sink.sources()
    for one in (source, spared):
        load.open(one, 11)
        assert lab.eventually(lambda: sink.banned(one))
    before = kept(daemon.bans()[source])
    daemon.restart(mode="observe")
    assert daemon.bans() == {}
    load.open(source, 1)
    assert daemon.ask(f"unban {spared}")["code"] == "not-banned"
    order(daemon, "enforce")
    assert set(daemon.bans()) == {source} == set(sink.elements("banned4"))
    assert kept(daemon.bans()[source]) == before
    assert not load.open(source, wait=False).reaches("opened", 1, 0.7)
    # by the file as well
    daemon.restart(mode="observe")
    daemon.reload(mode="enforce")
    assert kept(daemon.bans()[source]) == before and sink.banned(source)
