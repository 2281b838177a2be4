# SPDX-License-Identifier: GPL-2.0-or-later
"""smtpguard import: every line accounted for, a configuration that smtpguardd takes and that bans what
the other firewall was meant to ban, and nothing overwritten."""
import json
import os
import shutil
import subprocess

import pytest

import daemon as smtpguard
import lab

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "import")
RESOLVER = "127.0.0.1"
OUTCOMES = {"comment", "not-for-smtpguard", "expired", "without-effect", "covered", "no-counterpart",
            "include", "allowed", "blocked", "setting", "not-understood"}


def command(*words, socket="/nowhere"):
    return subprocess.run([lab.program("src/smtpguard"), "-s", socket, *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=30)


def report(*words, **options):
    done = command("--json", "import", *words, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(path):
    return subprocess.run([lab.program("src/smtpguardd"), "-n", "-c", path], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=20)


def snapshot(directory):
    """{path: contents} of everything in a directory."""
    return {os.path.join(root, name): open(os.path.join(root, name), "rb").read()
            for root, _, names in os.walk(directory) for name in names}


def lines_of(directory):
    return sum(len(open(os.path.join(directory, name), "rb").read().splitlines())
               for name in os.listdir(directory))


@pytest.mark.parametrize("kind,name", (("csf", "csf"), ("csf", "syntaxes"), ("apf", "apf")))
def test_every_line_is_accounted_for(tmp_path, kind, name):
    found = report(kind, f"{FIXTURES}/{name}", "--dry-run", "--output", str(tmp_path))
    assert {line["outcome"] for line in found["lines"]} <= OUTCOMES
    assert all(line["result"] for line in found["lines"] if line["outcome"] != "comment")
    assert sum(found["counts"].values()) == len(found["lines"])
    assert sum(file["lines"] for file in found["files"]) == len(found["lines"])
    assert len(found["lines"]) == lines_of(f"{FIXTURES}/{name}")
    places = {(line["file"], line["line"]) for line in found["lines"]}
    assert len(places) == len(found["lines"])
    assert snapshot(tmp_path) == {}


def test_syntaxes(tmp_path):
    """The report of every way to write an entry, word by word."""
    done = command("import", "csf", f"{FIXTURES}/syntaxes", "--dry-run", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    with open(f"{FIXTURES}/syntaxes.expected") as expected:
        assert done.stdout.replace(FIXTURES, "DIR").replace(str(tmp_path), "OUT") == expected.read()
    assert done.stdout.replace("\n", "").isprintable()
    entries = sum(1 for line in open(f"{FIXTURES}/syntaxes/csf.allow", "rb") if line.strip())
    assert entries >= 30


@pytest.mark.parametrize("kind", ("csf", "apf"))
def test_configuration_is_taken(tmp_path, kind):
    found = report(kind, f"{FIXTURES}/{kind}", "--output", str(tmp_path))
    done = check(tmp_path / "smtpguard.conf")
    assert done.returncode == 0, done.stdout
    allowed = (tmp_path / "allow.d" / f"{kind}.list").read_text()
    assert allowed == found["allow_file"]
    entries = [line for line in allowed.splitlines() if not line.startswith("#")]
    assert entries and f"{len(entries)} allow entries" in done.stdout
    assert found["configuration"] == (tmp_path / "smtpguard.conf").read_text()
    assert (tmp_path / "smtpguard.conf").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / f"{kind}-commands.list").stat().st_mode & 0o777 == 0o640


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "smtpguard.conf").write_text("# mine\n")
    os.mkdir(tmp_path / "allow.d")
    (tmp_path / "allow.d" / "csf.list").write_text("192.0.2.99\n")
    before = snapshot(tmp_path)
    words = ("csf", f"{FIXTURES}/csf", "--output", str(tmp_path))
    dry = report(*words, "--dry-run")
    assert snapshot(tmp_path) == before
    found = report(*words)
    assert [f["file"] for f in found["written"]] == [f["file"] for f in dry["written"]]
    after = snapshot(tmp_path)
    assert {path: after[path] for path in before} == before
    assert set(map(os.path.basename, after)) == {
        "smtpguard.conf", "csf.list", "smtpguard.conf.csf", "csf.list.new", "csf-commands.list"}
    assert check(tmp_path / "smtpguard.conf.csf").returncode == 0
    report(*words, "--force")
    assert (tmp_path / "smtpguard.conf").read_text() == found["configuration"]


def test_what_is_wrong_is_said(tmp_path):
    done = command("--json", "import", "csf", str(tmp_path), "--output", str(tmp_path))
    assert done.returncode == 1 and "nothing to import is there" in done.stderr
    assert json.loads(done.stdout)["code"] == "failed"
    done = command("import", "csf", f"{FIXTURES}/csf", "--output", str(tmp_path / "absent"))
    assert done.returncode == 1 and "No such file or directory" in done.stderr
    for words in (("import",), ("import", "ufw"), ("import", "apf", "--state", "/x"),
                  ("import", "csf", "--output", "relative"), ("import", "csf", "a", "b")):
        assert command(*words).returncode == 2, words


def test_hostile_files(tmp_path):
    source = tmp_path / "csf"
    os.mkdir(source)
    (source / "csf.allow").write_text("Include /etc/csf/fifo\nInclude /dev/zero\n"
                                      "Include /etc/csf/big\n`touch /tmp/x`\n192.0.2.1 # \033[2J\n")
    os.mkfifo(source / "fifo")
    with open(source / "big", "wb") as big:
        big.truncate(9 << 20)
    found = report("csf", str(source), "--dry-run", "--output", str(tmp_path))
    results = [line["result"] for line in found["lines"]]
    assert "not a regular file" in results[0] and "not a regular file" in results[1]
    assert "larger than 8 MiB" in results[2]
    assert [line["outcome"] for line in found["lines"]] == ["not-understood"] * 4 + ["allowed"]
    assert "\033" not in found["allow_file"]


class Imported(smtpguard.Daemon):
    """A daemon with the configuration as it was made, but for the places of its files."""
    text = ""

    def configure(self, **changes):
        self.settings = smtpguard.merge(self.settings, changes)
        own = {key: self.settings[key] for key in ("resolver", "ledger", "control")}
        with open(self.config_path, "w") as out:
            out.write(self.text + "\n" + smtpguard.libconfig(own))


@pytest.fixture
def imported(net):
    """imported(kind): imports the fixture without a daemon, then starts one with the result."""
    started = []

    def start(kind):
        directory = net.mkdir(f"import-{kind}")
        found = report(kind, f"{FIXTURES}/{kind}", "--output", directory)
        assert found["commands"]["waiting"] and "not reachable" in found["commands"]["daemon"]
        Imported.text = found["configuration"]
        os.mkdir(os.path.join(directory, "run"))
        own = smtpguard.configuration(directory, RESOLVER)
        made = Imported(net, os.path.join(directory, "run"), own)
        made.output = directory
        started.append(made)
        return made.start()

    yield start
    statuses = []
    for one in started:
        print(f"--- {one.directory}\n{one.log()}")
        statuses.append(one.stop())
    net.server.run("nft", "delete", "table", "inet", "smtpguard", check=False)
    net.forget_connections()
    assert not any(statuses), f"the daemon ended with {statuses}"


def is_banned(host, source):
    return lab.eventually(lambda: host.banned(source), 3)


def stays_unbanned(host, source):
    return not lab.eventually(lambda: host.banned(source), 0.7, 0.1)


def test_csf_limits_ban_in_the_lab(sink, imported, load):
    daemon = imported("csf")
    # CONNLIMIT 25;8: stricter there than CT_LIMIT 15
    quiet = sink.sources()
    load.open(quiet, 8)
    assert stays_unbanned(sink, quiet)
    load.open(quiet, 1)
    assert is_banned(sink, quiet)["comment"] == "smtp 9>8 concurrent; no PTR"
    # CT_BLOCK_TIME 1800
    assert is_banned(sink, quiet)["timeout"] == 1800
    # PORTFLOOD 25;tcp;10;300
    loud = sink.sources()
    for _ in range(10):
        load.churn(loud)
    assert stays_unbanned(sink, loud)
    load.churn(loud)
    assert is_banned(sink, loud)["comment"] == "smtp 11>10 new/300s; no PTR"
    # PORTFLOOD 465;tcp;20;60 and 587;tcp;20;60, CT_LIMIT 15
    held = sink.sources()
    load.open(held, 15, port=465)
    assert stays_unbanned(sink, held)
    load.open(held, 1, port=587)
    assert is_banned(sink, held)["comment"].startswith("submission 16>15 concurrent")
    # csf.allow, csf.ignore
    for source in ("10.77.70.1", "10.77.71.200", "10.77.73.1"):
        load.open(source, 12)
        assert stays_unbanned(sink, source), source
    assert set(daemon.bans()) == {quiet, loud, held}


def test_csf_denials_become_bans(sink, imported, load):
    daemon = imported("csf")
    words = ("csf", f"{FIXTURES}/csf", "--output", daemon.output)
    waiting = open(os.path.join(daemon.output, "csf-commands.list")).read().splitlines()
    assert len(waiting) == 6
    found = report(*words, socket=daemon.socket_path)
    assert found["commands"] == dict(found["commands"], sent=6, refused=0, waiting=0)
    bans = daemon.bans()
    assert set(bans) == {"10.77.80.1", "10.77.81.0/24", "10.77.82.1", "10.77.84.1", "10.77.84.3"}
    assert bans["10.77.80.1"]["expires"] is None
    assert 1790 <= bans["10.77.84.1"]["remaining_s"] <= 1800
    assert "Failed SMTP AUTH login" in bans["10.77.80.1"]["comment"]
    for source in ("10.77.80.1", "10.77.81.7", "10.77.84.3"):
        assert not load.open(source, wait=False).reaches("opened", 1, 0.7), source
    assert load.open("10.77.83.1", wait=False).reaches("opened", 1, 2)
    allowed = {a["prefix"]: a for a in daemon.ask("allow list")["allowed"]}
    assert allowed["10.77.85.1"]["from"] == "operator" and allowed["10.77.85.1"]["expires"]
    # nothing is left to do, and again changes nothing
    assert open(os.path.join(daemon.output, "csf-commands.list")).read() == ""
    again = report(*words, socket=daemon.socket_path)
    assert again["commands"]["sent"] == 6 and set(daemon.bans()) == set(bans)


def test_list_of_commands_is_the_protocol(sink, imported):
    daemon = imported("csf")
    with open(os.path.join(daemon.output, "csf-commands.list")) as lines:
        for line in lines:
            answer = daemon.ask(line.rstrip("\n"))
            assert answer["ok"], (line, answer)
    assert len(daemon.bans()) == 5


def test_refusals_are_said_and_kept(sink, imported):
    daemon = imported("apf")
    source = os.path.join(daemon.output, "source")
    shutil.copytree(f"{FIXTURES}/apf", source)
    with open(f"{source}/deny_hosts.rules", "a") as rules:
        rules.write(f"{lab.SERVER4}\n")
    found = report("apf", source, "--output", daemon.output, socket=daemon.socket_path)
    assert found["commands"]["refused"] == 1
    line = next(line for line in found["lines"] if line["text"] == lab.SERVER4)
    assert "the daemon refused" in line["result"] and "never banned" in line["result"]
    with open(os.path.join(daemon.output, "apf-commands.list")) as left:
        assert left.read().startswith(f"ban {lab.SERVER4} for=forever ")


def test_apf_limits_ban_in_the_lab(sink, imported, load):
    imported("apf")
    source = sink.sources()
    load.open(source, 8)
    assert stays_unbanned(sink, source)
    load.open(source, 1)
    assert is_banned(sink, source)["comment"] == "smtp 9>8 concurrent; no PTR"
    # allow_hosts.rules and CT_SKIP
    for source in ("10.77.92.1", "10.77.90.77", "10.77.93.5"):
        load.open(source, 9)
        assert stays_unbanned(sink, source), source
