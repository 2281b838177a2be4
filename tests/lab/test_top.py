# SPDX-License-Identifier: GPL-2.0-or-later
"""`smtpguard top` in a real terminal: tmux, 80x24, against a real daemon."""
import itertools
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

import lab
from daemon import children, is_alive

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="needs tmux")

SERIAL = itertools.count()
ROW = re.compile(r"^([> ]) (\S+) +(\S+) +(\d+) +(\d+) +(\d+)/(\S+) +(\d+) (.*)$")
SHARE_OF_A_CORE = 0.05


class Terminal:
    """A shell in a tmux of its own, which top is started from and gives the terminal back to."""

    def __init__(self, width=80, height=24):
        self.name = f"smtpguard-{os.getpid()}-{next(SERIAL)}"
        self.pid = None
        variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        # the search for leaks does not always end when the terminal is gone
        variables["ASAN_OPTIONS"] = "detect_leaks=0"
        subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", "new-session", "-d",
                        "-x", str(width), "-y", str(height), "/bin/sh"],
                       env=dict(variables, LC_ALL="C.UTF-8"), check=True, timeout=20)

    def begin(self):
        # the window keeps its size although nobody is attached
        self.tmux("set-option", "-g", "window-size", "manual")
        self.command("PS1='ready''> '")
        self.shows("ready>")

    def tmux(self, *words):
        return lab.run(["tmux", "-L", self.name, *words], timeout=20)

    def close(self):
        """A top that still runs loses its terminal, and ends."""
        self.tmux("kill-server")
        assert lab.eventually(lambda: self.pid is None or not is_alive(self.pid))

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def command(self, line):
        self.type(line)
        self.keys("Enter")

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def lines(self):
        return self.tmux("capture-pane", "-p").splitlines()

    def screen(self):
        return "\n".join(self.lines())

    def shows(self, text, timeout=5.0):
        found = lab.eventually(lambda: text in self.screen(), timeout, 0.1)
        assert found, f"no {text!r} in:\n{self.screen()}"
        return True

    def rows(self):
        """[(marked, source, service, now, peak, new, window, half-open, rest)] as they are shown"""
        found = [ROW.match(line) for line in self.lines()]
        return [(m[1] == ">", m[2], m[3], *map(int, m.groups()[3:6]), m[7], int(m[8]), m[9])
                for m in found if m]

    def column(self, number):
        return [row[number] for row in self.rows()]

    def marked(self):
        return next((row[1] for row in self.rows() if row[0]), None)

    def state(self):
        """(alternate screen, cursor is shown, what stty says)"""
        alternate, cursor, tty = self.tmux(
            "display-message", "-p", "#{alternate_on} #{cursor_flag} #{pane_tty}").split()
        return alternate, cursor, lab.run(["stty", "-g", "-F", tty]).strip()

    def shell(self):
        return int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def start(self, daemon, *options):
        self.before = self.state()
        words = [lab.program("src/smtpguard"), "-s", daemon.socket_path, "top", *options]
        # the exit status is said on a line of its own, which the typed command is not
        self.command("; ".join([" ".join(words), "echo exit-status=$?"]))
        self.shows("SOURCE")
        self.pid = children(self.shell())[0]
        return self.pid

    def ended(self, status=0):
        """top has ended, and the terminal is as it was before it."""
        self.shows(f"exit-status={status}\n")
        assert lab.eventually(lambda: self.state() == self.before), (self.state(), self.before)


@pytest.fixture
def terminal():
    made = []

    def make(*size):
        made.append(Terminal(*size))
        made[-1].begin()
        return made[-1]

    yield make
    for one in made:
        one.close()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def agree(screen, daemon, services=("smtp", "submission")):
    """Every row that is shown says what `sources` says of it."""
    rows, known = screen.rows(), daemon.sources()
    for _, source, service, now, peak, new, _, half_open, _ in rows:
        entry = known.get((source, service))
        if not entry or service not in services or (now, peak, new, half_open) != (
                entry["concurrent"], entry["peak"], entry["new"], entry["half_open"]):
            return False
    return bool(rows)


