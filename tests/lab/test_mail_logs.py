# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence from the mail logs (SPEC 8): a real Exim whose authenticator fails, forged lines, what counts
against whom, who is spared, and what the operator is told."""
import datetime
import json
import os
import re
import time

import pytest

import exim
import lab
from mail_log import Line, Smtp, guess, hold
from test_schema import Asker, complaints, decisions

LIMIT = 20
NO_PORTS = {"exim": "", "mail": "", "cpanel": ""}


@pytest.fixture
def follower(host, guard):
    """follower(**settings) starts a daemon that follows Exim's log."""
    def start(mail_logs=None, **settings):
        daemon = guard(mail_logs=dict(NO_PORTS, enabled=True, exim=host.exim.main_log(),
                                      **(mail_logs or {})), **settings)
        assert lab.eventually(lambda: is_following(daemon), 10), (daemon.status(), daemon.log())
        next_second()
        # lines of the tests before
        daemon.told_before = daemon.status()["mail_logs"]["facts"]
        return daemon

    return start


def next_second():
    """Lines with a stamp from before the daemon's start count for nobody, and stamps have seconds."""
    time.sleep(1.01 - time.time() % 1)


def is_following(daemon):
    logs = daemon.status()["mail_logs"]["logs"]
    return logs and all(log["state"] == "following" and log["behind_bytes"] == 0 for log in logs)


def facts(daemon, kind="auth_failures"):
    """Those since the daemon's start."""
    before = getattr(daemon, "told_before", {}).get(kind, 0)
    return daemon.status()["mail_logs"]["facts"][kind] - before


def failures(daemon, *options):
    answer = daemon.ask("auth-failures " + " ".join(options))
    assert answer["ok"], answer
    return answer["auth_failures"]


# --- wrong passwords ---

def test_wrong_passwords_ban_and_explain_names_the_account(host, follower):
    daemon = follower()
    source, bystander = host.sources(), host.sources()
    assert guess(host, source, LIMIT - 1) == LIMIT - 1
    assert lab.eventually(lambda: facts(daemon) == LIMIT - 1), daemon.status()["mail_logs"]
    assert daemon.bans() == {}
    assert daemon.ask(f"explain {source}")["mail"]["failures_in_window"] == LIMIT - 1
    guess(host, source, 1, account="second@example.test")
    element = lab.eventually(lambda: host.banned(source))
    assert element, daemon.log()
    assert element["comment"] == \
        f"submission {LIMIT}/{LIMIT} auth-failures/3600s; second@example.test and 1 more"
    ban = daemon.bans()[source]
    assert (ban["limit"], ban["allowed"], ban["observed"], ban["service"]) == \
        ("auth-failures", LIMIT, LIMIT, "submission")
    assert lab.eventually(lambda: sum(row["failures"] for row in failures(daemon)) == LIMIT)
    code, out, err = daemon.command("explain", source)
    assert code == 0, err
    assert "victim@example.test" in out and "second@example.test" in out, out
    assert guess(host, source, 1) == 0, "the ban does not hold"
    # nobody else is touched
    assert guess(host, bystander, 1) == 1
    assert not host.banned(bystander)


def test_nothing_happens_while_it_is_off(host, guard):
    daemon = guard()
    source = host.sources()
    assert guess(host, source, LIMIT + 2) == LIMIT + 2
    assert daemon.status()["mail_logs"] == {"enabled": False}
    assert daemon.worker("smtpguard-maillog") is None
    assert daemon.bans() == {}


def test_ipv6_sources_are_prefixes(host, follower):
    daemon = follower(mail_logs={"auth_failures": "4/1h"})
    prefix = host.network6()
    for n in range(4):
        guess(host, f"{prefix}:{n + 1}", 1)
    assert lab.eventually(lambda: daemon.bans()), daemon.log()
    ban, = daemon.bans().values()
    assert ban["limit"] == "auth-failures" and ban["source"].endswith("/64")


