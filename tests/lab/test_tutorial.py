# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/tutorial.md, followed word by word: each command of its ```console blocks is typed, in order, on
a host with smtpguard in its usual places (installed.py), and what it prints is compared with the page.

Typed is what stands behind "# "; the lines below it are what it prints. Nothing is replaced but
`systemctl`, which installed.Host does in its stead. In the expected lines `...` is anything, a line of
its own any number of lines; dates, times and durations are only of their form, blanks only blanks.

What happens outside of the terminal is in the page too, in comments: <!-- lab: ADDRESS opens 12
connections to port 25 -->. ```text blocks are for package managers, editors and live screens.
"""
import os
import re

import pytest

import installed
import lab

PAGE = os.path.join(lab.ROOT, "docs", "tutorial.md")
FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tutorial")
CSF_CONF = os.path.join(os.path.dirname(FILES), "import", "csf", "csf.conf")
CSF_SETTINGS = {"PORTFLOOD": "25;tcp;10;300", "CONNLIMIT": "", "CT_LIMIT": "10"}
# What reads may be asked again until it is as expected: the daemon may need a moment.
READS = re.compile(r"smtpguard (?:status|sources|bans|explain|why|history|digest|metrics|doctor"
                   r"|allow list)|nft list")
FREE = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\.\.\."
                  r"|\b\d+(?:us|ms|[smhd])\b(?: \d+(?:ms|[smhd])\b)?")
FORMS = {"-": r"\d{4}-\d\d-\d\d", ":": r"\d\d:\d\d:\d\d", ".": r".*"}
DURATION = r"\d+(?:us|ms|[smhd])(?: \d+(?:ms|[smhd]))?"
LAB = re.compile(r"([\d.]+) (opens|holds no connection|can connect|cannot connect|has the name)"
                 r"(?: (.*))?")


def form(match):
    return next((FORMS[sign] for sign in "-:." if sign in match.group()), DURATION)


def line_pattern(line):
    """What a line of the page stands for."""
    words, at = [], 0
    line = " ".join(line.split())
    for match in FREE.finditer(line):
        words += [re.escape(line[at:match.start()]), form(match)]
        at = match.end()
    return "".join(words + [re.escape(line[at:])]).replace("\\ ", " ")


def output_pattern(lines):
    """`...` on a line of its own takes whole lines, as few as will do."""
    return "".join(r"(?:.*\n)*?" if line.strip() == "..." else line_pattern(line) + r"\n"
                   for line in lines)


def as_compared(text):
    return "".join(" ".join(line.split()) + "\n" for line in text.splitlines())


def steps():
    """(line number, "lab" or "type", what, lines it prints)"""
    found, fence = [], None
    with open(PAGE) as page:
        for number, line in enumerate(page, 1):
            line = line.rstrip("\n")
            comment = re.fullmatch(r"<!-- lab: (.*) -->", line)
            if line.startswith("```"):
                fence = None if fence else line[3:]
                assert fence is None or fence in ("console", "text"), f"{number}: {line}"
            elif comment:
                found.append((number, "lab", comment.group(1), []))
            elif fence == "console" and line.startswith("# "):
                found.append((number, "type", line[2:], []))
            elif fence == "console":
                found[-1][3].append(line)
    return found


class Reader:
    """Somebody who follows the page."""

    def __init__(self, host, dns):
        self.host, self.dns = host, dns

    def type(self, line, printed):
        if line.startswith("systemctl "):
            what = line.split()[1]
            {"enable": self.host.start, "restart": self.host.restart, "disable": self.host.stop}[what]()
            return None
        pattern = re.compile(output_pattern(printed))
        seen = []

        def works():
            status, out = self.host.run(line)
            seen[:] = [status, out]
            return pattern.fullmatch(as_compared(out)) and self.ends_as_expected(line, status)

        timeout = 8 if READS.match(line) else 0
        return None if lab.eventually(works, timeout, 0.2) else f"exit status {seen[0]}:\n{seen[1]}"

    def ends_as_expected(self, line, status):
        if line == "smtpguard doctor":
            return status in (0, 1)
        needs_daemon = re.match("smtpguard (status|mode)", line)
        return status == (3 if needs_daemon and not self.host.daemon else 0)

    def happens(self, what):
        address, verb, rest = LAB.fullmatch(what).groups()
        numbers = [int(number) for number in re.findall(r"\d+", rest or "")]
        if verb == "has the name":
            self.dns.zones.verified(address, rest)
            self.dns.reload()
        elif verb == "opens":
            self.host.opens(address, numbers[0], port=numbers[1])
        elif verb == "holds no connection":
            held = self.host.groups.pop(address)
            if not lab.eventually(lambda: all(g.count()["established"] == 0 for g in held)):
                return f"it holds {[g.count() for g in held]}"
        else:
            tried = self.host.opens(address, 1, port=numbers[0])
            opened = tried.count()["established"]
            if verb == "cannot connect":
                tried.close()
            if opened != (verb == "can connect"):
                return f"{opened} opened"
        return None


