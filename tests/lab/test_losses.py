# SPDX-License-Identifier: GPL-2.0-or-later
"""Lost events: counted, healed by a dump, and never the reason of a ban."""
import collections
import os
import signal
import time

import lab

SMALL = {"SMTPGUARD_EVENT_BUFFER_BYTES": "4096"}
BURST_SOURCES, BURST_EACH = 1000, 20


def counts(daemon):
    return collections.Counter({source: entry["concurrent"] for (source, service), entry
                                in daemon.sources("limit=10000").items() if service == "smtp"
                                and entry["concurrent"]})


def test_burst_with_a_small_buffer(sink, guard, load):
    daemon = guard(environment=SMALL, services={"smtp": {"new": "off"}})
    # one at a time for each source, so that only forgotten closes could lead to a ban
    kept = [load.open(sink.sources(50), 3, sources=50, to=lab.SERVER4)]
    load.churn(sink.sources(BURST_SOURCES), BURST_EACH, sources=BURST_SOURCES, to=lab.SERVER4)
    kept.append(load.open(sink.sources(30), 10, sources=30, to=lab.SERVER4))
    ended = time.monotonic()
    assert daemon.status()["events"]["losses"] > 0
    wanted = sink.established()
    assert sum(wanted.values()) == 450

    assert lab.eventually(lambda: counts(daemon) == wanted, 5), \
        (counts(daemon) - wanted, wanted - counts(daemon))
    assert sink.tracked() == wanted
    print(f"counts right {time.monotonic() - ended:.2f} s after the burst")
    status = lab.eventually(lambda: next((s for s in [daemon.status()]
                                          if not s["events"]["in_doubt"]), None), 5)
    events = status["events"]
    print(events)
    assert events["resyncs"] > 0 and status["flows"] == 450
    assert sink.elements("banned4") == {} and daemon.bans() == {}

    # and what is really over the limit is still found
    offender = sink.sources()
    load.open(offender, 11)
    assert lab.eventually(lambda: sink.banned(offender))
    for one in kept:
        one.close()
    assert lab.eventually(lambda: counts(daemon) - collections.Counter({offender: 11}) == {}, 5)


def test_lost_closes_ban_nobody(sink, guard, load):
    """While the daemon gets no CPU, a source closes all it has; then it opens some anew. To the
    daemon, which missed the closes, they come on top."""
    daemon = guard(environment=SMALL, services={"smtp": {"new": "off"}})
    innocent = sink.sources()
    held = load.open(innocent, 10)
    assert lab.eventually(lambda: (daemon.source(innocent) or {}).get("concurrent") == 10)
    os.kill(daemon.pid(), signal.SIGSTOP)
    try:
        load.churn(sink.sources(1000), 2, sources=1000, to=lab.SERVER4)
        held.close()
        assert lab.eventually(lambda: not sink.established())
    finally:
        os.kill(daemon.pid(), signal.SIGCONT)
    load.open(innocent, 5)
    assert lab.eventually(lambda: daemon.source(innocent)["concurrent"] == 5), \
        daemon.source(innocent)
    status = daemon.status()
    assert status["events"]["losses"] > 0 and status["events"]["drift_removed"] \
        + status["events"]["drift_changed"] >= 10
    assert lab.eventually(lambda: daemon.status()["flows"] == 5)
    assert sink.elements("banned4") == {} and daemon.bans() == {}


def test_offender_in_the_burst_is_banned(sink, guard, load):
    """A source that is really over the limit is banned once the dump has settled the counts."""
    daemon = guard(environment=SMALL, services={"smtp": {"new": "off"}})
    offender = sink.sources()
    burst = load.churn(sink.sources(1000), 5, sources=1000, to=lab.SERVER4, wait=False)
    load.open(offender, 15, wait=False)
    burst.wait("closed", 5000)
    element = lab.eventually(lambda: sink.banned(offender), 8)
    assert element and element["comment"].startswith("smtp 1"), daemon.source(offender)
    assert set(daemon.bans()) == {offender}
