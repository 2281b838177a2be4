# SPDX-License-Identifier: GPL-2.0-or-later
"""What stops the daemon from going too far: the size of the sets, bans per minute, and a kernel that
does not take the ruleset."""
import subprocess
import time

import lab

TRACKING = """table inet tracking {
    chain input {
        type filter hook input priority 0;
        ct state new counter
    }
}
"""


def smtp(**settings):
    """Decisions that wait for no name, and no ceiling in the way."""
    return {"smtp": {"new": "off", "reverse_dns": "ignore", "ceiling": "off", **settings}}


def test_worst_offenders_stay(sink, guard):
    """20 000 sources over the limit when the daemon starts, 16 384 places."""
    worse, lesser, places = 6000, 14000, 16384
    sink.server.nft(TRACKING)
    loads = []
    try:
        # a process has at most 20 000 connections
        loads = [lab.Load(sink.client) for _ in range(3)]
        loads += [lab.Load(sink.server, "--listen", "::", 25) for _ in range(3)]
        loads[0].open(lab.CROWD, 3, sources=worse, to=lab.SERVER4)
        loads[1].open("10.78.64.1", 2, sources=lesser // 2, to=lab.SERVER4)
        loads[2].open("10.78.128.1", 2, sources=lesser // 2, to=lab.SERVER4)
        began = time.monotonic()
        daemon = guard(services=smtp(concurrent=1),
                       bans={"max_bans": places, "max_per_minute": 60000})

        def settled():
            """Everybody was judged: is banned, over the limit, or had its ban and lost it again."""
            status = daemon.status()
            over = status["services"]["smtp"]["standings"]["over-limit"]
            return over + status["bans"]["replaced"] == worse + lesser - places \
                and status["bans"]["enforced"] == places

        assert lab.eventually(settled, 20, 0.2), daemon.status()["bans"]
        status = daemon.status()
        over = status["services"]["smtp"]["standings"]["over-limit"]
        assert status["bans"]["full"] >= over > 0
        print(f"settled after {time.monotonic() - began:.1f} s")
        bans = daemon.bans()
        worst = [source for source, ban in bans.items() if ban["peak"] == 3]
        assert len(bans) == places and len(worst) == worse
        assert set(sink.elements("banned4")) == set(bans)
        assert all(ban["enforced"] for ban in bans.values())
        assert daemon.status()["bans"]["count"] == places
        assert "worst offenders stay" in daemon.problems("max_bans")[0]
    finally:
        for load in loads:
            load.close()
        sink.server.nft("delete table inet tracking")


def test_bans_per_minute(sink, guard, load):
    daemon = guard(services=smtp(), bans={"max_per_minute": 20})
    held = load.open(sink.sources(60), 11, sources=60, to=lab.SERVER4)
    began = time.monotonic()
    assert lab.eventually(lambda: len(sink.elements("banned4")) == 20)
    status = daemon.status()["bans"]
    assert status["breaker_open"] and status["count"] == 20 and status["held_back"] >= 40
    assert "no new bans" in daemon.problems("max_per_minute")[0]
    # counting goes on, and so does an operator
    assert lab.eventually(lambda: held.count()["established"] == 40 * 11, 2), held.count()
    assert daemon.status()["services"]["smtp"]["standings"]["over-limit"] == 40
    by_hand = sink.sources()
    assert daemon.ask(f"ban {by_hand}")["ok"]
    assert lab.eventually(lambda: sink.banned(by_hand))
    assert len(daemon.bans()) == 21
    # the next ones, as soon as the minute is over
    assert lab.eventually(lambda: len(sink.elements("banned4")) == 41, 65, 0.2), daemon.status()
    assert time.monotonic() - began > 58
    time.sleep(1)
    assert len(daemon.bans()) == 41 and daemon.status()["bans"]["breaker_open"]


def test_ruleset_that_the_kernel_does_not_take(sink, guard, load, events):
    """Somebody owns a table of our name, as long as their nft runs."""
    sink.server.nft(TRACKING)
    owner = sink.server.popen("nft", "-i", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              universal_newlines=True)
    try:
        owner.stdin.write("add table inet smtpguard { flags owner; }\n")
        owner.stdin.flush()
        assert lab.eventually(lambda: "owner" in sink.server.run("nft", "list", "tables") or
                              "owner" in sink.server.run("nft", "list", "ruleset"))
        daemon = guard(services=smtp())
        status = daemon.status()
        assert status["mode"] == "enforce" and not status["enforcing"]
        assert "not permitted" in status["unenforceable"], status["unenforceable"]
        assert status["kernel"]["ruleset"] == status["unenforceable"]
        assert daemon.problems("nothing is enforced")
        seen = events(daemon)
        source = sink.sources()
        held = load.open(source, 11)
        assert seen.wait("observe", source)
        assert daemon.bans() == {} and held.count()["established"] == 11

        owner.stdin.close()
        owner.wait(5)
        ended = time.monotonic()
        assert lab.eventually(lambda: daemon.status()["enforcing"], 33, 0.1), daemon.status()
        print(f"enforcing {time.monotonic() - ended:.1f} s after the table was free")
        assert lab.eventually(lambda: sink.banned(source), 2)
        held.wait("ended", 11, 2)
        assert not daemon.problems("nothing is enforced")
    finally:
        if owner.poll() is None:
            owner.kill()
            owner.wait()
        sink.server.nft("delete table inet tracking")
