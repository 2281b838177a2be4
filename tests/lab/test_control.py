# SPDX-License-Identifier: GPL-2.0-or-later
"""What operators do: ban and unban by hand, who may, and the command line on a real daemon."""
import json
import os
import subprocess

import pytest

import lab

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
GROUP = "mail"


def test_ban_by_hand(host, guard, load, events):
    daemon = guard()
    seen = events(daemon)
    source, other = host.sources(), host.sources()
    held = load.open(source, 2)
    assert daemon.ask(f'ban {source} for=10m reason="spam run"')["ok"]
    element = lab.eventually(lambda: host.banned(source))
    assert element and element["timeout"] == 600 and element["comment"] == "operator: spam run"
    assert daemon.bans()[source]["limit"] == "operator"
    assert seen.wait("ban", source)["comment"] == "operator: spam run"
    assert not load.open(source, 1, wait=False).reaches("established", 1, 1.5)
    load.open(other, 1)

    # a second ban renews the first one's time, on every kernel
    assert daemon.ask(f"ban {source} for=2h")["ok"]
    assert lab.eventually(lambda: host.banned(source)["timeout"] == 7200)
    assert host.banned(source)["expires"] > 7100
    assert len(daemon.bans()) == 1
    held.close()


def test_unban_gives_grace(host, guard, load, events):
    daemon = guard(trust={"unban_grace": "4s"}, services={"smtp": {"new": "off"}})
    seen = events(daemon)
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    assert daemon.ask(f"unban {source}")["ok"]
    assert lab.eventually(lambda: host.elements("banned4") == {})
    assert seen.wait("unban", source)
    load.open(source, 12)
    assert not lab.eventually(lambda: host.banned(source), 1.0)
    assert daemon.standing(source) == "exempt"
    assert daemon.ask(f"explain {source}")["trusted_until"]
    # the grace is over, and the source goes on
    assert lab.eventually(lambda: not daemon.ask(f"explain {source}")["trusted_until"], 6)
    load.open(source, 1)
    element = lab.eventually(lambda: host.banned(source))
    assert element and element["comment"].startswith("smtp 13>10 concurrent")


def test_unban_with_trust(host, guard, load):
    daemon = guard(trust={"unban_grace": "1s"})
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    assert daemon.ask(f"unban {source} trust=1h")["ok"]
    assert lab.eventually(lambda: host.elements("banned4") == {})
    load.open(source, 9)
    assert not lab.eventually(lambda: host.banned(source), 2.5)


@pytest.fixture
def reachable(guard):
    """A daemon whose socket anybody may connect to: what then counts is who asks."""
    daemon = guard(control={"group": GROUP})
    mode = os.stat(daemon.socket_path)
    assert mode.st_mode & 0o777 == 0o660
    assert lab.run(["stat", "-c", "%U:%G", daemon.socket_path]).strip() == f"root:{GROUP}"
    os.chmod(daemon.socket_path, 0o666)
    return daemon


def ask_as(prefix, daemon, line):
    code = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.settimeout(5); "
            "s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode()+b'\\n'); "
            "sys.stdout.write(s.makefile().readline())")
    done = subprocess.run([*prefix, "/usr/bin/python3", "-I", "-c", code, daemon.socket_path, line],
                          stdout=subprocess.PIPE, universal_newlines=True, timeout=20, check=True)
    return json.loads(done.stdout)


def test_others_may_read_only(host, reachable):
    assert ask_as(NOBODY, reachable, "status")["ok"]
    assert ask_as(NOBODY, reachable, "bans")["ok"]
    for line in ("ban 10.77.70.1", "unban all"):
        answer = ask_as(NOBODY, reachable, line)
        assert not answer["ok"] and answer["code"] == "permission-denied", answer
    assert host.elements("banned4") == {}
    assert reachable.bans() == {}


