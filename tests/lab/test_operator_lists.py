# SPDX-License-Identifier: GPL-2.0-or-later
"""Prefixes that an operator bans or allows: the answers, the kernel's sets, what ends and what stays."""
import lab

NETWORK, INSIDE, OUTSIDE = "10.77.100.0/24", "10.77.100.77", "10.77.101.1"


def ok(daemon, line):
    answer = daemon.ask(line)
    assert answer["ok"], (line, answer)
    return answer


def refused(daemon, line):
    answer = daemon.ask(line)
    assert not answer["ok"], (line, answer)
    return answer["code"]


def blocked(host, family=4):
    return set(host.elements(f"blocked{family}"))


def allowed(host, family=4):
    return set(host.elements(f"allowed{family}"))


def passes(load, source, port=25):
    return load.open(source, port=port, wait=False).reaches("opened", 1, 0.7)


def test_banned_prefix(sink, guard, load, events):
    daemon = guard()
    seen = events(daemon)
    held, other = load.open(INSIDE, 3), load.open(OUTSIDE, 3)
    answer = ok(daemon, f'ban {NETWORK} for=10m reason="spam network"')
    assert answer["block"]["prefix"] == NETWORK and answer["block"]["reason"] == "spam network"
    element = lab.eventually(lambda: sink.elements("blocked4").get(NETWORK))
    assert element["timeout"] == 600 and element["comment"] == "spam network"
    held.wait("ended", 3, 2)
    assert not passes(load, INSIDE) and not passes(load, INSIDE, 465) and passes(load, OUTSIDE)
    assert other.count()["established"] == 3
    ban = daemon.bans()[NETWORK]
    assert ban["kind"] == "block" and 590 <= ban["remaining_s"] <= 600
    assert daemon.ask(f"explain {INSIDE}")["block"]["prefix"] == NETWORK
    assert seen.wait("ban", NETWORK)
    assert refused(daemon, f"unban {INSIDE}") == "covered"
    assert not passes(load, INSIDE)
    assert ok(daemon, f"unban {NETWORK}")["unbanned"] == 1
    assert lab.eventually(lambda: not blocked(sink))
    assert passes(load, INSIDE)


def test_overlaps_and_duplicates(sink, guard):
    daemon = guard()
    ok(daemon, "ban 10.77.102.0/25 for=1h")
    ok(daemon, "ban 10.77.102.128/25 for=2h")
    assert lab.eventually(lambda: blocked(sink) == {"10.77.102.0/25", "10.77.102.128/25"})
    assert refused(daemon, "ban 10.77.102.64/26 for=3h") == "covered"
    assert refused(daemon, "ban 10.77.102.0/24 for=90m") == "overlaps"
    assert blocked(sink) == {"10.77.102.0/25", "10.77.102.128/25"}
    # the same again: the new time counts, be it shorter
    ok(daemon, "ban 10.77.102.128/25 for=30m")
    assert lab.eventually(lambda: sink.elements("blocked4")["10.77.102.128/25"]["timeout"] == 1800)
    ok(daemon, "ban 10.77.102.0/24 for=90m")
    assert lab.eventually(lambda: blocked(sink) == {"10.77.102.0/24"})
    assert set(daemon.bans()) == {"10.77.102.0/24"}
    ok(daemon, "ban fd77:1:0:ff00::/56 for=forever")
    assert lab.eventually(lambda: blocked(sink, 6) == {"fd77:1:0:ff00::/56"})
    assert "timeout" not in sink.elements("blocked6")["fd77:1:0:ff00::/56"]
    for line in ("ban 127.0.0.0/8", f"ban {lab.SERVER4}/24", "ban 0.0.0.0/0", "ban 10.77.102.1/24"):
        assert refused(daemon, line) in ("never-listed", "bad-command"), line
    assert ok(daemon, "unban all")["unbanned"] == 2
    assert lab.eventually(lambda: not blocked(sink) and not blocked(sink, 6))


def test_unban_of_a_prefix_lifts_what_is_in_it(sink, guard):
    daemon = guard()
    for target in ("10.77.103.1", "10.77.103.2", "10.77.103.64/26", "10.77.104.1"):
        ok(daemon, f"ban {target}")
    assert lab.eventually(lambda: len(sink.elements("banned4")) == 3)
    assert ok(daemon, "unban 10.77.103.0/24")["unbanned"] == 3
    assert lab.eventually(lambda: set(sink.elements("banned4")) == {"10.77.104.1"})
    assert not blocked(sink) and set(daemon.bans()) == {"10.77.104.1"}
    assert refused(daemon, "unban 10.77.103.0/24") == "not-banned"


def test_allow_lifts_and_spares(sink, guard, load):
    daemon = guard()
    banned = "10.77.105.5"
    load.open(banned, 11)
    assert lab.eventually(lambda: sink.banned(banned))
    ok(daemon, "ban 10.77.105.64/26")
    answer = ok(daemon, 'allow add 10.77.105.0/24 for=1h comment="the office"')
    assert answer["lifted"] == 2 and answer["allow"]["comment"] == "the office"
    assert lab.eventually(lambda: allowed(sink) == {"10.77.105.0/24"})
    assert lab.eventually(lambda: sink.elements("banned4") == {} and not blocked(sink))
    load.open(banned, 40)
    load.open("10.77.105.70", 40)
    assert refused(daemon, "ban 10.77.105.9") == "never-listed"
    assert refused(daemon, "ban 10.77.105.0/25") == "never-listed"
    # an allowed address in a blocked prefix gets through
    ok(daemon, "ban 10.77.106.0/24")
    ok(daemon, "allow add 10.77.106.6")
    assert lab.eventually(lambda: "10.77.106.6" in allowed(sink))
    assert passes(load, "10.77.106.6") and not passes(load, "10.77.106.7")
    assert refused(daemon, "allow add 10.77.105.1") == "covered"
    assert refused(daemon, "allow remove 10.77.105.1") == "not-listed"
    ok(daemon, "allow remove 10.77.105.0/24")
    assert lab.eventually(lambda: allowed(sink) == {"10.77.106.6"})
    # what is allowed no more is held to the limits again
    load.open("10.77.105.70")
    assert lab.eventually(lambda: sink.banned("10.77.105.70"))


