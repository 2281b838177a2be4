# SPDX-License-Identifier: GPL-2.0-or-later
"""Mail logs for the lab: SMTP dialogues that make Exim write them, and generated ones of any length."""
import base64
import collections
import datetime
import os
import random
import socket

import lab


class Smtp:
    """One connection to Exim; HELO and account are the test's to forge."""

    def __init__(self, net, source, port=587, local_port=0, helo="client.example"):
        self.socket = net.client.socket(socket.AF_INET6 if ":" in source else socket.AF_INET,
                                        socket.SOCK_STREAM)
        self.socket.settimeout(10 * lab.SLOWNESS)
        if ":" in source:
            self.socket.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((source, local_port))
        self.socket.connect((lab.SERVER6 if ":" in source else lab.SERVER4, port))
        self.port = self.socket.getsockname()[1]
        self.stream = self.socket.makefile("rwb")
        self.reply()
        if helo:
            self.say(f"EHLO {helo}")

    def reply(self):
        while True:
            line = self.stream.readline().decode()
            if line[3:4] != "-":
                return line

    def say(self, line):
        self.stream.write(line.encode() + b"\r\n")
        self.stream.flush()
        return self.reply()

    def authenticate(self, account, password):
        """The reply's code: 235 or 535."""
        text = base64.b64encode(b"\0" + account.encode() + b"\0" + password.encode()).decode()
        return int(self.say("AUTH PLAIN " + text)[:3])

    def send(self, sender="user@example.test", recipient="other@example.test", subject="hello"):
        self.say(f"MAIL FROM:<{sender}>")
        self.say(f"RCPT TO:<{recipient}>")
        self.say("DATA")
        return int(self.say(f"Subject: {subject}\r\n\r\ntext\r\n.")[:3])

    def close(self):
        try:
            self.stream.close()
        except OSError:
            pass  # the guard has ended it
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def guess(host, source, times, account="victim@example.test", port=587, **options):
    """Wrong passwords, each with a connection of its own; ends when the source is shut out."""
    for n in range(times):
        try:
            with Smtp(host, source, port, **options) as client:
                assert client.authenticate(account, f"wrong{n}") == 535
        except (OSError, ValueError):
            return n
    return times


def hold(net, source, count, port=587):
    """Connections that say nothing; as many as the guard lets in."""
    held = []
    for _ in range(count):
        try:
            held.append(Smtp(net, source, port, helo=None))
        except OSError:
            break
    return held


def stamp(moment):
    return moment.strftime("%Y-%m-%d %H:%M:%S")


class Line:
    """The forms of Exim's lines that the generator writes."""

    @staticmethod
    def failure(moment, address, port, account, helo="pc"):
        return (f"{stamp(moment)} courier_login authenticator failed for host.example ({helo}) "
                f"[{address}]:{port}: 535 Incorrect authentication data (set_id={account})\n")

    @staticmethod
    def message(moment, address, port, account, serial):
        return (f"{stamp(moment)} {message_id(serial)} <= {account} H=(pc) [{address}]:{port} "
                f"P=esmtpsa X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no A=courier_login:{account} "
                f'S=1834 id=abc{serial}@example.com T="Invoice {serial}" for rcpt@example.net\n')

    @staticmethod
    def connect(moment, address, port, count):
        return (f"{stamp(moment)} SMTP connection from [{address}]:{port} "
                f"(TCP/IP connection count = {count})\n")

    @staticmethod
    def disconnect(moment, address, port):
        return f"{stamp(moment)} SMTP connection from (pc) [{address}]:{port} lost D=5s\n"

    @staticmethod
    def delivery(moment, serial):
        return (f"{stamp(moment)} {message_id(serial)} => rcpt <rcpt@example.net> R=virtual_user "
                f"T=dovecot_virtual_delivery C=\"250 2.0.0 <rcpt@example.net> Saved\"\n"
                f"{stamp(moment)} {message_id(serial)} Completed\n")


