# SPDX-License-Identifier: GPL-2.0-or-later
"""Bans outlive the daemon: the kernel keeps them, the next run adopts them."""
import threading
import time

import pytest

import lab


class SetWatch:
    """Looks at the set all the time: whether it was ever missing the source."""

    def __init__(self, host, source):
        self.host, self.source = host, source
        self.looks, self.missing = 0, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while not self.stop.is_set():
            self.looks += 1
            if self.source not in (self.host.elements("banned4") or {}):
                self.missing += 1

    def end(self):
        self.stop.set()
        self.thread.join()
        return self.looks, self.missing


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_bans_are_adopted(host, guard, load, events, how):
    first = guard(bans={"duration": "10m"})
    source, prefix = host.sources(), host.network6()
    load.open(source, 11)
    load.open(f"{prefix}:1", 11)
    assert lab.eventually(lambda: host.banned(source) and host.banned(f"{prefix}:"))
    # let the remaining time differ from the duration
    time.sleep(2)
    watch = SetWatch(host, source)
    try:
        before, at = first.bans(), time.monotonic()
        if how == "killed":
            first.kill()
        else:
            assert first.stop() == 0
        # nobody is at home, the kernel holds the line
        assert not load.open(source, 1, wait=False).reaches("established", 1, 1.5)

        second = guard(bans={"duration": "1h"})
        after, elapsed = second.bans(), time.monotonic() - at
        time.sleep(0.3)
    finally:
        looks, missing = watch.end()
    assert looks > 20 and missing == 0, f"missing in {missing} of {looks} looks"
    assert set(after) == set(before) == {source, f"{prefix}:/64"}
    for key, ban in after.items():
        assert ban["adopted"] and ban["enforced"]
        assert abs(ban["remaining_s"] - (before[key]["remaining_s"] - elapsed)) <= 2
        assert ban["comment"] == before[key]["comment"]
        assert (ban["service"], ban["limit"], ban["allowed"], ban["observed"],
                ban["reverse_dns"]) == ("smtp", "concurrent", 10, 11, "none")
    element = host.banned(source)
    assert abs(element["expires"] - after[source]["remaining_s"]) <= 2
    assert not load.open(source, 1, wait=False).reaches("established", 1, 1.5)
    assert second.ask(f"unban {source}")["ok"]
    assert lab.eventually(lambda: set(host.elements("banned4")) == set())
    load.open(source, 1)


def test_adopted_ban_expires(host, guard, load, events):
    first = guard(bans={"duration": "5s"})
    source = host.sources()
    held = load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    assert first.stop() == 0
    held.close()
    host.forget_connections()
    second = guard()
    seen = events(second)
    assert source in second.bans()
    assert seen.wait("expire", source, 8)
    assert second.bans() == {} and lab.eventually(lambda: host.elements("banned4") == {}, 2)
    load.open(source, 1)


def test_element_of_the_allow_list_is_not_adopted(host, guard, load):
    first = guard()
    source = host.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: host.banned(source))
    assert first.stop() == 0
    second = guard(allow=source + "\n")
    assert source not in second.bans()
    assert lab.eventually(lambda: host.elements("banned4") == {}), "still refused by the kernel"
    load.open(source, 1)


def test_element_by_hand_is_adopted(host, guard):
    """An element somebody added with nft, without timeout and with a comment of its own."""
    first = guard()
    assert first.stop() == 0
    source = host.sources()
    host.server.nft(f'add element inet smtpguard banned4 {{ {source} comment "by hand" }}')
    second = guard()
    ban = second.bans()[source]
    assert ban["adopted"] and ban["expires"] is None and ban["comment"] == "by hand"
    assert second.ask(f"unban {source}")["ok"]
    assert lab.eventually(lambda: host.elements("banned4") == {})