def test_numbers_order_and_filters(sink, guard, load, terminal):
    daemon = guard(services={"smtp": {"new": "off"}})
    many, few, sender, idle = (sink.sources() for _ in range(4))
    load.open(many, 8)
    load.open(few, 3)
    load.open(few, 2, port=25).close()
    load.churn(few, 6)
    load.open(sender, 5, port=587)
    load.open(idle, 1).close()
    assert lab.eventually(lambda: (daemon.source(few) or {}).get("concurrent") == 3
                          and daemon.source(idle)["concurrent"] == 0)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: agree(screen, daemon)), screen.screen()
    assert screen.column(1) == [many, sender, few]
    assert screen.column(6) == ["300s"] * 3
    screen.shows("mode enforce")
    screen.shows("smtp 11 from 2, submission 5 from 1")
    screen.shows("1-3 of 3, by now")

    screen.keys("n")
    assert lab.eventually(lambda: screen.column(1) == [few, many, sender]), screen.screen()
    screen.keys("r")
    screen.shows("by new reversed")
    assert lab.eventually(lambda: screen.column(1) == [sender, many, few]), screen.screen()
    screen.keys("r", "p")
    screen.shows("by peak")
    assert lab.eventually(lambda: agree(screen, daemon)), screen.screen()
    assert screen.column(4) == sorted(screen.column(4), reverse=True)

    screen.keys("c", "i")
    assert lab.eventually(lambda: screen.column(1) == [many, sender, few, idle]), screen.screen()
    screen.keys("i", "f")
    screen.shows("only smtp")
    assert lab.eventually(lambda: set(screen.column(2)) == {"smtp"})
    screen.keys("f")
    assert lab.eventually(lambda: screen.column(1) == [sender]), screen.screen()
    screen.keys("f", "/")
    screen.type(few)
    assert lab.eventually(lambda: screen.column(1) == [few]), screen.screen()
    screen.keys("Enter")
    screen.shows(f'1 with "{few}" of 3')
    screen.keys("Escape")
    assert lab.eventually(lambda: len(screen.rows()) == 3)

    # the selected source stays selected wherever it goes
    screen.keys("j", "Down")
    assert lab.eventually(lambda: screen.marked() == few)
    load.open(few, 7)
    assert lab.eventually(lambda: screen.column(1)[0] == few and screen.marked() == few, 8), \
        screen.screen()
    screen.keys("q")
    screen.ended()


def test_pause_holds_the_picture(sink, guard, load, terminal):
    daemon = guard()
    source = sink.sources()
    load.open(source, 2)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: screen.column(3) == [2])
    screen.keys("Space")
    screen.shows("PAUSED")
    load.open(source, 2)
    time.sleep(2.5)
    assert screen.column(3) == [2]
    screen.keys("Space")
    assert lab.eventually(lambda: screen.column(3) == [4])
    assert "PAUSED" not in screen.screen()


def test_changes_are_confirmed(sink, guard, load, terminal):
    daemon = guard(trust={"unban_grace": "1h"})
    source, spared = sink.sources(), sink.sources()
    load.open(source, 3)
    load.open(spared, 2)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: screen.marked() == source), screen.screen()

    screen.keys("b")
    screen.shows(f'send "ban {source}" to the daemon?')
    screen.keys("n")
    screen.shows("nothing was sent")
    assert daemon.bans() == {}
    screen.keys("b", "y")
    screen.shows(f"{source} is banned until ")
    assert lab.eventually(lambda: sink.banned(source))
    # its connections were ended: it is among those without one
    assert lab.eventually(lambda: screen.column(1) == [spared]), screen.screen()
    screen.keys("s")
    assert lab.eventually(lambda: screen.rows() and screen.rows()[0][1] == source and
                          "banned 59m" in screen.rows()[0][8]), screen.screen()
    screen.shows("operator")

    screen.keys("Home", "u")
    screen.shows(f'send "unban {source}" to the daemon?')
    screen.keys("y")
    screen.shows(f"{source} is unbanned and trusted until ")
    assert lab.eventually(lambda: not sink.banned(source))

    screen.keys("c")
    assert lab.eventually(lambda: screen.marked() == spared), screen.screen()
    screen.keys("a")
    screen.shows(f'send "allow add {spared}" to the daemon?')
    screen.keys("y")
    screen.shows(f"{spared} is allowed without end")
    assert daemon.ask("allow list")["allowed"][0]["prefix"] == spared
    screen.keys("b", "y")
    screen.shows("refused: ")
    assert daemon.bans() == {}