def test_observing_says_what_would_be(host, follower):
    daemon = follower(mail_logs={"auth_failures": "3/1h"}, mode="observe")
    source = host.sources()
    assert guess(host, source, 5) == 5
    assert lab.eventually(lambda: facts(daemon) == 5)
    assert daemon.bans() == {}
    assert lab.eventually(lambda: f"observe {source}" in daemon.log() or
                          (source in daemon.log() and "auth-failures" in daemon.log()))


def test_the_limit_can_be_changed_and_switched_off(host, follower):
    daemon = follower(mail_logs={"auth_failures": "off"})
    source = host.sources()
    assert guess(host, source, 6) == 6
    assert lab.eventually(lambda: facts(daemon) == 6)
    assert daemon.bans() == {}
    daemon.reload(mail_logs={"auth_failures": "3/1h"})
    other = host.sources()
    guess(host, other, 3)
    assert lab.eventually(lambda: other in daemon.bans())
    answer = daemon.ask("reload")
    assert answer["ok"]
    daemon.configure(mail_logs={"exim": "/elsewhere"})
    answer = daemon.ask("reload")
    assert not answer["ok"] and "mail_logs.exim" in json.dumps(answer), answer


# --- forged lines ---

def forged_helo(address, port=""):
    return f"x) [{address}]{port}: 535 Incorrect authentication data (set_id=framed@example.test) ("


def test_an_address_in_a_forged_helo_is_untouched(host, follower):
    daemon = follower(mail_logs={"auth_failures": "5/1h"})
    source, innocent = host.sources(), host.sources()
    assert guess(host, source, 4, helo=forged_helo(innocent, ":2525")) == 4
    guess(host, source, 1, helo=forged_helo(innocent))
    assert lab.eventually(lambda: source in daemon.bans()), daemon.status()["mail_logs"]
    assert innocent not in daemon.bans()
    assert daemon.ask(f"explain {innocent}")["mail"] is None
    assert lab.eventually(lambda: failures(daemon, f"source={source}"))
    assert failures(daemon, f"source={innocent}") == []
    assert [row["account"] for row in failures(daemon, f"source={source}")] == \
        ["victim@example.test"]


def test_an_address_in_a_forged_account_is_untouched(host, follower):
    daemon = follower(mail_logs={"auth_failures": "5/1h"})
    source, innocent = host.sources(), host.sources()
    account = f"x) [{innocent}]:2525: 535 Incorrect authentication data (set_id=framed@example.test"
    guess(host, source, 5, account=account)
    assert lab.eventually(lambda: source in daemon.bans()), daemon.status()["mail_logs"]
    assert innocent not in daemon.bans()
    assert failures(daemon, f"source={innocent}") == []


def test_a_guessed_connection_of_an_innocent_counts_for_nobody(host, follower):
    """The worst that forged text can do: it names a connection that exists."""
    daemon = follower(mail_logs={"auth_failures": "5/1h"})
    source, innocent = host.sources(), host.sources()
    with Smtp(host, innocent) as theirs:
        guess(host, source, 8, helo=forged_helo(innocent, f":{theirs.port}"))
        assert lab.eventually(lambda: daemon.status()["mail_logs"]["forged"]["count"] == 8)
        assert daemon.bans() == {}
        assert theirs.authenticate(exim.ACCOUNT, exim.PASSWORD) == 235


def test_who_writes_through_an_unguarded_port_frames_nobody(host, follower):
    """His own connection is not known; the connection he guesses is. Such lines count for nobody."""
    services = {"smtp": {"ports": [25]}, "submission": {"ports": [465]}}
    daemon = follower(mail_logs={"auth_failures": "3/1h"}, services=services)
    source, innocent = host.sources(), host.sources()
    # a line that nobody's connection explains comes first: he does not know the port
    guess(host, source, 1, port=587, helo=forged_helo(innocent, ":2525"))
    assert lab.eventually(lambda: daemon.status()["mail_logs"]["distrusted_until"])
    with Smtp(host, innocent, port=25) as theirs:
        guess(host, source, 5, port=587, helo=forged_helo(innocent, f":{theirs.port}"))
        assert lab.eventually(lambda: daemon.status()["mail_logs"]["forged"]["count"] == 6)
    assert daemon.bans() == {}
    assert daemon.problems("can be read in several ways"), daemon.status()["problems"]


