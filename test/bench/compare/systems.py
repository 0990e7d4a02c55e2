"""How each system is started and loaded. A measurement starts its processes,
and ends them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "raft_peers"))

from process import Failure, Process, free_ports, say, wait_for  # noqa: E402


class Stage:
    """The processes of one measurement."""

    def __init__(self, scratch, seconds):
        self.log = os.path.join(scratch, "log")
        self.scratch = scratch
        self.seconds = seconds
        self.all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for x in reversed(self.all):
            x.end()

    def start(self, *command):
        self.all.append(Process(command, self.log))
        return self.all[-1]

    def serve(self, *command):
        """Starts one that says what its clients have to know."""
        line = self.start(*command).line(30)
        if not line.startswith("ready"):
            raise Failure(f"{command[0]}: said {line}")
        return line.split()[1:]

    def cpu(self):
        return sum(x.cpu() for x in self.all)

    def load(self, *command, during=lambda: None):
        """Runs a client; its figures, with the CPU of all processes."""
        client = self.start(*command, "--seconds", f"{float(self.seconds)}")
        return self.figures(client, during)

    def figures(self, client, during=lambda: None):
        line = client.line(60)
        before = self.cpu()
        if line == "begin":
            during()
            line = client.line(self.seconds + 30)
        if not line.startswith("end "):
            raise Failure(f"{client.command[0]}: said {line}")
        used = self.cpu() - before
        self.all.remove(client)
        client.end()
        out = json.loads(line[4:])
        if "messages" in out:
            out["cpu"] = used
        return out


class Program:
    """One with a program of this folder; it takes and gives a port."""

    packages = ""
    rows = ("one-way", "request-1024", "request-1")
    join = "--to"

    def __init__(self, build):
        self.path = f"{build}/test/bench/compare/bench_compare_{self.name}"

    def missing(self):
        return not os.path.exists(self.path)

    def serve(self, stage):
        return stage.serve(self.path, "serve")[0]

    def relay(self, stage, owner):
        return stage.serve(self.path, "relay", self.join, owner)[0]

    def measure(self, row, stage):
        """One system or several: figures by name."""
        if row == "idle":
            return {self.name: stage.figures(stage.start(self.path, "idle"))}
        where = self.serve(stage)
        if row == "entry":
            where = self.relay(stage, where)
        return {self.name: stage.load(
            self.path, *self.command(row), self.join, where)}

    def command(self, row):
        if row == "one-way":
            return ["one-way"]
        return ["request", "--outstanding", "1" if row == "request-1" else
                "1024"]


LOCAL = {"1": "one receiver", "1000": "1,000 receivers"}


class Troupe(Program):
    name = "troupe"
    rows = ("local", "one-way", "request-1024", "request-1", "entry", "idle",
            "half-load")
    join = "--join"

    def measure(self, row, stage):
        if row == "local":
            out = {}
            for count, label in LOCAL.items():
                found = stage.load(self.path, "local", "--partitions", count)
                out |= {f"{x}, {label}": y for x, y in found.items()}
            return out
        if row == "idle":
            return {self.name: stage.figures(stage.start(
                self.path, "idle", "--partitions", "20000"))}
        if row == "half-load":
            return self.half_load(stage)
        return super().measure(row, stage)

    def command(self, row):
        more = ["--region", "entry"] if row == "entry" else []
        return super().command(row) + more

    def half_load(self, stage):
        first = stage.serve(self.path, "serve", "--name", "a", "--http", "1")
        stage.serve(self.path, "serve", "--name", "b", "--join", first[0])
        moves = Moves(first[1])
        all_of = stage.load(self.path, "request", "--outstanding", "1024",
                            "--join", first[0])
        rate = all_of["messages"] / all_of["seconds"] / 2
        paced = [self.path, "paced", "--rate", f"{rate:.0f}",
                 "--join", first[0]]
        quiet = stage.load(*paced)
        moved = stage.load(*paced, during=moves.begin)
        moved["moves"] = moves.end()
        return {"troupe": quiet, "troupe, while partitions move": moved}


class Moves:
    """Drains one node and balances again, over and over."""

    def __init__(self, http):
        self.http = http
        self.over = False
        self.thread = threading.Thread(target=self.run)
        self.begun = 0.0
        self.seen = 0
        self.done = 0

    def begin(self):
        self.count()
        self.done = 0
        self.begun = time.monotonic()
        self.thread.start()

    def end(self):
        """How many partitions were started elsewhere, a second."""
        self.over = True
        self.thread.join()
        return self.done / (time.monotonic() - self.begun)

    def count(self):
        for line in self.ask(
                f"/v1/events?follow=false&since={self.seen}").splitlines():
            event = json.loads(line)
            self.seen = max(self.seen, event.get("seq", 0))
            self.done += event["event"] == "partition_started"

    def ask(self, path, post=False):
        asked = urllib.request.Request(f"http://{self.http}{path}",
                                       data=b"{}" if post else None)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.read().decode()

    def run(self):
        while not self.over:
            for path in ("/v1/nodes/b/drain", "/v1/nodes/b/undrain",
                         "/v1/rebalance"):
                try:
                    self.ask(path, post=True)
                except urllib.error.HTTPError:
                    pass  # not yet: the next round asks again
                time.sleep(0.2)
                self.count()


class Asio(Program):
    name = "asio"
    rows = Program.rows + ("entry",)


class Grpc(Program):
    name = "grpc"
    packages = "libgrpc++-dev protobuf-compiler-grpc"
    rows = Program.rows + ("entry",)

    def measure(self, row, stage):
        if row in ("one-way", "entry"):
            kind = "stream" if row == "one-way" else "unary"
            return {f"grpc, {kind}": super().measure(row, stage)["grpc"]}
        port = self.serve(stage)
        return {f"grpc, {kind}": stage.load(
            self.path, what, *self.command(row)[1:], "--to", port)
            for kind, what in (("unary", "request"), ("stream", "stream"))}


class Caf(Program):
    name = "caf"
    packages = "libcaf-dev"
    rows = Program.rows + ("idle",)


class Nats(Program):
    name = "nats"
    packages = "nats-server libnats-dev"

    # Debian's servers are not on everybody's path.
    server = shutil.which("nats-server",
                          path=os.environ.get("PATH", "") + ":/usr/sbin")

    def missing(self):
        return super().missing() or not self.server

    def measure(self, row, stage):
        port = str(free_ports(1)[0])
        stage.start(self.server, "-a", "127.0.0.1", "-p", port)
        wait_for(lambda: listens(port), 10, "nats-server")
        command = self.command(row)
        stage.serve(self.path, "serve", "--to", port, *command[1:])
        return {self.name: stage.load(self.path, *command, "--to", port)}


def listens(port):
    with socket.socket() as x:
        return x.connect_ex(("127.0.0.1", int(port))) == 0


class Erlang:
    name = "erlang"
    packages = "erlang-base"
    rows = Program.rows + ("idle",)

    def __init__(self, _):
        pass

    def missing(self):
        return not shutil.which("erlc")

    def command(self, stage, name, port, *run):
        """Without the port mapper: the one who listens has a known port."""
        return ["erl", "-noinput", "-pa", stage.scratch, "-setcookie", "bench",
                "+zdbbl", "65536", "-sname", f"{name}@localhost",
                "-start_epmd", "false", "-erl_epmd_port", port,
                "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                *([] if name == "troupe_owner" else ["-dist_listen", "false"]),
                "-run", "erlang_peer", *run]

    def measure(self, row, stage):
        subprocess.run(["erlc", "-o", stage.scratch, f"{HERE}/erlang_peer.erl"],
                       check=True)
        if row == "idle":
            return {self.name: stage.figures(stage.start(
                "erl", "-noinput", "-pa", stage.scratch, "-run", "erlang_peer",
                "idle"))}
        port = str(free_ports(1)[0])
        stage.serve(*self.command(stage, "troupe_owner", port, "serve"))
        what, *outstanding = Program.command(self, row)
        client = stage.start(*self.command(
            stage, "troupe_client", port, "ask", "troupe_owner@localhost",
            what, *(outstanding[1:] or ["1"]), f"{float(stage.seconds)}"))
        return {self.name: stage.figures(client)}


SYSTEMS = [Troupe, Asio, Grpc, Nats, Caf, Erlang]
