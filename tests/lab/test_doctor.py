# SPDX-License-Identifier: GPL-2.0-or-later
"""smtpguard doctor on a real kernel: the daemon's state, foreign tables and iptables' own rules."""
import json
import os
import shutil
import subprocess
import time

import pytest

import lab

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
LEVELS = ("problem", "warning", "note", "ok")

IPTABLES = """*filter
:PORTFLOOD - [0:0]
:LOCALINPUT - [0:0]
:SMTPOUTPUT - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -m connlimit --connlimit-above 3 -j DROP
-A INPUT -p tcp -m tcp --dport 25 -j ACCEPT
-A INPUT ! -i lo -p tcp -m tcp --dport 25 -m conntrack --ctstate NEW -m recent --set --name 25
-A INPUT ! -i lo -p tcp -m tcp --dport 25 -m conntrack --ctstate NEW -m recent --update --seconds 300 --hitcount 10 --name 25 -j PORTFLOOD
-A INPUT -p tcp -m multiport --dports 465,587 -m connlimit --connlimit-above 5 -j REJECT --reject-with tcp-reset
-A INPUT -j LOCALINPUT
-A LOCALINPUT -s 192.0.2.7/32 -j DROP
-A LOCALINPUT -s 192.0.2.8/32 -j DROP
-A LOCALINPUT -s 192.0.2.9/32 -p tcp -m tcp --dport 80 -j DROP
-A PORTFLOOD -j DROP
-A OUTPUT -j SMTPOUTPUT
-A SMTPOUTPUT -p tcp -m multiport --dports 25,465,587 -m owner --uid-owner 0 -j ACCEPT
-A SMTPOUTPUT -p tcp -m multiport --dports 25,465,587 -j REJECT
COMMIT
"""

NATIVE = """
table inet limits {
    set seen { type ipv4_addr; size 1024; flags dynamic; }
    set counted { type ipv4_addr; size 1024; flags dynamic; }
    chain set_of_ports { tcp dport { 80, 465-470 } ct count over 3 drop; }
    chain range_of_ports { tcp dport 20-30 counter reject with tcp reset; }
    chain other_ports { tcp dport { 80, 2525 } ct count over 3 drop; tcp dport 26-464 drop; }
    chain counts { tcp dport 587 add @counted { ip saddr ct count over 3 } drop; }
    chain remembers { tcp dport 25 add @seen { ip saddr }; }
    chain logs { tcp dport 25 limit rate 1/minute log prefix "smtp "; }
    chain unused { tcp dport 25 drop; }
    chain input {
        type filter hook input priority 0;
        jump set_of_ports; jump range_of_ports; jump other_ports; jump counts; jump remembers; jump logs
    }
}
table netdev early {
}
"""


FOREIGN = """
table inet firewalld {
    chain filter_INPUT { type filter hook input priority 10; }
}
table inet filter {
    set cphulk-TempBan { type ipv4_addr; flags timeout; }
    chain cphulk { ip saddr @cphulk-TempBan drop; }
    chain cPanel-HostAccessControl { tcp dport 25 accept; }
    chain INPUT {
        type filter hook input priority 0;
        jump cphulk; jump cPanel-HostAccessControl
    }
}
table inet f2b-table {
    chain f2b-chain { type filter hook input priority -1; }
}
"""


class Report:
    def __init__(self, done):
        self.code = done.returncode
        self.document = json.loads(done.stdout)
        self.findings = self.document["findings"]
        assert self.document["ok"] is True
        assert done.stderr == ""
        levels = [finding["level"] for finding in self.findings]
        assert levels == sorted(levels, key=LEVELS.index)
        for finding in self.findings:
            assert finding["what"]
            assert (finding["why"] is None) == (finding["level"] == "ok"), finding
            assert (finding["do"] is None) == (finding["level"] == "ok"), finding
        assert self.document["problems"] == levels.count("problem")
        assert self.document["warnings"] == levels.count("warning")
        if {"daemon-stopped", "daemon-no-answer", "daemon-no-permission"} & {f["id"] for f in self.findings}:
            assert self.code == 3
        else:
            assert self.code == (1 if "problem" in levels or "warning" in levels else 0)

    def whats(self, finding_id):
        return [finding["what"] for finding in self.findings if finding["id"] == finding_id]


