# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/status-schema.json against a real daemon: every verb's answer before, during and after traffic,
errors and the lines of `events`; and that the schema, the protocol's page and its examples agree.

The unit tests compare the keys that the code writes with both pages; man page and completion are held
equal to --help by tests/lint/check_man and test_command.py.
"""
import json
import os
import re

import pytest

import lab

jsonschema = pytest.importorskip("jsonschema")

SCHEMA = os.path.join(lab.ROOT, "docs", "status-schema.json")
PAGE = os.path.join(lab.ROOT, "docs", "protocol.md")
VERBS = os.path.join(lab.ROOT, "src", "wire", "control_line.c")
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def read(path):
    with open(path) as file:
        return file.read()


with open(SCHEMA) as opened:
    WHOLE = json.load(opened)


def validator(definition):
    schema = dict(WHOLE["definitions"][definition], definitions=WHOLE["definitions"])
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())


def complaints(definition, answer):
    return [f"{definition}: {'/'.join(map(str, e.absolute_path))}: {e.message}"
            for e in validator(definition).iter_errors(answer)]


def verbs():
    found = re.findall(r'\[CONTROL_\w+\] = \{\s*"([a-z -]+)"', read(VERBS))
    assert len(found) >= 15
    return found


def definition_of(verb):
    return verb.replace(" ", "_").replace("-", "_")


def verb_of(line):
    return max((verb for verb in verbs() if (line + " ").startswith(verb + " ")), key=len)


class Asker:
    """Asks, and holds each answer against its definition."""

    def __init__(self, daemon):
        self.daemon, self.asked = daemon, set()

    def __call__(self, line, refused=None):
        answer = self.daemon.ask(line)
        definition = "error" if refused else definition_of(verb_of(line))
        assert answer["ok"] is not bool(refused), (line, answer)
        assert not refused or answer["code"] == refused, (line, answer)
        assert complaints(definition, answer) == [], line
        self.asked.add(definition)
        return answer

    def look(self, *sources):
        """Every verb that changes nothing."""
        for line in ("status", "sources", "sources all=1 sort=new limit=5", "sources service=smtp",
                     "bans", "allow list", "metrics", "mode"):
            self(line)
        for source in sources:
            self(f"explain {source}")
            self(f"bans source={source}")
        assert lab.eventually(lambda: self.daemon.ask("history")["ok"])
        for line in ("history", "history since=1h limit=3", "peaks", "peaks since=7d service=smtp",
                     "auth-failures", "auth-failures by=day,source since=7d limit=5",
                     "accounts", "accounts min_networks=1 since=7d"):
            self(line)
        for source in sources:
            self(f"auth-failures source={source} by=account,source,day")
            self(f"accounts source={source}")


def decisions(events):
    return [line for line in events.seen if "event" in line]


# --- real answers ---

def test_a_day_of_a_daemon(sink, guard, load, events):
    daemon = guard(allow="192.0.2.0/28\n2001:db8:25::/48\n", services={"smtp": {"new": "off"}},
                   bans={"forget_after": "7d"})
    asker, seen = Asker(daemon), events(daemon)
    asker.look("198.51.100.1", "192.0.2.1", "127.0.0.1", lab.SERVER4, "2001:db8::1", "2001:db8:25::9")

    nameless, named, wrong, quiet = (sink.sources() for _ in range(4))
    six = f"{sink.network6()}:1"
    sink.dns.zones.verified(named, "mx.schema.test").mismatch(wrong, "a.schema.test", "192.0.2.9")
    sink.dns.reload()
    for source in (nameless, named, wrong, six):
        load.open(source, 11)
    load.open(quiet, 3, port=587)
    assert lab.eventually(lambda: len(daemon.bans()) == 3 and daemon.standing(named) == "exempt")
    everybody = (nameless, named, wrong, six, quiet)
    asker.look(*everybody)

    asker(f"ban {quiet} for=10m reason=\"spam \\\"run\\\" \\\\ \"")
    asker(f"ban {nameless} for=forever")
    asker("ban 198.18.0.0/15 for=1h")
    asker("ban 2001:db8:5::/48 for=forever reason=\"net\"")
    asker.look(*everybody, "198.18.7.7", "2001:db8:5::1")
    asker(f"unban {nameless} trust=2s")
    asker(f"unban {wrong}")
    asker("unban 198.18.0.0/15")
    asker("allow add 203.0.113.0/24 comment=\"the office\"")
    asker(f"allow add {six} for=1h")
    asker("allow add 198.51.100.7")
    asker.look(*everybody, "203.0.113.5", "198.51.100.7", "198.18.7.7")
    asker("allow remove 203.0.113.0/24")
    asker("unban all")
    asker("reload")
    for mode in ("observe", "enforce"):
        asker(f"mode {mode}")
        asker.look(nameless)
    daemon.restart()
    asker.look(*everybody)
    asker("flush")
    asker("flush all=1")
    asker("status")
    assert asker.asked == {definition_of(verb) for verb in verbs()} - {"events"}

    with daemon.client() as client:
        assert complaints("events", client.ask("events")) == []
    told = decisions(seen)
    assert {line["event"] for line in told} >= {"ban", "unban", "exempt"}
    assert [problem for line in told for problem in complaints("decision", line)] == []


def test_the_gate(sink, gate, load, events):
    daemon = gate(services={"submission": {"mode": "observe"}})
    asker, seen = Asker(daemon), events(daemon)
    named, nameless, observed = (sink.sources() for _ in range(3))
    sink.dns.zones.verified(named, "mx.gate.test")
    sink.dns.reload()
    load.open(named, 1)
    load.open(nameless, 1, wait=False)
    load.open(observed, 1, port=587, wait=False)
    assert lab.eventually(lambda: seen.find("refuse", nameless) and seen.find("observe", observed))
    asker.look(named, nameless, observed)
    assert asker(f"explain {nameless}")["gate"]["outcome"] == "refused"
    asker(f"unban {nameless}")
    asker.look(nameless)
    told = decisions(seen)
    assert [problem for line in told for problem in complaints("decision", line)] == []


# --- errors ---

def test_errors(sink, guard):
    daemon = guard(bans={"max_bans": 16})
    ask = Asker(daemon)
    for line in ("", "no-such-verb", "status surplus", "sources limit=0", "sources sort=age", "explain",
                 "explain x", "ban 10.0.0.1 for=1", "history since=later", "peaks since=x",
                 "mode bold", "allow add 10.0.0.1/8", 'ban 10.0.0.1 reason="open',
                 "ban 10.0.0.1 \x01=\x7f"):
        ask(line, refused="bad-command")
    ask("ban 127.0.0.1", refused="never-listed")
    ask(f"ban {lab.SERVER4}", refused="never-listed")
    ask("unban 10.77.210.1", refused="not-banned")
    ask("ban 198.18.0.0/15 for=1h")
    ask("ban 198.18.7.0/24", refused="covered")
    ask("ban 198.20.0.0/24 for=2h")
    ask("ban 198.20.0.0/16 for=1h", refused="overlaps")
    ask("allow remove 10.77.210.0/24", refused="not-listed")
    ask("explain 198.18.0.0/15", refused="unsupported-prefix")
    for i in range(16):
        ask(f"ban 10.77.211.{i + 1} for=forever")
    ask("ban 10.77.211.99 for=1m", refused="bans-full")
    daemon.configure(mode="bold", bans={"growth": 0.5})
    answer = ask("reload", refused="bad-configuration")
    assert len(answer["problems"]) == 2
    daemon.configure(mode="observe", bans={"growth": 2.0})
    ask("reload")
    ask("ban 10.77.211.99", refused="observing")


def test_errors_of_a_connection(sink, guard):
    daemon = guard(control={"max_clients": 2})
    with daemon.client() as one, daemon.client() as two:
        assert one.ask("mode")["ok"] and two.ask("mode")["ok"]
        with daemon.client() as three:
            answer = three.answer()
            assert answer["code"] == "too-many-clients" and complaints("error", answer) == []
        answer = two.ask("status " + "x" * 2000)
        assert answer["code"] == "line-too-long" and complaints("error", answer) == []


def test_permission(sink, guard):
    daemon = guard()
    os.chmod(daemon.socket_path, 0o666)
    code, out, _ = daemon.command("--json", "ban", "10.77.210.1", prefix=NOBODY)
    answer = json.loads(out)
    assert code == 1 and answer["code"] == "permission-denied" and complaints("error", answer) == []


def test_without_a_ledger(sink, guard, tmp_path):
    (tmp_path / "file").write_text("")
    daemon = guard(ledger={"path": str(tmp_path / "file" / "ledger.db")})
    asker = Asker(daemon)
    for line in ("history", "peaks", "auth-failures", "accounts"):
        asker(line, refused="ledger-unavailable")
    asker("status")
    asker("metrics")


# --- the pages ---

def properties(schema):
    """Every key of every object in a schema."""
    found = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", {}))
        for key, value in schema.items():
            named = key in ("properties", "definitions", "patternProperties")
            for child in value.values() if named else [value]:
                found |= properties(child)
    elif isinstance(schema, list):
        for child in schema:
            found |= properties(child)
    return found


def test_schema_is_a_schema():
    jsonschema.Draft7Validator.check_schema(WHOLE)
    referred = {one["$ref"].rsplit("/", 1)[1] for one in WHOLE["anyOf"]}
    assert referred == {definition_of(verb) for verb in verbs()} | {"decision", "error"}
    assert referred <= set(WHOLE["definitions"])


def test_every_key_is_in_the_protocol():
    text = read(PAGE)
    missing = {key for key in properties(WHOLE) if f"`{key}`" not in text and f'"{key}":' not in text}
    assert not missing
    assert len(properties(WHOLE)) > 150


def test_every_verb_has_its_chapter():
    chapters = re.findall(r"^## (.*)$", read(PAGE), re.MULTILINE)
    for verb in verbs():
        assert any((chapter + " ").startswith(verb + " ") for chapter in chapters), verb


def test_every_error_has_its_row():
    chapter = read(PAGE).split("## Errors")[1].split("\n## ")[0]
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", chapter, re.MULTILINE))
    assert rows == set(WHOLE["definitions"]["error"]["properties"]["code"]["enum"])


def test_examples_of_the_protocol_are_valid():
    """But for those that leave something out."""
    examples = [line.strip() for line in re.findall(r"^    (\{.*\})$", read(PAGE), re.MULTILINE)]
    whole = [line for line in examples if "..." not in line]
    assert len(whole) > 10
    for line in whole:
        errors = list(jsonschema.Draft7Validator(WHOLE).iter_errors(json.loads(line)))
        assert not errors, (line, [e.message for e in errors[0].context] if errors else None)


# --- the command passes them on ---

@pytest.mark.parametrize("words", (["sources", "--all"], ["bans"], ["history"], ["metrics"], ["mode"],
                                   ["auth-failures"], ["accounts"],
                                   ["allow", "list"], ["reload"], ["ban", "10.77.212.1", "--for", "1h"],
                                   ["unban", "10.77.212.2"], ["flush"]))
def test_command_prints_the_answer(sink, guard, words):
    daemon = guard()
    if words[0] == "unban":
        assert daemon.ask(f"ban {words[1]}")["ok"]
    code, out, err = daemon.command("--json", *words)
    assert code == 0 and not err
    assert complaints("allow_list" if words[0] == "allow" else definition_of(words[0]),
                      json.loads(out)) == []
