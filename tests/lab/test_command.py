# SPDX-License-Identifier: GPL-2.0-or-later
"""The command smtpguard on a real daemon: every verb for people and as JSON, exit codes, what it says
when the daemon is away, how long it takes, and what it mails and writes."""
import contextlib
import json
import os
import re
import resource
import socket
import sqlite3
import subprocess
import time

import pytest

import lab

COMPLETION = os.path.join(lab.ROOT, "packaging", "completion", "smtpguard")
# How a verb is typed where its name alone is not enough; a list of several.
WORDS = {
    "explain": [["explain", "10.77.200.1"], ["why", "fd77:1::1"]],
    "ban": [["ban", "10.77.200.2"], ["ban", "10.77.201.0/24", "--for", "1h"]],
    "unban": [["unban", "10.77.200.2"]],
    "allow": [["allow", "add", "10.77.202.1"], ["allow", "list"], ["allow", "remove", "10.77.202.1"]],
    "history": [["history"], ["history", "10.77.200.2"], ["history", "--since", "1h", "--limit", "5"]],
    "status": [["status"], ["status", "--check"]],
    "suggest-limits": [["suggest-limits"], ["suggest-limits", "--service", "smtp"]],
    "mode": [["mode"], ["mode", "observe"], ["mode", "enforce"]],
}
# Verbs that work without the daemon or take the terminal, and have tests of their own.
APART = {"events", "top", "check-config", "import", "doctor"}
BOUND_S = 0.5


def smtpguard(*words, path="/nowhere", environment=None):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([lab.program("src/smtpguard"), "-s", path, *words], timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, env=dict(os.environ, **(environment or {})))
    return done.returncode, done.stdout, done.stderr


def verbs():
    """Those of --help, each once."""
    _, out, _ = smtpguard("--help")
    found = re.findall(r"^  ([a-z][a-z-]*)\b", out, re.MULTILINE)
    found += re.findall(r"\(also: ([a-z-]+)\)", out)
    assert len(found) > 15
    return sorted(set(found))


def commands():
    """One of each, in an order in which all of them have something to do."""
    order = sorted(verbs(), key=lambda verb: (verb == "flush", verb))
    return [words for verb in order if verb not in APART | {"why"}
            for words in WORDS.get(verb, [[verb]])]


def document(daemon, *words, code=0):
    returned, out, err = daemon.command("--json", *words)
    assert returned == code, (words, out, err)
    assert out.count("\n") == 1
    return json.loads(out)


def in_ledger(daemon, source):
    return lab.eventually(lambda: daemon.ask(f"history source={source}")["history"])


@pytest.fixture
def banned(sink, guard, load):
    """(daemon, source): one source was banned by its limit and is in the ledger."""
    log = os.path.join(sink.mkdir("log"), "mainlog")
    open(log, "w").close()
    daemon = guard(bans={"forget_after": "7d"},
                   mail_logs={"enabled": True, "exim": log, "mail": "", "cpanel": ""})
    source = sink.sources()
    load.open(source, 11)
    assert lab.eventually(lambda: sink.banned(source))
    assert in_ledger(daemon, source)
    return daemon, source


def test_every_verb(banned):
    daemon, _ = banned
    for words in commands():
        code, out, err = daemon.command(*words)
        assert code == 0 and out and not err, (words, code, out, err)
        assert "\033" not in out and out.replace("\n", "").isprintable()
    # once more from the beginning: allow add is refused while it is there, and so on
    for words in commands():
        assert document(daemon, *words)["ok"], words


def test_a_stopped_daemon_is_told(sink, guard):
    daemon = guard()
    assert daemon.stop() == 0
    for words in commands() + [["events"]]:
        code, out, err = daemon.command(*words)
        assert code == 3 and "systemctl start smtpguard" in err, (words, out, err)
        assert not out or words == ["status", "--check"]
        code, out, err = daemon.command("--json", *words)
        assert code == 3 and json.loads(out)["code"] == "unreachable" and err, words


