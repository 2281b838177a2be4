#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes docs/screens/{top,status,explain}.txt: a real daemon under real traffic, in a terminal of 80
columns (tmux), in the lab's namespaces. As root, with the build in build/ or SMTPGUARD_BUILD:

    tests/lab/make_screens.py [DIRECTORY]
"""
import os
import subprocess
import sys
import time

import conftest
import installed
import lab

WIDTH, HEIGHT = 80, 24
NAMES = {
    "198.51.100.25": "mail-out1.provider.example",
    "198.51.100.26": "mail-out2.provider.example",
    "192.0.2.25": "mx.shop.example",
    "192.0.2.31": "news.school.example",
    "192.0.2.40": "relay.town.example",
    "2001:db8:40::25": "mx.six.example",
}
# source, connections, port
SENDERS = [("198.51.100.25", 14, 25), ("198.51.100.26", 6, 25), ("192.0.2.77", 31, 587),
           ("192.0.2.25", 4, 25), ("192.0.2.31", 5, 25), ("192.0.2.40", 2, 25),
           ("2001:db8:40::25", 4, 25), ("203.0.113.140", 3, 25), ("192.0.2.101", 3, 587),
           ("192.0.2.102", 2, 465), ("192.0.2.103", 4, 587), ("192.0.2.104", 1, 465)]
FLOODERS = ["203.0.113.66", "203.0.113.67", "203.0.113.130"]
PATIENT = "198.51.100.99"
SHOWN = "203.0.113.66"


class Terminal:
    def __init__(self, host, height):
        self.host, self.name = host, f"tmux-{next(lab.serial)}"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(WIDTH), "-y", str(height),
                  "env", "PS1=# ", "LC_ALL=C.UTF-8", "bash", "--norc", "--noprofile")
        self.wait("#")

    def tmux(self, *words):
        # the namespace's /run is empty: a socket elsewhere
        argv = self.host.command("tmux", "-S", f"{self.host.directory}/{self.name}", *words)
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE,
                              universal_newlines=True).stdout

    def type(self, line):
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p").rstrip("\n") + "\n"

    def wait(self, text):
        assert lab.eventually(lambda: text in self.screen(), 10, 0.1), self.screen()

    def close(self):
        self.tmux("kill-server")


def make_traffic(machine, host):
    for address, name in NAMES.items():
        machine.dns.zones.verified(address, name)
    machine.dns.zones.mismatch("203.0.113.67", "host67.dynamic.example", "203.0.113.1")
    machine.dns.reload()
    host.write("/etc/smtpguard/allow.d/customers.list", "192.0.2.77   # Miller, many phones\n")
    host.start()
    host.opens(PATIENT, 12)
    assert lab.eventually(lambda: host.run(f"smtpguard bans {PATIENT} | grep {PATIENT}")[0] == 0)
    assert host.run(f"smtpguard unban {PATIENT}")[0] == 0
    host.opens(PATIENT, 12)
    for source in FLOODERS:
        host.opens(source, 13)
    # unbanned by hand for a moment, it comes again
    assert host.run(f"smtpguard unban {SHOWN} --trust 1s")[0] == 0
    time.sleep(1.5)
    host.opens(SHOWN, 17)
    for source, count, port in SENDERS:
        host.opens(source, count, port)
    time.sleep(2)


def of_command(host, line, last):
    terminal = Terminal(host, 60)
    try:
        terminal.type(line)
        terminal.wait(last)
        text = terminal.screen()
    finally:
        terminal.close()
    lines = text.rstrip("\n").split("\n")
    # the prompt that waits for the next command is not of interest
    return "\n".join(lines[:-1] if lines[-1].strip() == "#" else lines).rstrip("\n") + "\n"


def of_top(host):
    terminal = Terminal(host, HEIGHT)
    try:
        terminal.type("smtpguard top")
        terminal.wait("SOURCE")
        # those without a connection are shown too, and the banned first
        terminal.tmux("send-keys", "s")
        time.sleep(2)
        return terminal.screen()
    finally:
        terminal.tmux("send-keys", "q")
        terminal.close()


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(lab.ROOT, "docs", "screens")
    machine = conftest.make_net()
    try:
        conftest.hold_everything(machine)
        host = installed.Host(machine)
        machine.closers.append(host.close)
        make_traffic(machine, host)
        screens = {"top": of_top(host), "status": of_command(host, "smtpguard status", "ledger"),
                   "explain": of_command(host, f"smtpguard explain {SHOWN}", "TIMELINE")}
    finally:
        machine.close()
    # which kernel, not whose build of it
    release = os.uname().release
    for name, text in screens.items():
        assert all(len(line) <= WIDTH for line in text.splitlines()), text
        with open(os.path.join(folder, name + ".txt"), "w") as out:
            out.write(text.replace(release, release.split("-")[0]))


main()