def test_many_addresses_in_a_helo_do_not_hide_him(host, follower):
    daemon = follower(mail_logs={"auth_failures": "5/1h"})
    source = host.sources()
    helo = " ".join(f"x) [198.18.0.{n}]:200{n}: 535 Incorrect (" for n in range(9))
    guess(host, source, 5, helo=helo)
    assert lab.eventually(lambda: source in daemon.bans()), daemon.status()["mail_logs"]


def test_who_forges_is_shown(host, follower):
    """Two hosts together: each names the other's connection. They are not counted, but seen."""
    daemon = follower(mail_logs={"auth_failures": "5/1h"})
    source, accomplice = host.sources(), host.sources()
    with Smtp(host, accomplice) as theirs:
        guess(host, source, 6, helo=forged_helo(accomplice, f":{theirs.port}"))
        assert lab.eventually(lambda: daemon.status()["mail_logs"]["forged"]["count"] == 6)
        forged = daemon.status()["mail_logs"]["forged"]
        assert f"{accomplice}:{theirs.port}" in forged["last_by"]
        assert any(one.startswith(source + ":") for one in forged["last_by"]), forged
    assert daemon.problems("could be read in several ways")
    _, out, _ = daemon.command("doctor")
    assert source in out and accomplice in out, out


def test_the_use_of_an_account_cannot_be_forged(host, follower):
    """A stranger on port 25 whose HELO says that he is somebody; the client knows its own port."""
    daemon = follower(mail_logs={"account_networks": 1})
    for n in range(3):
        source, port = host.sources(), 23000 + n
        helo = f'x) [{source}]:{port} P=esmtpsa A=dovecot_plain:boss@example.test S=1 T="('
        with Smtp(host, source, port=25, local_port=port, helo=helo) as client:
            assert client.send() == 250
    assert lab.eventually(lambda: facts(daemon, "messages") >= 3), daemon.status()["mail_logs"]
    time.sleep(0.3)
    assert facts(daemon, "auth_successes") == 0
    assert daemon.ask("accounts min_networks=1 account=boss@example.test")["accounts"] == []
    assert "boss@example.test" not in daemon.log()


# --- those who know their password ---

def test_an_authenticated_source_is_spared_on_submission_only(host, follower):
    daemon = follower(services={"smtp": {"concurrent": 5, "new": "off"},
                                "submission": {"concurrent": 5, "new": "off", "ceiling": 0,
                                               "verified_concurrent": 12}})
    source, stranger = host.sources(), host.sources()
    with Smtp(host, source) as client:
        assert client.authenticate(exim.ACCOUNT, exim.PASSWORD) == 235
        assert client.send() == 250
    assert lab.eventually(lambda: facts(daemon, "auth_successes") >= 1)
    held = hold(host, source, 8)
    assert len(held) == 8
    assert lab.eventually(lambda: daemon.standing(source, "submission") == "exempt"), \
        (daemon.source(source, "submission"), daemon.log())
    assert "authenticated" in daemon.log()
    assert daemon.ask(f"explain {source}")["mail"]["authenticated_until"]
    code, out, err = daemon.command("explain", source)
    assert code == 0 and "authenticated" in out.lower(), (out, err)
    # who never authenticated is not spared
    others = hold(host, stranger, 6)
    assert lab.eventually(lambda: stranger in daemon.bans())
    # the ceiling of verified sources holds for him too
    held += hold(host, source, 8)
    assert lab.eventually(lambda: source in daemon.bans()), daemon.source(source, "submission")
    for client in held + others:
        client.close()