@pytest.mark.parametrize("words", (
    [], ["no-such-verb"], ["--no-such-option", "status"], ["status", "--no-such-option"], ["explain"],
    ["allow"], ["allow", "no-such-action"], ["status", "surplus"], ["sources", "--limit"],
    ["history", "a", "b"], ["digest", "--since", "yesterday"], ["digest", "--mail", "two words"]))
def test_wrong_usage(words):
    code, out, err = smtpguard(*words)
    assert code == 2 and err and not out
    for place in (["--json", *words], [*words, "--json"]):
        if words and words[-1].startswith("--l"):
            continue  # there --json would be its value
        code, out, err = smtpguard(*place)
        assert code == 2 and json.loads(out)["code"] == "usage" and json.loads(out)["message"], place


def test_refusals(banned):
    daemon, _ = banned
    for words, code in ((["ban", "127.0.0.1"], 1), (["unban", "10.77.203.1"], 1),
                        (["ban", "no-address"], 2), (["mode", "maybe"], 2),
                        (["sources", "--service", "pop3"], 2), (["history", "--since", "later"], 2),
                        (["suggest-limits", "--since", "later"], 2), (["explain", "x"], 2)):
        returned, out, err = daemon.command(*words)
        assert returned == code and err and not out, (words, returned, out, err)
        answer = document(daemon, *words, code=code)
        assert not answer["ok"] and answer["code"] and answer["message"]


# --- explain ---

def test_explain_a_banned_source(banned):
    daemon, source = banned
    code, out, _ = daemon.command("explain", source, "--config", daemon.config_path)
    assert code == 0
    first = out.split("\n")[0]
    assert first.startswith(f"{source} is banned: it held 11 connections to smtp at once, 10 are allowed")
    assert "limit concurrent 10, reached 11" in out
    assert "first ban within 7d; the next lasts 2h" in out
    assert f"smtpguard unban {source}" in out and f"smtpguard allow add {source}" in out
    assert out.count("smtp 11>10 concurrent") == 1, "the ledger repeats what the daemon remembers"


def test_explain_tells_what_was_before_a_restart(banned):
    daemon, source = banned
    daemon.restart()
    _, out, _ = daemon.command("why", source, "--config", daemon.config_path)
    assert "TIMELINE" in out and "smtp 11>10 concurrent" in out.split("TIMELINE")[1]
    assert daemon.command("unban", source)[0] == 0
    assert in_ledger(daemon, source)
    _, out, _ = daemon.command("why", source, "--config", daemon.config_path)
    assert "is trusted after an unban, until" in out
    events = re.findall(r"^\S+ \S+  (\w+)", out.split("TIMELINE")[1], re.MULTILINE)
    assert events[:2] == ["ban", "unban"], out


def test_explain_in_local_time(banned):
    daemon, source = banned
    since = daemon.bans()[source]["since"]
    for zone, hours in (("UTC0", 0), ("XYZ-3", 3)):
        code, out, _ = smtpguard("explain", source, "--config", daemon.config_path,
                                 path=daemon.socket_path, environment={"TZ": zone})
        assert code == 0
        hour = (int(since[11:13]) + hours) % 24
        assert re.search(rf"banned +since \S+ {hour:02}{since[13:19]}", out), out


def test_explain_an_unknown_address(sink, guard):
    daemon = guard(services={"smtp": {"reverse_dns": "require"}, "submission": {"mode": "observe"}})
    code, out, _ = daemon.command("explain", "192.0.2.1", "--config", daemon.config_path)
    assert code == 0 and "is not seen" in out
    assert "at more than 10 connections at once or 10 new in 300s, for 1h" in out
    assert "the gate asks for a verified name" in out
    assert "would be reported, not banned, at more than 30" in out
    code, out, _ = daemon.command("explain", "127.0.0.1", "--config", daemon.config_path)
    assert code == 0 and "never banned: it is a loopback address" in out