@pytest.mark.parametrize("how", ["primary", "supplementary"])
def test_the_group_may_change(host, reachable, how):
    gid = lab.run(["getent", "group", GROUP]).split(":")[2]
    prefix = ["setpriv", "--reuid", "65534"]
    prefix += ["--regid", gid, "--clear-groups"] if how == "primary" else \
        ["--regid", "65534", "--groups", gid]
    source = host.sources()
    assert ask_as(prefix, reachable, f"ban {source}")["ok"]
    assert lab.eventually(lambda: host.banned(source))


def test_mail_flows_again_after_expiry(host, guard, load, events):
    daemon = guard(bans={"duration": "3s"}, services={"smtp": {"new": "10/2s"}})
    seen = events(daemon)
    source = host.sources()
    load.churn(source, 11)
    assert lab.eventually(lambda: host.banned(source))["timeout"] == 3
    late = load.open(source, 1, wait=False)
    assert not late.reaches("established", 1, 0.8)
    assert seen.wait("expire", source, 6)
    assert lab.eventually(lambda: host.elements("banned4") == {}, 2)
    assert daemon.bans() == {} and daemon.ask(f"explain {source}")["ban"] is None
    assert late.reaches("established", 1, 10), "its SYN is sent again and now answered"
    load.open(source, 1)


def test_ban_ends_live_connections(host, guard, load):
    daemon = guard()
    source, other = host.sources(), host.sources()
    kept = load.open(other, 5)
    held = [load.open(source, 2, port=465), load.open(source, 11)]
    assert lab.eventually(lambda: host.banned(source))
    for one in held:
        one.wait("ended", one.size, 2)
    assert lab.eventually(lambda: set(host.established()) == {other}, 1)
    assert not host.established(465)
    # no later event tells of them: they are counted off at once
    assert lab.eventually(lambda: daemon.source(source)["concurrent"] == 0, 1)
    assert source not in host.tracked()
    assert daemon.source(other)["concurrent"] == kept.count()["established"] == 5
    assert daemon.status()["closer"]["sockets_closed"] >= 13


def test_ban_leaves_live_connections_if_told_so(host, guard, load):
    guard(bans={"close_connections": False})
    source = host.sources()
    held = load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    assert not held.reaches("ended", 1, 1.0)
    assert host.established()[source] == held.count()["established"] == 11


def test_banned_source_is_refused_others_are_not(host, guard, load):
    guard()
    source, other = host.sources(), host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    for port in (25, 465, 587):
        assert not load.open(source, 1, port=port, wait=False).reaches("established", 1, 1.2)
        load.open(other, 1, port=port)
    # only the guarded ports are closed to it
    web = lab.Load(host.server, "--listen", lab.SERVER4, 8080)
    try:
        load.open(source, 1, port=8080)
    finally:
        web.close()


def test_command_line(host, guard, load):
    """The command on the real daemon: exit codes, tables and JSON."""
    daemon = guard()
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    for verb in ("status", "sources", "bans"):
        code, out, err = daemon.command(verb)
        assert code == 0 and out and not err, (verb, out, err)
        code, out, _ = daemon.command(verb, "--json")
        assert code == 0 and json.loads(out)["ok"]
    assert source in daemon.command("bans")[1]
    assert "no PTR" in daemon.command("bans")[1]
    code, out, _ = daemon.command("explain", source)
    assert code == 0 and "11" in out
    assert daemon.command("unban", source)[0] == 0
    assert lab.eventually(lambda: host.elements("banned4") == {})
    assert daemon.command("ban", source, "--for", "5m")[0] == 0
    assert lab.eventually(lambda: host.banned(source))
    code, _, err = daemon.command("ban", "127.0.0.1")
    assert code == 1 and "loopback" in err
    assert daemon.command("no-such-verb")[0] == 2
    assert daemon.command("ban", "not-an-address")[0] in (1, 2)
    assert daemon.stop() == 0
    code, _, err = daemon.command("status")
    assert code == 3 and err
