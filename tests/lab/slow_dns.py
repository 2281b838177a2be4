# SPDX-License-Identifier: GPL-2.0-or-later
"""A relay before the name server that hands answers about reverse names over late, or none at all.

    relay = slow_dns.Relay(namespace, 0.5)
    daemon = guard(resolver={"servers": [relay.address]})
    relay.delay = None      # from now on no answers
    relay.asked[slow_dns.reverse_name("192.0.2.1")]
"""
import collections
import heapq
import ipaddress
import select
import socket
import threading
import time

SERVER = ("127.0.0.1", 53)


def name_of(question):
    """The name that a message asks for."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode("ascii", "replace"))
        at += 1 + question[at]
    return ".".join(labels).lower()


def reverse_name(address):
    return ipaddress.ip_address(address).reverse_pointer


class Relay:
    def __init__(self, namespace, delay=0.0):
        """delay: seconds until the answer about a reverse name; None: nothing is answered."""
        self.delay = delay
        self.asked = collections.Counter()
        self.socket = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.server = namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.connect(SERVER)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.open = {}  # number of ours: (client, the client's number, when the answer is due)
        self.answers = []  # (when, serial, client, message)
        self.serial = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            wait = self.answers[0][0] - time.monotonic() if self.answers else 0.1
            ready = select.select([self.socket, self.server], [], [], min(max(wait, 0), 0.1))[0]
            if self.socket in ready:
                self.question(*self.socket.recvfrom(4096))
            if self.server in ready:
                self.answer(self.server.recv(65535))
            while self.answers and self.answers[0][0] <= time.monotonic():
                _, _, client, message = heapq.heappop(self.answers)
                self.socket.sendto(message, client)

    def question(self, message, client):
        name = name_of(message)
        self.asked[name] += 1
        if self.delay is None:
            return
        delay = self.delay if name.endswith(".arpa") else 0
        self.serial += 1
        number = (self.serial & 0xffff).to_bytes(2, "big")
        self.open[number] = client, message[:2], time.monotonic() + delay
        self.server.send(number + message[2:])

    def answer(self, message):
        client, number, due = self.open.pop(message[:2])
        self.serial += 1
        heapq.heappush(self.answers, (due, self.serial, client, number + message[2:]))

    def close(self):
        self.ended.set()
        self.thread.join()
        self.socket.close()
        self.server.close()