def test_explain_page(sink, guard, load, terminal):
    daemon = guard()
    source = sink.sources()
    load.open(source, 4)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: screen.marked() == source)
    screen.keys("Enter")
    screen.shows("submission")
    assert source in screen.lines()[0]
    code, page, _ = daemon.command("explain", source)
    assert code == 0
    # times go on, and long lines go on in the next one
    page, shown = (re.sub(r"\d+", "#", " ".join(text.split()))
                   for text in (page, "\n".join(screen.lines()[:-1])))
    assert page.startswith(shown) and len(shown) > 200, (page, shown)
    screen.keys("b")
    screen.shows(f'send "ban {source}" to the daemon?')
    screen.keys("y")
    screen.shows(f"{source} is banned until ")
    screen.keys("q")
    screen.shows("REVERSE DNS")
    screen.keys("?")
    screen.shows("it is never banned from now on")
    screen.keys("q", "q")
    screen.ended()


def test_why_and_how_long(sink, guard, load, terminal):
    """What the standing is and why: of banned, exempt and allowed sources."""
    allowed, spared, banned = (sink.sources() for _ in range(3))
    daemon = guard(allow=f"{allowed}\n", bans={"close_connections": False})
    assert not daemon.ask(f"unban {spared}")["ok"], "it is not banned, and trusted all the same"
    for source in (allowed, spared, banned):
        load.open(source, 12)
    assert lab.eventually(lambda: sink.banned(banned))
    screen = terminal(120, 24)
    screen.start(daemon)
    standing = {}

    def all_known():
        standing.update({row[1]: row[8] for row in screen.rows()})
        return (re.search(r"banned \d+m( \d+s)?: smtp 1[12]>10 concurrent", standing.get(banned, ""))
                and re.search(r"exempt \d+m( \d+s)?: unbanned by hand", standing.get(spared, ""))
                and f"allowed: allow list {allowed}" in standing.get(allowed, ""))

    assert lab.eventually(all_known, 8), (standing, screen.screen())


def test_resized(sink, guard, load, terminal):
    daemon = guard()
    load.open(sink.sources(60), 1, sources=60)
    screen = terminal()
    screen.start(daemon)
    # 24 lines: 5 of head, titles, the selected source, keys
    assert lab.eventually(lambda: len(screen.rows()) == 16), screen.screen()
    screen.resize(132, 50)
    assert lab.eventually(lambda: len(screen.rows()) == 42), screen.screen()
    screen.resize(60, 12)
    assert lab.eventually(lambda: len(screen.lines()) == 12 and
                          "SOURCE" in screen.screen() and "HALF" not in screen.screen())
    screen.resize(18, 3)
    screen.shows("too small")
    screen.resize(80, 24)
    assert lab.eventually(lambda: len(screen.rows()) == 16), screen.screen()
    screen.keys("NPage")
    screen.shows("of 60")
    screen.keys("End")
    screen.shows("45-60 of 60")
    screen.keys("q")
    screen.ended()


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_restores_the_terminal(sink, guard, terminal, name):
    daemon = guard()
    screen = terminal()
    pid = screen.start(daemon)
    lab.run(["kill", f"-{name}", pid])
    screen.ended()


def test_stopped_and_continued(sink, guard, load, terminal):
    daemon = guard()
    source = sink.sources()
    load.open(source, 2)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: screen.column(3) == [2])
    screen.keys("C-z")
    assert lab.eventually(lambda: screen.state()[:2] == screen.before[:2])
    load.open(source, 1)
    screen.command("fg")
    assert lab.eventually(lambda: screen.column(3) == [3]), screen.screen()
    screen.keys("q")
    screen.shows("exit-status=")
    assert lab.eventually(lambda: screen.state() == screen.before)


def test_only_changes_are_written(sink, guard, load, terminal, tmp_path):
    daemon = guard()
    load.open(sink.sources(60), 1, sources=60)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: len(screen.rows()) == 16)
    time.sleep(1)
    written = tmp_path / "written"
    screen.tmux("pipe-pane", f"cat >{written}")
    time.sleep(5)
    screen.tmux("pipe-pane")
    assert 0 < written.stat().st_size < 1000, written.read_bytes()
    assert b"\x1b[2J" not in written.read_bytes() and b"\x1b[J" not in written.read_bytes()


