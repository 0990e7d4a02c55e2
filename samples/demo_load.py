"""Clients that send numbered Adds all the time, and check every answer."""

import http.client
import threading
import time
from dataclasses import dataclass, field

from demo_cluster import Client, Refused

CLIENTS = 8
PAUSE_S = 0.012  # of a client between an answer and its next message


@dataclass
class Account:
    """What the counter of one key has to say."""
    applied: int = 0  # Adds that were acknowledged since it last began
    total: int = 0    # the sum of their numbers
    unknown: int = 0  # Adds whose fate nobody told
    number: int = 0   # of the last Add

    def forget(self, applied, total):
        lost = self.applied
        self.applied, self.total = applied, total
        return lost


@dataclass
class Findings:
    """What the clients saw from `start` to `stop`."""
    acknowledged: int = 0
    failed: list = field(default_factory=list)  # (key, reason)
    lost: int = 0
    doubled: int = 0
    waits: list = field(default_factory=list)   # (seconds, key, sent at)
    seconds: float = 0

    def longest_wait(self, keys=None):
        return max((s for s, key, _ in self.waits
                    if keys is None or key in keys), default=0.0)

    def clean(self):
        return not (self.failed or self.lost or self.doubled)


class Load:
    """Every key belongs to one client, which numbers its Adds 1, 2, 3...

    The k-th Add adds k: an answer of `applied` k and `total` 1 + ... + k shows
    that each was applied exactly once. Each client sends through all the nodes
    in turn, over connections that it keeps.
    """

    def __init__(self, keys):
        self.accounts = {key: Account() for key in keys}
        self.lock = threading.Lock()
        self.fragile = set()  # keys whose counter may begin again
        self.forgotten = {}   # key: Adds that its counter knew before

    def start(self, nodes):
        self.found = Findings()
        self.began = time.monotonic()
        self.ports = [node.http_port for node in nodes]
        self.running = True
        keys = list(self.accounts)
        self.threads = [
            threading.Thread(target=self._client, args=(i, keys[i::CLIENTS]),
                             daemon=True)
            for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Ends the clients, asks every counter, and returns the findings."""
        self.running = False
        for thread in self.threads:
            thread.join()
        self.found.seconds = time.monotonic() - self.began
        self._audit()
        return self.found

    def _client(self, number, keys):
        clients = [Client(port) for port in self.ports]
        turn = number
        while self.running:
            for key in keys:
                if not self.running:
                    break
                turn += 1
                self._add(clients[turn % len(clients)], key)
                time.sleep(PAUSE_S)

    def _add(self, client, key):
        account = self.accounts[key]
        account.number += 1
        sent = time.monotonic()
        try:
            answer = client.send(key, "counter.Add", {"by": account.number})
        except (OSError, http.client.HTTPException, Refused) as why:
            account.unknown += 1
            with self.lock:
                self.found.failed.append((key, str(why)))
            return
        with self.lock:
            self.found.acknowledged += 1
            self.found.waits.append((time.monotonic() - sent, key, sent))
            self._compare(key, answer["message"], 1, account.number)

    def _audit(self):
        client = Client(self.ports[0])
        for key in self.accounts:
            answer = client.send(key, "counter.Get", {})
            self._compare(key, answer["message"], 0, 0)

    def _compare(self, key, message, adds, number):
        """The counter of `key` after `adds` more, with the last `number`."""
        account = self.accounts[key]
        applied = int(message.get("applied", 0))
        total = int(message.get("total", 0))
        expected = account.applied + adds
        if key in self.fragile and applied < expected:
            self.fragile.discard(key)
            self.forgotten[key] = account.forget(applied, total)
        elif key in self.forgotten and applied <= expected + account.unknown:
            account.forget(applied, total)
        else:
            self.found.lost += max(0, expected - applied)
            self.found.doubled += max(0, applied - expected)
            if applied == expected and total != account.total + number:
                self.found.lost += 1  # one number is there instead of another
                self.found.doubled += 1
            account.forget(applied, total)
