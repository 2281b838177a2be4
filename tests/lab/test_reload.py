# SPDX-License-Identifier: GPL-2.0-or-later
"""A new configuration for a running daemon: no count and no ban is lost, and a bad one changes nothing."""
import os
import signal

import pytest

import lab

SMTP_ONLY = {"services": {"smtp": {"new": "off"}}}


@pytest.fixture(scope="module")
def ports(sink):
    """Mail on more ports than the configuration knows at first."""
    sink.closers.append(lab.Load(sink.server, "--listen", "::", 26, 2525).close)
    return sink


def by_verb(daemon):
    assert daemon.ask("reload")["ok"]


def by_signal(daemon):
    told = daemon.log().count("is in force")
    os.kill(daemon.pid(), signal.SIGHUP)
    assert lab.eventually(lambda: daemon.log().count("is in force") > told)


def by_command(daemon):
    code, _, err = daemon.command("reload")
    assert code == 0 and not err


def kept(bans):
    return {source: (ban["since"], ban["expires"], ban["comment"]) for source, ban in bans.items()}


def counted(daemon, source, service="smtp"):
    return (daemon.source(source, service) or {}).get("concurrent")


@pytest.mark.parametrize("how", [by_verb, by_signal, by_command])
def test_ports_are_added(ports, guard, load, how):
    daemon = guard(**SMTP_ONLY)
    source, banned, prefix = ports.sources(), ports.sources(), ports.network6()
    held = load.open(source, 4)
    early = load.open(source, 3, port=2525)
    load.open(f"{prefix}:1", 7)
    load.open(banned, 11)
    assert lab.eventually(lambda: ports.banned(banned))
    before, peak = kept(daemon.bans()), daemon.source(source)["peak"]
    element = ports.banned(banned)

    daemon.configure(services={"smtp": {"ports": [25, 26, 2525]}})
    how(daemon)
    assert daemon.status()["services"]["smtp"]["ports"] == [25, 26, 2525]
    # what was there before the reload counts too, by the dump that follows
    assert lab.eventually(lambda: counted(daemon, source) == 7), daemon.source(source)
    assert counted(daemon, f"{prefix}:/64") == 7 and daemon.source(source)["peak"] >= peak
    assert kept(daemon.bans()) == before
    now = ports.banned(banned)
    assert now["comment"] == element["comment"] and now["expires"] <= element["expires"]
    assert not load.open(banned, port=26, wait=False).reaches("opened", 1, 0.7)
    load.open(source, 3, port=26)
    assert counted(daemon, source) == 10 and not ports.banned(source)
    late = load.open(source, 1, port=2525)
    assert lab.eventually(lambda: ports.banned(source))["comment"].startswith("smtp 11>10")
    for group in (held, early, late):
        group.wait("ended", group.size, 2)


def test_port_moves_to_another_service(ports, guard, load):
    daemon = guard(**SMTP_ONLY)
    source, other = ports.sources(), ports.sources()
    load.open(source, 6)
    load.open(source, 5, port=587)
    load.open(other, 5)
    load.open(other, 5, port=587)
    assert lab.eventually(lambda: counted(daemon, other, "submission") == 5)
    daemon.reload(services={"smtp": {"ports": [25, 587]}, "submission": {"ports": [465]}})
    assert counted(daemon, other) == 10 and not counted(daemon, other, "submission")
    element = lab.eventually(lambda: ports.banned(source))
    assert element and element["comment"].startswith("smtp 11>10 concurrent")
    assert set(daemon.bans()) == {source}
    load.open(other, 1, port=587)
    assert lab.eventually(lambda: ports.banned(other))


def test_service_goes_and_comes(ports, guard, load):
    daemon = guard(**SMTP_ONLY)
    source, banned = ports.sources(), ports.sources()
    load.open(source, 8)
    load.open(source, 20, port=465)
    load.open(banned, 31, port=587)
    assert lab.eventually(lambda: ports.banned(banned))
    before = kept(daemon.bans())
    submission = daemon.settings["services"].pop("submission")
    daemon.reload()
    assert set(daemon.status()["services"]) == {"smtp"}
    assert counted(daemon, source) == 8 and not daemon.source(source, "submission")
    assert kept(daemon.bans()) == before
    # unguarded: open to everybody, the banned one included
    load.open(source, 20, port=465)
    load.open(banned, 1, port=465)
    assert not load.open(banned, wait=False).reaches("opened", 1, 0.7)
    daemon.reload(services={"submission": dict(submission, concurrent=100)})
    assert lab.eventually(lambda: counted(daemon, source, "submission") == 40)
    assert counted(daemon, source) == 8 and kept(daemon.bans()) == before


def test_limits_are_judged_at_once(sink, guard, load):
    daemon = guard(**SMTP_ONLY)
    source, small = sink.sources(), sink.sources()
    held = load.open(source, 8)
    load.open(small, 5)
    assert lab.eventually(lambda: counted(daemon, source) == 8)
    daemon.reload(services={"smtp": {"concurrent": 5}})
    element = lab.eventually(lambda: sink.banned(source))
    assert element and element["comment"].startswith("smtp 8>5 concurrent")
    held.wait("ended", 8, 2)
    assert set(daemon.bans()) == {source}
    daemon.reload(services={"smtp": {"concurrent": 50}})
    load.open(small, 20)
    assert set(daemon.bans()) == {source}