def test_explain_shows_allow_lines(sink, guard):
    daemon = guard(allow="# office\n192.0.2.0/24\n198.51.100.0/28 # near\n2001:db8:1::/48\n")
    path = os.path.join(daemon.directory, "allow.d", "test.list")
    _, out, _ = daemon.command("explain", "192.0.2.9", "--config", daemon.config_path)
    assert f"192.0.2.0/24 covers it: {path}:2" in out and "is never banned" in out
    _, out, _ = daemon.command("explain", "198.51.100.77", "--config", daemon.config_path)
    assert f"none of 3 covers it; the nearest is 198.51.100.0/28: {path}:3" in out
    _, out, _ = daemon.command("explain", "203.0.113.1", "--config", daemon.config_path)
    assert "none of 3 in 1 files comes near it" in out
    found = document(daemon, "explain", "2001:db8:1::5", "--config", daemon.config_path)
    assert found["allow_files"]["lines"] == [
        {"file": path, "line": 4, "entry": "2001:db8:1::/48", "covers": True}]
    assert daemon.ask("allow add 203.0.113.1")["ok"]
    _, out, _ = daemon.command("explain", "203.0.113.1", "--config", daemon.config_path)
    assert "is never banned: allow list 203.0.113.1" in out and "allowed by hand" in out
    # what cannot be read is said, and the rest is shown
    code, out, _ = daemon.command("explain", "192.0.2.9", "--config", "/nowhere/smtpguard.conf")
    assert code == 0 and "/nowhere/smtpguard.conf" in out and "is never banned" in out


# --- status ---

@pytest.mark.parametrize("text,wanted", (
    ("smtp_accept_max = 50\nbegin acl\nsmtp_accept_max = 5\n", "11 of 50 slots used"),
    ("primary_hostname = x\n", "11 of 20 slots used"),
    ("smtp_accept_max=0\n", "no limit of connections"),
    ("smtp_accept_max = MAX\n", "is no plain number")))
def test_status_knows_the_slots(sink, guard, load, tmp_path, text, wanted):
    daemon = guard(mode="observe")
    load.open(sink.sources(), 11)
    assert lab.eventually(lambda: daemon.status()["services"]["smtp"]["connections"] == 11)
    (tmp_path / "exim.conf").write_text(text)
    code, out, _ = daemon.command("status", "--exim-config", str(tmp_path / "exim.conf"))
    assert code == 0 and wanted in out
    found = document(daemon, "status", "--exim-config", str(tmp_path / "exim.conf"))
    assert found["exim"]["used"] == 11 and found["exim"]["file"] == str(tmp_path / "exim.conf")
    assert found["offenders"][0]["concurrent"] == 11


def test_status_check(sink, guard):
    daemon = guard()
    assert lab.eventually(lambda: daemon.status()["problems"] == []), daemon.status()["problems"]
    code, out, _ = daemon.command("status", "--check")
    assert code == 0 and out.startswith("SMTPGUARD OK: mode enforce") and out.count("\n") == 1
    assert document(daemon, "status", "--check")["healthy"] is True
    assert "health       good" in daemon.command("status")[1]
    assert daemon.ask("flush all=1")["ok"]
    code, out, _ = daemon.command("status", "--check")
    assert code == 1 and out.startswith("SMTPGUARD WARNING: ") and "smtpguard reload" in out
    assert document(daemon, "status", "--check", code=1)["do_first"] == "smtpguard reload"
    assert re.search(r"^do first +smtpguard reload$", daemon.command("status")[1], re.MULTILINE)
    daemon.stop()
    code, out, _ = daemon.command("status", "--check")
    assert code == 3 and out.startswith("SMTPGUARD UNKNOWN")


# --- history, metrics, mode ---