def doctor(net, *words, socket="/nowhere", prefix=(), words_before=("--json",)):
    return subprocess.run(
        net.server.command(*prefix, lab.program("src/smtpguard"), "-s", socket, *words_before,
                           "doctor", *words),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, timeout=30)


def examine(net, *words, **options):
    return Report(doctor(net, *words, **options))


def of(daemon):
    return {"socket": daemon.socket_path}


def test_running_daemon(net, guard, tmp_path):
    daemon = guard(allow="192.0.2.1\n")
    exim = tmp_path / "exim.conf"
    exim.write_text("smtp_accept_max = 200\ndaemon_smtp_ports = 25 : 465 : 587 : 2525\nbegin acl\n")
    report = examine(net, "--config", daemon.config_path, "--exim-config", str(exim), **of(daemon))
    assert "mode enforce" in report.whats("daemon")[0]
    assert "2 services, 1 allow entry" in report.whats("config")[0]
    assert report.whats("ruleset") and report.whats("conntrack-events") and report.whats("disk")
    assert "of" in report.whats("conntrack-table")[0]
    assert report.whats("exim-port-unguarded") == ["no service guards port 2525 (daemon_smtp_ports)"]
    for absent in ("daemon-stopped", "not-enforcing", "mail-rules", "mode-observe", "config-bad",
                   "daemon-problem", "resolver-down", "ledger-failing", "receive-buffer-small"):
        assert not report.whats(absent), report.whats(absent)


def test_daemon_in_trouble(net, guard):
    daemon = guard(mode="observe", resolver={"servers": ["127.0.0.77"]})
    net.server.run("sysctl", "-qw", "net.netfilter.nf_conntrack_events=0")
    try:
        report = examine(net, "--config", daemon.config_path, **of(daemon))
    finally:
        net.server.run("sysctl", "-qw", "net.netfilter.nf_conntrack_events=2")
    assert report.whats("mode-observe") == ["mode is observe"]
    assert report.whats("conntrack-events-off")
    assert report.code == 1
    # nobody is banned: who would have to be allowed?
    assert not report.whats("allow-empty")
    assert not report.whats("not-enforcing")


def test_stopped_daemon(net, guard):
    daemon = guard()
    daemon.stop()
    report = examine(net, "--config", daemon.config_path, **of(daemon))
    first = report.findings[0]
    assert first["id"] == "daemon-stopped" and daemon.socket_path in first["what"]
    assert "systemctl enable --now smtpguard" in first["do"]
    assert report.code == 3
    assert report.whats("config") and report.whats("ruleset")
    assert report.whats("allow-empty")

    done = doctor(net, "--config", daemon.config_path, words_before=(), **of(daemon))
    assert done.returncode == 3 and done.stderr == ""
    assert done.stdout.startswith("problem  daemon-stopped: the daemon is not running")
    for finding in report.findings:
        assert f"{finding['level']:8} {finding['id']}: {finding['what']}" in done.stdout.splitlines()
    assert "\033" not in done.stdout
    sums = done.stdout.splitlines()[-1]
    assert sums.startswith(f"{report.document['problems']} problem")


def test_broken_configuration(net, tmp_path):
    config = tmp_path / "smtpguard.conf"
    config.write_text('mode = "maybe";\nnonsense = 1;\n')
    report = examine(net, "--config", str(config))
    assert len(report.whats("config-bad")) == 2
    assert all(what.startswith(f"{config}:") for what in report.whats("config-bad"))