def message_id(serial):
    return f"1r{serial:04d}"[-6:] + f"-{serial:011d}-0Abc"


class Generated:
    """A main log of some days with the truth about it. Attackers guess accounts, customers send mail from
    one or two places, and the passwords of some accounts are used by a botnet."""

    def __init__(self, path, lines, seed=1, days=3, attackers=200, accounts=400, guesses=400,
                 attacked=0.45):
        """guesses: how many accounts an attacker tries; attacked: the share of connections that are
        attempts of attackers."""
        self.path, self.lines = path, 0
        self.failures = collections.Counter()   # (day, account, address)
        self.messages = collections.Counter()   # (account, address)
        self.random = random.Random(seed)
        self.attackers = [f"203.0.{113 + i // 250}.{i % 250 + 1}" for i in range(attackers)]
        self.accounts = [f"user{i}@example{i % 40}.com" for i in range(accounts)]
        self.guesses = {address: self.random.sample(self.accounts, min(guesses, accounts))
                        for address in self.attackers}
        self.attacked = attacked
        self.homes = {account: [f"192.0.{2 + i % 50}.{i % 200 + 1}"]
                      + ([f"100.64.{i % 256}.{i // 256 + 1}"] if i % 3 == 0 else [])
                      + ([f"100.{65 + n}.{i % 256}.9" for n in range(9)] if i % 97 == 0 else [])
                      for i, account in enumerate(self.accounts)}
        first = datetime.datetime.now().replace(hour=0, minute=0, second=0,
                                                microsecond=0) - datetime.timedelta(days=days + 1)
        step = datetime.timedelta(days=days) / lines
        with open(path, "w") as out:
            while self.lines < lines:
                self.write(out, first + step * self.lines)
        self.size = os.path.getsize(path)

    def write(self, out, moment):
        """One connection."""
        port = self.random.randrange(10000, 65000)
        if self.random.random() < self.attacked:
            address = self.random.choice(self.attackers)
            guesses = self.guesses[address]
            account = guesses[min(int(self.random.expovariate(3) * len(guesses)), len(guesses) - 1)]
            text = Line.failure(moment, address, port, account)
            self.failures[moment.strftime("%Y-%m-%d"), account, address] += 1
            n = 3
        else:
            account = self.random.choice(self.accounts)
            address = self.random.choice(self.homes[account])
            text = Line.message(moment, address, port, account, self.lines) \
                + Line.delivery(moment, self.lines)
            self.messages[account, address] += 1
            n = 5
        out.write(Line.connect(moment, address, port, self.random.randrange(1, 90)) + text
                  + Line.disconnect(moment, address, port))
        self.lines += n


# The articles' own commands, word for word but for the name of the log (LOG) and of the account (ACCOUNT).
FAILURES_BY_ACCOUNT = """grep "535 Incorrect" LOG | awk -F"set_id=" '{print $2}' | sort | uniq -c | sort -n"""
FAILURES_BY_DAY_AND_ADDRESS = """grep "535 Incorrect" LOG | grep ACCOUNT | awk '{print $1,substr($9,2)}' | \
cut -d] -f1 | uniq -c"""
ACCOUNTS_BY_ADDRESSES = """grep "A=courier_login" LOG | sed -e 's#H=.* \\[##' -e 's#\\]:[0-9]*##' | \
awk '{print $5,$6}' | sort | uniq | awk '{print $1}' | uniq -c | awk '{ if ($1 > 1) print $0}'"""
ACCOUNTS_AND_ADDRESSES = """grep "A=courier_login" LOG | sed -e 's#H=.* \\[##' -e 's#\\]:[0-9]*##' | \
awk '{print $5,$6}' | sort | uniq -c"""


def pipeline(command, log, account=""):
    """[(count, rest of the line)]"""
    text = lab.run(["bash", "-c", command.replace("LOG", log).replace("ACCOUNT", account)])
    rows = (line.strip().split(" ", 1) for line in text.splitlines())
    return [(int(row[0]), row[1] if len(row) > 1 else "") for row in rows]