def test_history(banned):
    daemon, source = banned
    code, out, _ = daemon.command("history", source)
    assert code == 0 and source in out and "active until" in out and "smtp 11>10 concurrent" in out
    assert daemon.command("unban", source)[0] == 0
    assert lab.eventually(lambda: "lifted" in daemon.command("history", source)[1])
    assert daemon.command("history", "192.0.2.1")[1] == "nothing is recorded\n"


def samples(families):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def test_metrics(banned, tmp_path):
    parser = pytest.importorskip("prometheus_client.parser")
    openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")
    daemon, _ = banned
    code, text, _ = daemon.command("metrics")
    assert code == 0 and text.endswith("# EOF\n")
    families = list(openmetrics.text_string_to_metric_families(text))
    assert families and all(f.name.startswith("smtpguard_") for f in families)
    path = tmp_path / "smtpguard.prom"
    path.write_text("old")
    code, out, _ = daemon.command("metrics", "--output", str(path))
    assert code == 0 and out == ""
    assert os.listdir(tmp_path) == ["smtpguard.prom"] and path.stat().st_mode & 0o777 == 0o644
    written = list(parser.text_string_to_metric_families(path.read_text()))
    assert set(samples(written)) == set(samples(families))
    kinds = {sample.name: family.type for family in written for sample in family.samples}
    assert kinds == {sample.name: family.type for family in families for sample in family.samples}
    assert "counter" in kinds.values() and "unknown" not in kinds.values()
    code, _, err = daemon.command("metrics", "--output", str(tmp_path / "absent" / "x.prom"))
    assert code == 1 and "No such file" in err
    assert document(daemon, "metrics", "--output", str(path)) == {"ok": True, "written": str(path)}


def test_mode(sink, guard):
    daemon = guard()
    assert "as the configuration says" in daemon.command("mode")[1]
    assert "nobody is banned" in daemon.command("mode", "observe")[1]
    assert daemon.status()["mode"] == "observe"
    assert "mode observe by order" in daemon.command("status")[1]
    assert document(daemon, "mode", "enforce") == {"ok": True, "mode": "enforce", "ordered": True}


# --- digest ---

@pytest.fixture
def sendmail(tmp_path):
    """(path, mails): a program in place of sendmail, and what it was given."""
    path = tmp_path / "sendmail"
    path.write_text("#!/bin/sh\n"
                    f"n=$(ls {tmp_path}/mail.* 2>/dev/null | wc -l)\n"
                    f"{{ echo \"$0 $*\"; env | sort; echo ---; cat; }} > {tmp_path}/mail.$n\n"
                    "echo said by sendmail\n")
    path.chmod(0o755)

    def mails():
        return [(tmp_path / name).read_text() for name in sorted(os.listdir(tmp_path))
                if name.startswith("mail.")]

    return str(path), mails


def test_digest(banned, sendmail):
    daemon, source = banned
    path, mails = sendmail
    code, out, _ = daemon.command("digest")
    assert code == 0 and "Bans made: 1, still active: 1" in out and source in out
    code, out, _ = daemon.command("digest", "--mail", "root", "--sendmail", path)
    assert code == 0 and out == "mailed to root\n"
    assert len(mails()) == 1
    call, rest = mails()[0].split("\n", 1)
    environment, mail = rest.split("---\n", 1)
    header, body = mail.split("\n\n", 1)
    assert call == f"{path} -t -oi"
    assert {line.split("=")[0] for line in environment.split()} <= {"PATH", "LC_ALL", "PWD", "_", "SHLVL", "OLDPWD"}
    fields = dict(line.split(": ", 1) for line in header.split("\n"))
    assert fields["To"] == "root" and "bans: 1, still active: 1" in fields["Subject"]
    assert fields["Content-Type"] == "text/plain; charset=utf-8"
    assert source in body and "smtpguard why" in body
    found = document(daemon, "digest", "--mail", "root", "--sendmail", path)
    assert found["mailed"] == "root"
    assert found["bans"] == {"made": 1, "active": 1, "blocks": 0, "observed": 0, "records": 1,
                             "records_read": 1}
    assert found["services"][0]["offenders"][0]["source"] == source


