# SPDX-License-Identifier: GPL-2.0-or-later
"""A reboot: the kernel has forgotten everything, only the ledger's directory is left. The first boot's
clock is far from the second's, as boot clocks are."""
import os
import time

import pytest

import lab

FAR_AHEAD = ["unshare", "--time", "--boottime", "2000000"]
LIMITS = {"services": {"smtp": {"new": "off"}}, "bans": {"duration": "10m"}}


@pytest.fixture
def var(net):
    """The directory that outlives the reboot."""
    return net.mkdir("var")


@pytest.fixture
def host_up(boot, guard, var):
    """host_up() boots the host and starts its daemon; the former one has lost its power."""
    running = []

    def start(**options):
        if running:
            running.pop().kill()
        machine = boot()
        daemon = guard(machine=machine, ledger={"path": os.path.join(var, "ledger.db")}, **options)
        running.append(daemon)
        return machine, daemon

    return start


def test_bans_come_back_with_their_remaining_time(host_up):
    machine, daemon = host_up(prefix=FAR_AHEAD, **LIMITS)
    source, prefix = machine.sources(), machine.network6()
    short, endless = machine.sources(), machine.sources()
    load = lab.Load(machine.client)
    load.open(source, 11)
    load.open(f"{prefix}:1", 13)
    assert daemon.ask(f"ban {short} for=2s")["ok"]
    assert daemon.ask(f'ban {endless} for=forever reason="never again"')["ok"]
    assert lab.eventually(lambda: len(daemon.bans()) == 4)
    time.sleep(2.5)
    before, at = daemon.bans(), time.monotonic()
    assert set(before) == {source, f"{prefix}:/64", endless}
    load.close()

    machine, daemon = host_up(**LIMITS)
    after, elapsed = daemon.bans(), time.monotonic() - at
    assert set(after) == set(before)
    for key, ban in after.items():
        was = before[key]
        assert (ban["since"], ban["expires"], ban["comment"], ban["observed"], ban["names"]) == \
            (was["since"], was["expires"], was["comment"], was["observed"], was["names"])
        assert ban["enforced"] and not ban["adopted"]
        if was["remaining_s"] is None:
            assert ban["remaining_s"] is None
        else:
            assert abs(ban["remaining_s"] - (was["remaining_s"] - elapsed)) <= 2
    element = machine.banned(source)
    assert abs(element["expires"] - after[source]["remaining_s"]) <= 2
    assert element["comment"] == "smtp 11>10 concurrent; no PTR"
    assert "expires" not in machine.banned(endless)
    assert set(machine.elements("banned4")) == {source, endless}
    assert set(machine.elements("banned6")) == {f"{prefix}:"}
    load = lab.Load(machine.client)
    for banned in (source, f"{prefix}:9", endless):
        assert not load.open(banned, wait=False).reaches("opened", 1, 0.7)
    load.open(short)
    assert daemon.ask(f"unban {source}")["ok"]
    load.open(source)
    load.close()


def test_lists_and_graces_come_back(host_up):
    _, daemon = host_up(prefix=FAR_AHEAD, **LIMITS)
    for line in ('ban 10.77.70.0/24 for=1h reason="spam network"', "ban 10.77.71.0/24 for=1s",
                 "ban fd77:1:0:aa00::/56 for=forever", 'allow add 10.77.72.0/24 comment="office"',
                 "allow add 10.77.73.1 for=1s", "allow add fd77:1:0:bb::1 for=2h"):
        assert daemon.ask(line)["ok"], line
    assert daemon.ask("unban 10.77.74.1 trust=1h")["code"] == "not-banned"
    time.sleep(1.5)
    lists = {line: daemon.ask(line) for line in ("allow list", "bans")}
    grace = daemon.ask("explain 10.77.74.1")["trusted_until"]
    assert grace and lists["allow list"]["total"] == 2 and lists["bans"]["total"] == 2

    machine, daemon = host_up(**LIMITS)
    assert daemon.ask("allow list") == lists["allow list"]
    after = daemon.ask("bans")
    for ban in after["bans"] + lists["bans"]["bans"]:
        ban["remaining_s"] = None
    assert after == lists["bans"]
    assert abs(machine.elements("blocked4")["10.77.70.0/24"]["expires"] - 3598) <= 2
    assert set(machine.elements("blocked4")) == {"10.77.70.0/24"}
    assert set(machine.elements("blocked6")) == {"fd77:1:0:aa00::/56"}
    assert set(machine.elements("allowed4")) == {"10.77.72.0/24"}
    assert set(machine.elements("allowed6")) == {"fd77:1:0:bb::1"}
    assert daemon.ask("explain 10.77.74.1")["trusted_until"] == grace
    load = lab.Load(machine.client)
    load.open("10.77.74.1", 15)
    load.open("10.77.72.9", 40)
    assert not load.open("10.77.70.9", wait=False).reaches("opened", 1, 0.7)
    assert not daemon.bans().keys() & {"10.77.74.1", "10.77.72.9"}
    load.close()


def test_second_ban_after_a_reboot_is_longer(host_up):
    machine, daemon = host_up(prefix=FAR_AHEAD, bans={"duration": "1s", "growth": 3.0})
    load = lab.Load(machine.client)
    source = machine.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: machine.banned(source))
    assert lab.eventually(lambda: not daemon.bans(), 3)
    load.close()

    machine, daemon = host_up(bans={"duration": "1h", "growth": 3.0})
    load = lab.Load(machine.client)
    load.open(source, 11)
    element = lab.eventually(lambda: machine.banned(source))
    assert element and element["timeout"] == 3 * 3600
    assert daemon.bans()[source]["earlier"] == 1
    load.close()
