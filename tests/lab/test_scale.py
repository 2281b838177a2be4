# SPDX-License-Identifier: GPL-2.0-or-later
"""Many sources at once: the counts agree with the kernel's, to the connection."""
import collections

import lab

SOURCES, EACH = 1000, 10


def counts(daemon):
    return collections.Counter({source: entry["concurrent"] for (source, service), entry
                                in daemon.sources("limit=10000").items() if service == "smtp"})


def test_thousand_sources_of_ten(sink, guard, load):
    daemon = guard()
    first = sink.sources(SOURCES)
    held = load.open(first, EACH, sources=SOURCES, to=lab.SERVER4)
    wanted = sink.established()
    assert len(wanted) == SOURCES and set(wanted.values()) == {EACH}
    assert sink.tracked() == wanted
    assert lab.eventually(lambda: counts(daemon) == wanted, 2)
    status = daemon.status()
    assert status["flows"] == SOURCES * EACH
    assert status["services"]["smtp"]["connections"] == SOURCES * EACH
    assert sink.elements("banned4") == {}

    held.close(3333)
    assert lab.eventually(lambda: sum(sink.established().values()) == SOURCES * EACH - 3333)
    assert lab.eventually(lambda: counts(daemon) == sink.established(), 2)

    held.close()
    assert lab.eventually(lambda: daemon.sources("limit=10000") == {}, 2), counts(daemon)
    assert lab.eventually(lambda: daemon.status()["flows"] == 0, 2)
    assert all(entry["concurrent"] == entry["half_open"] == 0
               for entry in daemon.sources("limit=10000 all=1").values())
    status = daemon.status()
    assert status["events"]["losses"] == 0
    assert sink.elements("banned4") == {} and daemon.bans() == {}


def test_many_bans_at_once(sink, guard, load):
    daemon = guard()
    first = sink.sources(400)
    load.open(first, 11, sources=400, to=lab.SERVER4, wait=False)
    assert lab.eventually(lambda: len(sink.elements("banned4")) == 400, 20)
    bans = daemon.bans()
    assert len(bans) == 400 and all(ban["enforced"] for ban in bans.values())
    assert set(bans) == set(sink.elements("banned4"))
    kernel = daemon.status()["kernel"]
    assert kernel["failed_batches"] == 0 and kernel["refused_elements"] == 0
    assert daemon.ask("unban all")["ok"]
    assert lab.eventually(lambda: sink.elements("banned4") == {})
    assert daemon.bans() == {}


def test_small_tables_stay_bounded(sink, guard, load):
    """More sources and connections than the tables hold: the daemon says so and goes on."""
    daemon = guard(sources={"max_sources": 1024, "max_flows": 1024})
    held = load.open(sink.sources(1500), 2, sources=1500, to=lab.SERVER4)
    # the tables are full, so one more cannot be waited for
    status = lab.eventually(lambda: next((s for s in [daemon.status()]
                                          if s["tables"]["flows"]["refused"] > 0), None))
    assert status and status["flows"] <= 1024 and status["sources"] <= 1024
    held.close()
    assert lab.eventually(lambda: daemon.status()["flows"] == 0, 15)
    offender = sink.sources()
    load.open(offender, 11)
    assert lab.eventually(lambda: sink.banned(offender))