def test_daemon_that_does_not_answer(net, tmp_path):
    path = str(tmp_path / "socket")
    listener = lab.socket.socket(lab.socket.AF_UNIX)
    with listener:
        listener.bind(path)
        listener.listen(1)
        begin = time.monotonic()
        report = examine(net, socket=path)
        assert 4 < time.monotonic() - begin < 10 * lab.SLOWNESS
    assert "does not answer" in report.whats("daemon-no-answer")[0]


@pytest.mark.skipif(not shutil.which("iptables-nft-restore"), reason="needs iptables-nft-restore")
def test_rules_of_iptables(net, guard):
    daemon = guard()
    net.server.run("iptables-nft-restore", text=IPTABLES)
    try:
        before = net.server.run("nft", "-s", "list", "ruleset")
        report = examine(net, "--config", daemon.config_path, **of(daemon))
        assert net.server.run("nft", "-s", "list", "ruleset") == before
    finally:
        net.server.run("nft", "delete table ip filter", check=False)
    assert report.whats("mail-rules") == [
        "table ip filter, chain INPUT: 3 rules about port 25, 465, 587 "
        "(connection limit, recent, refusal)"]
    assert report.whats("source-drops") == [
        "table ip filter, chain LOCALINPUT: 2 rules that refuse a source on every port"]
    do = [finding["do"] for finding in report.findings if finding["id"] == "mail-rules"]
    assert do[0].startswith("iptables -t filter -S INPUT")


def test_native_rules(net, guard):
    daemon = guard()
    net.server.nft(NATIVE)
    try:
        report = examine(net, "--config", daemon.config_path, **of(daemon))
    finally:
        net.server.run("nft", "delete table inet limits; delete table netdev early", check=False)
    chains = {what.split("chain ")[1].split(":")[0]: what.split(" about ")[1]
              for what in report.whats("mail-rules")}
    assert chains == {"set_of_ports": "port 465 (connection limit, refusal)",
                      "range_of_ports": "port 25 (refusal)",
                      "counts": "port 587 (connection limit, refusal)"}
    assert "3 tables" in report.whats("ruleset")[0]
    assert not report.whats("source-drops")


def test_other_firewalls(net):
    net.server.nft(FOREIGN)
    try:
        report = examine(net)
    finally:
        for table in ("firewalld", "filter", "f2b-table"):
            net.server.run("nft", "delete", "table", "inet", table)
    for finding_id in ("firewalld", "cphulk", "cpanel-host-access", "fail2ban"):
        assert len(report.whats(finding_id)) == 1
    # an accept limits nobody, and what cPHulk drops is not a rule per source
    assert not report.whats("mail-rules") and not report.whats("source-drops")


@pytest.mark.skipif(not shutil.which("iptables-nft-restore"), reason="needs iptables-nft-restore")
def test_many_rules(net):
    rules = "".join(f"-A INPUT -s 10.{i >> 8}.{i & 255}.1/32 -j DROP\n" for i in range(5000))
    net.server.run("iptables-nft-restore", text=f"*filter\n{rules}COMMIT\n")
    try:
        begin = time.monotonic()
        report = examine(net)
        assert time.monotonic() - begin < 2 * lab.SLOWNESS
    finally:
        net.server.run("nft", "delete", "table", "ip", "filter")
    assert "5000 rules" in report.whats("source-drops")[0]


def test_not_root(net, guard):
    daemon = guard()
    os.chmod(daemon.config_path, 0o600)
    report = examine(net, "--config", daemon.config_path, prefix=NOBODY, **of(daemon))
    assert report.whats("ruleset-not-checked") == [
        "the kernel's ruleset was not checked: not root"]
    assert report.whats("daemon-no-permission")
    assert "not root" in report.whats("config-not-checked")[0]
    assert not report.whats("daemon-stopped")


def test_usage(net):
    assert doctor(net, "now", words_before=()).returncode == 2
    assert doctor(net, "--repair", words_before=()).returncode == 2
    done = doctor(net, "--help", words_before=())
    assert done.returncode == 0 and "--exim-config" in done.stdout