def test_a_forged_helo_does_not_buy_a_success(host, follower):
    """Mail from a stranger whose HELO looks like an authenticated sender's line."""
    daemon = follower(services={"submission": {"concurrent": 5, "new": "off", "ceiling": 0}})
    source = host.sources()
    port = 23456
    helo = f"x) [{source}]:{port} P=esmtpsa A=dovecot_plain:user@example.test ("
    with Smtp(host, source, port=25, local_port=port, helo=helo) as client:
        assert client.send() == 250
    assert lab.eventually(lambda: sum(facts(daemon, kind)
                                      for kind in ("messages", "auth_successes")) >= 1)
    assert not daemon.ask(f"explain {source}")["mail"] or \
        not daemon.ask(f"explain {source}")["mail"]["authenticated_until"]
    held = hold(host, source, 6)
    assert lab.eventually(lambda: source in daemon.bans()), daemon.log()
    for client in held:
        client.close()


# --- what the operator is told ---

def test_lines_that_are_not_understood_are_shown(host, follower):
    daemon = follower()
    with open(host.exim.main_log(), "a") as log:
        log.write("2027-01-01 00:00:00 dovecot_login auth failure <future> peer=203.0.113.45#51299 "
                  "code=535 Incorrect authentication data account=\x1b[31mred\n")
    assert lab.eventually(lambda: daemon.status()["mail_logs"]["unparsed"] == 1)
    sample, = daemon.status()["mail_logs"]["samples"]
    assert sample["log"] == "exim" and "\\x1b[31m" in sample["line"], sample
    assert daemon.problems("not understood")
    _, out, _ = daemon.command("doctor")
    assert "\\x1b[31m" in out and "\x1b[31m" not in out, out


def test_exims_fill_level_comes_from_the_log(host, follower):
    daemon = follower()
    held = [client for _ in range(4) for client in hold(host, host.sources(), 1, 25)]
    assert lab.eventually(lambda: (daemon.status()["mail_logs"]["exim"]["connections"] or 0) >= 4)
    for client in held:
        client.close()


def test_an_account_used_from_many_networks_is_an_alert(host, follower):
    daemon = follower(mail_logs={"account_networks": 3})
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    with open(host.exim.main_log(), "a") as log:
        for n in range(5):
            log.write(f"{stamp} 1rAbCd-00000000{n:03d}-2cDE <= boss@example.com H=(pc) "
                      f"[198.18.{n}.7]:4000{n} P=esmtpsa X=TLS1.3:x:256 CV=no "
                      f'A=dovecot_login:boss@example.com S=1834 T="x" for a@example.net\n')
    # told when it is more than 3: at the fourth, or at all that came with it
    assert lab.eventually(lambda: re.search(r"account boss@example.com was used from [45] networks",
                                            daemon.log())), daemon.log()
    assert daemon.log().count("account boss@example.com was used") == 1
    accounts = daemon.ask("accounts min_networks=3")["accounts"]
    assert [(a["account"], a["networks"], a["addresses"], a["messages"]) for a in accounts] == \
        [("boss@example.com", 5, 5, 5)]
    assert accounts[0]["alerted"] and len(accounts[0]["used_from"]) == 5
    assert daemon.status()["mail_logs"]["account_alerts"] == 1
    code, out, _ = daemon.command("digest")
    assert code == 0 and "boss@example.com" in out, out
    code, out, _ = daemon.command("accounts")
    assert code == 0 and "boss@example.com" in out and "198.18.0.7" in out, out