def test_a_daemon_that_does_not_answer(sink, guard, load, terminal):
    daemon = guard()
    load.open(sink.sources(), 2)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: screen.column(3) == [2])
    os.kill(daemon.pid(), signal.SIGSTOP)
    try:
        screen.shows("the daemon has not answered for", 8)
        screen.keys("?")
        screen.shows("never banned from now on", 1)
        screen.keys("q", "q")
        screen.ended()
    finally:
        os.kill(daemon.pid(), signal.SIGCONT)


@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "NO_COLOR": "1"}, {"TERM": "vt100"}])
def test_plain_terminals(sink, guard, load, terminal, environment):
    daemon = guard()
    source = sink.sources()
    load.open(source, 2)
    screen = terminal()
    for name, value in environment.items():
        screen.command(f"export {name}={value}")
    screen.start(daemon)
    assert lab.eventually(lambda: screen.column(1) == [source] and screen.marked() == source)
    colours = screen.tmux("capture-pane", "-p", "-e")
    assert not re.search(r"\x1b\[[0-9;]*3[1-7]", colours), colours
    screen.keys("q")
    screen.shows("exit-status=0\n")


def test_daemon_goes_and_comes_back(sink, guard, load, terminal):
    daemon = guard()
    source = sink.sources()
    load.open(source, 2)
    screen = terminal()
    screen.start(daemon)
    assert lab.eventually(lambda: screen.column(1) == [source])
    assert daemon.stop() == 0
    screen.shows("no daemon: ")
    screen.shows("trying again")
    assert screen.column(1) == [source], "what it said last is still there"
    screen.keys("b", "y")
    screen.shows("not sent")
    daemon.start()
    load.open(source, 1)
    assert lab.eventually(lambda: "no daemon" not in screen.screen() and screen.column(3) == [3],
                          8), screen.screen()
    screen.keys("q")
    screen.ended()


def test_no_terminal_and_no_daemon(guard, terminal):
    daemon = guard()
    screen = terminal()
    screen.command(f"TERM=dumb {lab.program('src/smtpguard')} -s {daemon.socket_path} top; "
                   "echo exit-status=$?")
    screen.shows("exit-status=2\n")
    screen.shows("(TERM)")
    code, out, err = daemon.command("top")
    assert code == 2 and "needs a terminal" in err and not out
    assert daemon.command("top", "--delay", "never")[0] == 2
    assert daemon.command("top", "--json")[0] == 2
    assert daemon.stop() == 0
    # with a terminal it is the daemon that is missing
    done = subprocess.run(["script", "-qec", f"{lab.program('src/smtpguard')} -s "
                           f"{daemon.socket_path} top", "/dev/null"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, universal_newlines=True, timeout=20)
    assert done.returncode == 3 and "start it with" in done.stdout, done.stdout


def test_flood_of_five_thousand(sink, guard, load, terminal):
    """Usable under a flood: right numbers, and cheap whatever the order."""
    daemon = guard(services={"smtp": {"new": "1000/300s"}})
    load.open(lab.CROWD, 1, sources=5000, to=lab.SERVER4)
    loudest = sink.sources()
    load.open(loudest, 9)
    assert lab.eventually(lambda: daemon.status()["services"]["smtp"]["connections"] == 5009)
    screen = terminal()
    pid = screen.start(daemon)
    screen.shows("1-16 of 5001, by now")
    screen.shows("smtp 5009 from 5001")
    assert screen.column(1)[0] == loudest and screen.column(3)[0] == 9
    assert lab.eventually(lambda: agree(screen, daemon)), screen.screen()

    shares = {}
    for key, name in (("c", "now"), ("p", "peak")):
        screen.keys(key)
        screen.shows(f"by {name}")
        before, begin = cpu_seconds(pid), time.monotonic()
        while time.monotonic() < begin + 10:
            load.churn(lab.CROWD, 1, sources=250, to=lab.SERVER4)
            time.sleep(0.2)
        shares[name] = (cpu_seconds(pid) - before) / (time.monotonic() - begin)
    print("share of a core:", shares)
    assert max(shares.values()) < SHARE_OF_A_CORE, shares

    # a key is answered at once, also far down and among all of them
    screen.keys("End")
    screen.shows("of 5001", 2)
    screen.keys("/")
    screen.type(loudest)
    assert lab.eventually(lambda: screen.column(1) == [loudest], 3), screen.screen()
    assert lab.eventually(lambda: agree(screen, daemon)), screen.screen()
    screen.keys("Enter", "q")
    screen.ended()