def test_allow_files_are_read_again(sink, guard, load):
    daemon = guard(**SMTP_ONLY)
    source = sink.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))
    path = os.path.join(daemon.directory, "allow.d", "test.list")
    with open(path, "w") as out:
        out.write(source + "\n")
    daemon.reload()
    assert lab.eventually(lambda: sink.elements("banned4") == {} and not daemon.bans())
    assert set(sink.elements("allowed4")) == {source}
    load.open(source, 40)
    os.unlink(path)
    daemon.reload()
    assert sink.elements("allowed4") == {}
    assert lab.eventually(lambda: sink.banned(source))


def test_observe_and_back(sink, guard, load):
    daemon = guard(**SMTP_ONLY)
    source, late = sink.sources(), sink.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))
    daemon.reload(mode="observe")
    status = daemon.status()
    assert status["mode"] == "observe" and not status["enforcing"]
    load.open(source, 1)
    load.open(late, 11)
    assert lab.eventually(lambda: daemon.standing(late) == "over-limit")
    daemon.reload(mode="enforce")
    assert daemon.status()["enforcing"]
    assert lab.eventually(lambda: sink.banned(source) and sink.banned(late))


def test_bad_file_changes_nothing(sink, guard, load):
    daemon = guard(**SMTP_ONLY)
    source = sink.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))

    def view():
        status = daemon.status()
        return (status["mode"], status["enforcing"], status["reconcile"]["tables_loaded"],
                {name: service["concurrent"] for name, service in status["services"].items()},
                kept(daemon.bans()),
                sink.server.run("nft", "-s", "-t", "list", "table", "inet", "smtpguard"))

    before = view()
    daemon.configure(services={"smtp": {"concurrent": "many", "ports": [25, 99999]}}, mode="bold")
    answer = daemon.ask("reload")
    assert answer["code"] == "bad-configuration"
    assert len(answer["problems"]) == 3 and answer["message"] == answer["problems"][0]
    for word in ("mode", "concurrent", "99999"):
        assert any(daemon.config_path in p and word in p for p in answer["problems"]), word
    code, out, err = daemon.command("reload")
    assert code == 1 and not out and all(p.split(": ", 1)[1] in err for p in answer["problems"])
    told = daemon.log().count("nothing has changed")
    os.kill(daemon.pid(), signal.SIGHUP)
    assert lab.eventually(lambda: daemon.log().count("nothing has changed") > told)
    assert "99999" in daemon.log()
    assert view() == before
    load.open(sink.sources(), 10)


@pytest.mark.parametrize("group,key,value", [
    ("sources", "ipv4_prefix", 24), ("sources", "max_flows", 2048), ("bans", "max_bans", 100),
    ("ledger", "path", "/elsewhere/ledger.db"), ("control", "max_clients", 3),
    ("resolver", "cache", 512)])
def test_what_only_a_start_can_change(sink, guard, group, key, value):
    daemon = guard()
    daemon.configure(**{group: {key: value}, "bans": {"duration": "3h", **(
        {key: value} if group == "bans" else {})}})
    answer = daemon.ask("reload")
    assert answer["code"] == "bad-configuration" and len(answer["problems"]) == 1
    assert f"{group}.{key}: cannot change" in answer["message"] and "restart" in answer["message"]
    assert daemon.ask("ban 10.77.99.9")["ok"]
    assert lab.eventually(lambda: sink.banned("10.77.99.9"))["timeout"] == 3600


def test_times_of_bans(sink, guard):
    """Bans that run keep their time; later ones take the new one."""
    daemon = guard()
    assert daemon.ask("ban 10.77.98.1")["ok"]
    daemon.reload(bans={"duration": "2h", "action": "reject", "close_connections": False})
    assert daemon.ask("ban 10.77.98.2")["ok"]
    assert lab.eventually(lambda: sink.banned("10.77.98.2"))["timeout"] == 7200
    assert sink.banned("10.77.98.1")["timeout"] == 3600
    assert "reject with tcp reset" in sink.server.run("nft", "list", "chain", "inet", "smtpguard",
                                                      "guarded")


def test_counts_behind_destination_nat(ports, guard, load):
    """A service that moves behind DNAT: the local port is what the configuration names."""
    daemon = guard(**SMTP_ONLY)
    source = ports.sources()
    load.open(source, 4)
    ports.server.nft(f"""table ip lab_nat {{
        chain prerouting {{
            type nat hook prerouting priority -100;
            tcp dport 24 dnat to {lab.SERVER4}:2525
        }}
    }}""")
    try:
        load.open(source, 3, port=24)
        daemon.reload(services={"smtp": {"ports": [25, 2525]}})
        assert lab.eventually(lambda: counted(daemon, source) == 7)
        held = load.open(source, 4, port=24)
        assert lab.eventually(lambda: ports.banned(source))
        held.wait("ended", 4, 2)
        assert not load.open(source, port=24, wait=False).reaches("opened", 1, 0.7)
    finally:
        ports.server.nft("delete table ip lab_nat")