def test_digest_of_many_bans_is_one_mail(sink, guard, sendmail):
    daemon = guard()
    path, mails = sendmail
    for i in range(300):
        assert daemon.ask(f"ban 10.77.{210 + i // 250}.{1 + i % 250}")["ok"]
    assert lab.eventually(lambda: daemon.ask("history limit=1")["total"] == 300)
    assert daemon.command("digest", "--mail", "a@b.example", "--sendmail", path)[0] == 0
    assert len(mails()) == 1 and "Bans made: 300" in mails()[0]
    assert mails()[0].count("10.77.21") <= 5


def test_digest_without_news_is_no_mail(sink, guard, sendmail):
    daemon = guard()
    path, mails = sendmail
    assert lab.eventually(lambda: daemon.status()["problems"] == [])
    code, out, _ = daemon.command("digest", "--mail", "root", "--sendmail", path)
    assert code == 0 and out == "nothing new: no mail\n" and mails() == []
    assert document(daemon, "digest", "--mail", "root", "--sendmail", path)["mailed"] is None
    assert mails() == [] and "Nothing new." in daemon.command("digest")[1]


def test_digest_that_cannot_be_mailed(banned, sendmail, tmp_path):
    daemon, _ = banned
    _, mails = sendmail
    (tmp_path / "broken").write_text("#!/bin/sh\nexit 75\n")
    (tmp_path / "broken").chmod(0o755)
    for path in (str(tmp_path / "broken"), "/nowhere/sendmail"):
        code, out, err = daemon.command("digest", "--mail", "root", "--sendmail", path)
        assert code == 1 and "not mailed" in err and not out
        assert document(daemon, "digest", "--mail", "root", "--sendmail", path, code=1)["code"] == "failed"
    for address in ("root\nBcc: x@y.example", "-oX", "a,b@c.example", "|/bin/sh", "", "a b"):
        assert daemon.command("digest", "--mail", address)[0] == 2, address
    assert mails() == []


# --- suggest-limits ---

def test_suggest_limits_needs_data(banned):
    daemon, _ = banned
    code, out, _ = daemon.command("suggest-limits", "--service", "smtp")
    assert code == 0 and "no suggestion: too little is recorded" in out and "submission" not in out
    found = document(daemon, "suggest-limits")
    assert set(found["services"]) == {"smtp", "submission"}
    limit = found["services"]["smtp"]["concurrent"]
    assert limit["present"]["limit"] == 10 and limit["suggested"] is None and limit["reason"]
    assert {tuple(sorted(row)) for row in limit["table"]} == {("caught", "limit", "verified")}


def test_suggest_limits(sink, guard):
    """Three days of peaks, put into the ledger as the daemon keeps them."""
    daemon = guard(mode="observe")
    assert daemon.stop() == 0
    today = int(time.time()) // 86400 * 86400
    rows = [(f"10.90.0.{i}", 2 + i % 3, 3 + i % 4, "verified" if i % 5 == 0 else "none")
            for i in range(60)] + [("10.91.0.1", 40, 90, "none"), ("10.91.0.2", 60, 80, "mismatch")]
    with contextlib.closing(sqlite3.connect(daemon.ledger_path)) as ledger, ledger:
        for source, concurrent, new, state in rows:
            place = bytes([4]) + socket.inet_aton(source) + bytes([128])
            for day in range(3):
                ledger.execute("INSERT INTO peak (day_us, service, place, source, concurrent, fresh,"
                               " ptr_state, name) VALUES (?, 'smtp', ?, ?, ?, ?, ?, '')",
                               ((today - day * 86400) * 1000000, place, source, concurrent, new, state))
    daemon.start()
    assert lab.eventually(lambda: daemon.ask("peaks limit=1").get("total") == len(rows))
    found = document(daemon, "suggest-limits", "--service", "smtp")["services"]
    assert set(found) == {"smtp"}
    for limit, normal, outlier in (("concurrent", 4, 40), ("new", 6, 80)):
        suggested = found["smtp"][limit]["suggested"]
        assert normal < suggested["limit"] < outlier
        assert suggested["caught"] == 2 and suggested["verified"] == 0
        assert found["smtp"][limit]["present"]["caught"] == 2
    code, out, _ = daemon.command("suggest-limits", "--service", "smtp")
    assert code == 0 and "smtp: 62 sources on 3 days" in out
    assert "normal sources reached 4 at most, those that stand out 40 and more" in out


