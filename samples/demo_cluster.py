"""Nodes as processes on the loopback interface, and how to talk to them."""

import http.client
import json
import os
import random
import socket
import subprocess
import time

REGION = "counter"


class Refused(Exception):
    """A node's answer that is no success; `code` is its error."""

    def __init__(self, status, body):
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        self.code = answer.get("error", f"status {status}")
        super().__init__(f"{self.code}: {answer.get('detail', body[:200])}")


class Client:
    """One kept connection to a node's HTTP interface; for one thread."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port,
                                                     timeout=20)

    def call(self, method, path, body=None):
        try:
            self.connection.request(method, path,
                                    None if body is None else json.dumps(body))
            answer = self.connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        if answer.status >= 300:
            raise Refused(answer.status, text)
        return text

    def get(self, path):
        return json.loads(self.call("GET", path))

    def send(self, key, kind, message):
        return json.loads(self.call(
            "POST", f"/v1/regions/{REGION}/send?key={key}",
            {"type": kind, "message": message, "timeout_ms": 10_000}))

    def ping(self, key):
        return json.loads(self.call(
            "POST", f"/v1/regions/{REGION}/ping?key={key}"))

    def partitions(self):
        return self.get(f"/v1/regions/{REGION}")["partitions"]

    def events(self, since=0):
        text = self.call("GET", f"/v1/events?follow=false&since={since}")
        return [json.loads(line) for line in text.splitlines()]


class Node:
    """A `counter node` process."""

    def __init__(self, name, link_port, http_port):
        self.name = name
        self.link = f"127.0.0.1:{link_port}"
        self.http_port = http_port
        self.process = None
        self.ending = False  # somebody asked it to
        self.client = Client(http_port)

    def start(self, program, folder, join, expect=0, flags=()):
        self.log = os.path.join(folder, self.name + ".log")
        command = [program, "node", "--name", self.name, "--listen", self.link,
                   "--http", f"127.0.0.1:{self.http_port}",
                   "--data", os.path.join(folder, self.name),
                   "--join", ",".join(join), "--expect", str(expect), *flags]
        with open(self.log, "w") as log:
            # A session of its own: ctrl-C is for the show, which ends it.
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL,
                                            start_new_session=True)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def leave(self):
        """As ctrl-C would; its exit code."""
        self.ending = True
        self.process.terminate()
        return self.process.wait(timeout=60)

    def kill(self):
        self.ending = True
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def last_words(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-3:]).strip()


class Cluster:
    """The nodes that were started, by name, in order."""

    def __init__(self, build, folder, flags=()):
        self.flags = flags  # of every node
        self.program = os.path.join(build, "samples", "counter")
        self.troupectl = os.path.join(build, "runtime", "ctl", "troupectl")
        self.folder = folder
        self.nodes = {}

    def add(self, names, expect=0):
        ports = free_ports(2 * len(names))
        made = [Node(name, ports[2 * i], ports[2 * i + 1])
                for i, name in enumerate(names)]
        self.nodes.update({node.name: node for node in made})
        join = [node.link for node in self.nodes.values()]
        for node in made:
            node.start(self.program, self.folder, join, expect, self.flags)
        return made

    def living(self):
        return [node for node in self.nodes.values() if node.alive()]

    def any(self):
        return self.living()[0].client

    def stop(self):
        for node in self.nodes.values():
            node.kill()

    def ctl(self, *args, through):
        """Runs troupectl; its exit code and what it said."""
        done = subprocess.run(
            [self.troupectl, "--addr", f"127.0.0.1:{through.http_port}", *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def condition(self):
        """What each node says of the cluster, and logged last."""
        out = ""
        for node in self.living():
            code, nodes = self.ctl("--timeout", "2", "nodes", through=node)
            out += f"\n{node.name}:\n{nodes}{node.last_words()}\n"
        return out

    def wait(self, what, check, seconds=30):
        """Asks until `check` says something true, and returns that."""
        end = time.monotonic() + seconds
        while True:
            try:
                if found := check():
                    return found
            except (OSError, http.client.HTTPException, Refused):
                pass  # not yet up, or not yet a member
            for node in self.nodes.values():
                if not node.alive() and not node.ending:
                    raise SystemExit(f"{node.name} ended by itself, with "
                                     f"{node.process.returncode}:\n"
                                     + node.last_words())
            if time.monotonic() > end:
                raise SystemExit(f"waited {seconds} s in vain for {what}; the "
                                 f"load of this machine is "
                                 f"{os.getloadavg()[0]:.0f}\n"
                                 + self.condition())
            time.sleep(0.02)


def free_ports(count):
    """Below those that the system gives to clients: none is in the way when a
    node comes back."""
    held = []
    while len(held) < count:
        try:
            port = random.randrange(15000, 32000)
            held.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            pass
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