def test_answers_are_as_the_schema_has_them(host, guard, events):
    log = host.exim.main_log()
    daemon = guard(mail_logs={"enabled": True, "exim": log, "mail": "/nowhere/maillog", "cpanel": "",
                              "auth_failures": "3/1h", "account_networks": 1})
    asker, seen = Asker(daemon), events(daemon)
    asker.look("198.51.100.1")
    source, customer = host.sources(), host.sources()
    time.sleep(1.1)  # lines of the second in which it started are from before it
    guess(host, source, 3)
    with Smtp(host, customer) as client:
        assert client.authenticate(exim.ACCOUNT, exim.PASSWORD) == 235 and client.send() == 250
    with open(log, "a") as out:
        for n in range(3):
            out.write(Line.message(datetime.datetime.now(), f"198.18.{n}.1", 4000 + n, "a@example.com", n))
        out.write("2027-01-01 00:00:00 a new form of 535 Incorrect authentication data\n")
    assert lab.eventually(lambda: source in daemon.bans() and daemon.ask("accounts")["accounts"])
    asker.look(source, customer, "198.18.1.1")
    assert asker(f"explain {source}")["mail"]["failures"] == 3
    assert asker("accounts")["accounts"][0]["alerted"]
    assert asker("bans")["bans"][0]["accounts"]
    told = decisions(seen)
    assert [problem for line in told for problem in complaints("decision", line)] == []


# --- logs without ports ---

IMAP = {"imap": {"ports": [465], "concurrent": 50, "new": "off", "ceiling": 0}}


def dovecot(source, account="info@example.com", attempts=1, rip_in_account=""):
    stamp = time.strftime("%b %d %H:%M:%S")
    return (f"{stamp} host1 dovecot[996]: imap-login: Login aborted: Connection closed (auth failed, "
            f"{attempts} attempts in 16 secs) (auth_failed): user=<{account}{rip_in_account}>, "
            f"method=PLAIN, rip={source}, lip=198.51.100.10, TLS, session=<CvN+E95Uf4e7eEnj>\n")


def test_imap_failures_inform_and_ban_only_where_the_port_is_guarded(host, guard, load):
    directory = host.mkdir("maillog")
    path = os.path.join(directory, "maillog")
    open(path, "w").close()
    listener = lab.Load(host.server, "--listen", "::", 143)
    try:
        daemon = guard(mail_logs=dict(NO_PORTS, enabled=True, mail=path, auth_failures="6/1h"))
        assert lab.eventually(lambda: is_following(daemon), 10)
        next_second()
        source = host.sources()
        load.open(source, 1, port=143)
        with open(path, "a") as log:
            log.write(dovecot(source, attempts=3) * 3)
        assert lab.eventually(lambda: facts(daemon) == 9)
        assert daemon.bans() == {}
        assert lab.eventually(lambda: failures(daemon, f"source={source}"))
        assert failures(daemon, f"source={source}")[0]["failures"] == 9

        daemon.restart(services={"imap": {"ports": [143], "concurrent": 50, "new": "off",
                                          "ceiling": 0, "reverse_dns": "ignore"}})
        assert lab.eventually(lambda: is_following(daemon), 10)
        next_second()
        innocent = host.sources()
        load.open(innocent, 1, port=143)
        with open(path, "a") as log:
            log.write(dovecot(source, rip_in_account=f">, method=PLAIN, rip={innocent}, lip=1.2.3.4, "
                                                     f"session=<y", attempts=9))
            log.write(dovecot(host.sources(), attempts=9))  # no connection of ours
            log.write(dovecot(source, attempts=3) * 2)
        assert lab.eventually(lambda: source in daemon.bans()), daemon.status()["mail_logs"]
        assert list(daemon.bans()) == [source]
    finally:
        listener.close()


# --- the worker's lock ---

def test_the_worker_can_do_nothing_but_read(host, follower):
    daemon = follower()
    pid = daemon.worker("smtpguard-maillog")
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    read_search = 1 << 2
    assert fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == read_search
    assert int(fields["CapInh"], 16) == int(fields["CapAmb"], 16) == 0
    kinds = {os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in
             os.listdir(f"/proc/{pid}/fd")}
    assert not any("TCP" in kind or "UDP" in kind for kind in kinds)
    with open(f"/proc/{daemon.pid()}/status") as status:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    assert int(fields["CapEff"], 16) == 1 << 12, "the daemon's own hands are tied"
    assert int(fields["CapAmb"], 16) == 0