def test_an_allowed_address_spares_its_ipv6_network(sink, guard, load):
    daemon = guard()
    prefix = sink.network6()
    load.open(f"{prefix}:1", 11)
    assert lab.eventually(lambda: sink.banned(f"{prefix}:"))
    assert ok(daemon, f"allow add {prefix}:1")["lifted"] == 1
    assert lab.eventually(lambda: sink.elements("banned6") == {})
    assert allowed(sink, 6) == {f"{prefix}:1"}
    load.open(f"{prefix}:1", 30)


def test_ends(sink, guard, load):
    daemon = guard()
    ok(daemon, "ban 10.77.107.0/24 for=2s")
    ok(daemon, "allow add 10.77.108.1 for=2s")
    ok(daemon, "ban 10.77.109.1 for=2s")
    assert lab.eventually(lambda: blocked(sink) == {"10.77.107.0/24"} and
                          allowed(sink) == {"10.77.108.1"} and sink.elements("banned4"))
    late = load.open("10.77.107.7", wait=False)
    assert not late.reaches("opened", 1, 0.7)
    assert lab.eventually(lambda: not blocked(sink) and not allowed(sink) and
                          not sink.elements("banned4"), 4)
    assert lab.eventually(lambda: daemon.bans() == {} and daemon.ask("allow list")["total"] == 0, 2)
    assert late.reaches("opened", 1, 5)
    load.open("10.77.108.1", 11)
    assert lab.eventually(lambda: sink.banned("10.77.108.1"))


def test_lists_show_files_and_operator(sink, guard):
    daemon = guard(allow="10.77.110.0/24\nfd77:1:0:110::/64\n10.77.111.1\n")
    ok(daemon, 'allow add 10.77.112.0/23 comment="branch"')
    ok(daemon, "allow add 10.77.110.9")
    listed = {entry["prefix"]: entry for entry in daemon.ask("allow list")["allowed"]}
    assert {p: e["from"] for p, e in listed.items()} == {
        "10.77.110.0/24": "file", "fd77:1:0:110::/64": "file", "10.77.111.1": "file",
        "10.77.112.0/23": "operator", "10.77.110.9": "operator"}
    assert listed["10.77.112.0/23"]["comment"] == "branch"
    # an entry inside another one is merged by the kernel
    assert lab.eventually(lambda: allowed(sink) == {"10.77.110.0/24", "10.77.111.1",
                                                    "10.77.112.0/23"})
    assert allowed(sink, 6) == {"fd77:1:0:110::/64"}
    code, out, _ = daemon.command("allow", "list")
    assert code == 0 and "branch" in out and "10.77.111.1" in out
    ok(daemon, "allow remove 10.77.110.9")
    assert lab.eventually(lambda: daemon.ask("allow list")["total"] == 4)
    assert "10.77.110.0/24" in allowed(sink)
    assert refused(daemon, "allow remove 10.77.111.1") == "not-listed"


def test_lists_outlive_the_daemon(sink, guard, load):
    daemon = guard()
    ok(daemon, 'ban 10.77.113.0/24 for=1h reason="kept"')
    ok(daemon, 'allow add 10.77.114.1 for=1h comment="kept too"')
    before = daemon.ask("allow list"), daemon.bans()
    daemon.kill()
    assert not passes(load, "10.77.113.1")
    daemon.start()
    assert daemon.ask("allow list") == before[0]
    after = daemon.bans()
    assert (after["10.77.113.0/24"]["expires"], after["10.77.113.0/24"]["comment"]) == \
        (before[1]["10.77.113.0/24"]["expires"], before[1]["10.77.113.0/24"]["comment"])
    assert sink.elements("blocked4")["10.77.113.0/24"]["comment"] == "kept"
    assert not passes(load, "10.77.113.1")
    load.open("10.77.114.1", 30)


def test_flush(sink, guard, load):
    daemon = guard(services={"smtp": {"new": "off"}})
    source = sink.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))
    ok(daemon, "ban 10.77.115.0/24")
    ok(daemon, "allow add 10.77.116.1")
    code, out, _ = daemon.command("flush")
    assert code == 0 and out
    assert lab.eventually(lambda: sink.elements("banned4") == {} and not blocked(sink))
    assert daemon.bans() == {} and allowed(sink) == {"10.77.116.1"}
    # no grace was given
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))

    assert daemon.command("flush", "--all")[0] == 0
    assert sink.elements("banned4") is None
    status = daemon.status()
    assert not status["enforcing"] and "flush --all" in status["unenforceable"]
    assert daemon.problems("flush --all")
    load.open(source, 1)
    daemon.reload()
    assert daemon.status()["enforcing"] and allowed(sink) == {"10.77.116.1"}
    late = sink.sources()
    load.open(late, 11)
    assert lab.eventually(lambda: sink.banned(late))