# --- speed, completion, units ---

def own_time(daemon, *words):
    """Processor time of one call, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.devnull, "w") as nowhere:
        subprocess.run([lab.program("src/smtpguard"), "-s", daemon.socket_path, *words], check=True,
                       stdout=nowhere)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_ten_thousand_bans(sink, guard):
    daemon = guard()
    with daemon.client() as client:
        for i in range(10000):
            client.stream.write(f"ban 10.{80 + i // 50000}.{i // 250}.{1 + i % 250}\n".encode())
            if i % 100 == 99:
                client.stream.flush()
                assert all(client.answer()["ok"] for _ in range(100))
    assert daemon.status()["bans"]["count"] == 10000
    assert lab.eventually(lambda: daemon.ask("history limit=1")["total"] == 10000, 30)
    slow = {}
    for words in (["status"], ["status", "--check"], ["sources"], ["explain", "10.80.0.1"], ["history"],
                  ["metrics"], ["mode"], ["suggest-limits"], ["digest"], ["bans"], ["--json", "bans"]):
        took = own_time(daemon, *words)
        print(f"{' '.join(words)}: {took * 1000:.0f} ms")
        if took > BOUND_S * lab.SLOWNESS:
            slow[" ".join(words)] = took
    assert not slow


def complete(*words):
    """What bash offers for the last word."""
    script = (f". {COMPLETION}; COMP_WORDS=(smtpguard \"$@\"); COMP_CWORD=$#; _smtpguard; "
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "--norc", "-euc", script, "bash", *words], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert not done.stderr
    return set(done.stdout.split())


def test_completion_knows_all():
    offered = complete("")
    assert set(verbs()) <= offered
    assert {"--json", "--socket", "--help", "--version"} <= offered
    _, out, _ = smtpguard("--help")
    for line in re.findall(r"^  ([a-z].*)$", out, re.MULTILINE):
        words = line.split(" [--")[0].split()
        actions = words[1:2] if len(words) > 1 and words[0] in ("allow", "import") else []
        if actions:
            assert actions[0] in complete(words[0], "")
        wanted = {f"--{name}" for name in re.findall(r"\[--([a-z-]+)", line)}
        assert complete(words[0], *actions, "--") == wanted | {"--json", "--socket", "--help"}, line
    assert complete("sta") == {"status"} and complete("--json", "mode", "o") == {"observe"}


def test_units_are_valid(tmp_path):
    folder = os.path.join(lab.ROOT, "packaging", "systemd")
    for name in os.listdir(folder):
        if name.endswith((".service.in", ".timer")):
            with open(os.path.join(folder, name)) as unit:
                text = re.sub(r"@sbindir@/\w+", "/bin/true", unit.read())
            (tmp_path / name.replace(".in", "")).write_text(text.replace("Documentation=", "#"))
    units = [str(tmp_path / name) for name in os.listdir(tmp_path)]
    assert len(units) >= 5
    done = subprocess.run(["systemd-analyze", "verify", *units], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    mine = [line for line in done.stdout.splitlines() if "smtpguard" in line]
    assert done.returncode == 0 and not mine, done.stdout