@pytest.fixture
def host(sink):
    made = installed.Host(sink)
    try:
        made.copy(FILES)
        with open(CSF_CONF) as conf:
            text = conf.read()
        for key, value in CSF_SETTINGS.items():
            text = re.sub(rf"^{key} = .*", f'{key} = "{value}"', text, flags=re.MULTILINE)
        made.write("/etc/csf/csf.conf", text)
        yield made
    finally:
        made.close()


def test_tutorial(sink, host):
    reader = Reader(host, sink.dns)
    wrong = []
    for number, kind, what, printed in steps():
        problem = reader.type(what, printed) if kind == "type" else reader.happens(what)
        if problem:
            wrong.append(f"docs/tutorial.md:{number}: {what}\n{problem}")
    print(host.log())
    assert not wrong, "\n".join(wrong)


def commands_of(page):
    """What its indented lines tell to type; top takes a terminal."""
    with open(os.path.join(os.path.dirname(PAGE), page)) as text:
        found = re.findall(r"^ +# (smtpguard .*)$", text.read(), re.MULTILINE)
    return [line for line in found if not line.startswith("smtpguard top")]


def test_other_pages(host):
    """Every command of theirs is one: it is done or refused, and its usage is right."""
    host.start()
    pages = ("questions.md", "migrating-from-csf.md", "migrating-from-the-script.md")
    wrong = []
    for page in pages:
        assert commands_of(page), page
        for line in commands_of(page):
            status, out = host.run(f"set -o pipefail; {line}")
            # a refusal, or nothing found by a search for a word; the head of a line must be there
            if status not in ((0,) if "grep ^" in line else (0, 1)):
                wrong.append(f"docs/{page}: {line}: exit status {status}\n{out}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", ("tutorial.md", "questions.md", "migrating-from-the-script.md",
                                  "screens/README.md"))
def test_links_lead_somewhere(page):
    path = os.path.join(os.path.dirname(PAGE), page)
    with open(path) as text:
        links = re.findall(r"\]\(([^)#:]+)", text.read())
    folder = os.path.dirname(path)
    assert links
    assert [link for link in links if not os.path.exists(os.path.join(folder, link))] == []


def test_units_of_the_page_are_installed(host):
    with open(PAGE) as page:
        named = set(re.findall(r"smtpguard[-\w]*\.(?:timer|service)", page.read()))
    installed_files = {name for _, _, names in os.walk(host.root) for name in names}
    assert len(named) >= 2 and named <= installed_files


def test_every_block_is_of_a_kind():
    kinds = [kind for _, kind, _, _ in steps()]
    assert kinds.count("type") > 30 and kinds.count("lab") > 8


@pytest.mark.parametrize("page,text,matches", (
    (["a  b"], "a b\n", True), (["a"], "a\nb\n", False), (["a", "..."], "a\nb\nc\n", True),
    (["until 2026-11-22 10:00:00"], "until 2031-01-02 23:59:59\n", True),
    (["12>10"], "11>10\n", False),
    (["(59m 59s left)"], "(1h left)\n", True), (["up 15m;"], "up 3ms;\n", True),
    (["x ... z"], "x z\n", False),
    (["x...z"], "x y z\n", True), (["..."], "", True)))
def test_what_counts_as_equal(page, text, matches):
    assert bool(re.fullmatch(output_pattern(page), as_compared(text))) == matches
