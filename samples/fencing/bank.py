"""Nodes of the sample as processes, and how to talk to them."""

import json
import os
import subprocess

from demo_cluster import Client, Cluster, Node, free_ports

REGION = "accounts"


class BankClient(Client):
    def deposit(self, account, amount, **more):
        """The balance, once the deposit is in the database."""
        return self.send(account, "bank.Deposit", {"amount": amount, **more})

    def read(self, account):
        return self.send(account, "bank.Read", {})

    def send(self, key, kind, message):
        answer = self.post(f"send?key={key}", {
            "type": kind, "message": message, "timeout_ms": 10_000})
        return int(answer["message"].get("balance", 0))

    def ping(self, key):
        return self.post(f"ping?key={key}", None)

    def post(self, what, body):
        return json.loads(
            self.call("POST", f"/v1/regions/{REGION}/{what}", body))

    def partitions(self):
        return self.get(f"/v1/regions/{REGION}")["partitions"]


class BankNode(Node):
    """A `fencing node` process."""

    def __init__(self, name, link_port, http_port, flags):
        super().__init__(name, link_port, http_port)
        self.client = BankClient(http_port)
        self.flags = flags

    def start(self, program, folder, join, expect=0):
        self.log = os.path.join(folder, self.name + ".log")
        command = [program, "node", "--name", self.name, "--listen", self.link,
                   "--http", f"127.0.0.1:{self.http_port}",
                   "--data", os.path.join(folder, self.name),
                   "--join", ",".join(join), "--expect", str(expect),
                   *self.flags]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL,
                                            start_new_session=True)

    def stopped(self):
        """Whether a signal holds it, as Linux says in /proc."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"

    def said(self, words):
        """The lines of its log that begin so, without their beginning."""
        with open(self.log, errors="replace") as log:
            lines = [line.strip() for line in log]
        begin = f"store of {self.name}: "
        return [line.removeprefix(begin) for line in lines
                if line.startswith(begin + words)]


class BankCluster(Cluster):
    def __init__(self, build, folder, flags):
        super().__init__(build, folder)
        self.program = os.path.join(build, "samples", "fencing")
        self.flags = flags

    def found(self, names):
        ports = free_ports(2 * len(names))
        for i, name in enumerate(names):
            self.nodes[name] = BankNode(name, ports[2 * i], ports[2 * i + 1],
                                        self.flags)
        join = [node.link for node in self.nodes.values()]
        for node in self.nodes.values():
            node.start(self.program, self.folder, join, expect=len(names))

    def living(self):
        return [node for node in super().living() if not node.stopped()]

    def settled(self):
        """Every partition runs, and they are spread evenly."""
        def check():
            rows = self.any().partitions()
            if any(row["stage"] != "running" for row in rows):
                return None
            counts = [sum(row["owner"] == name for row in rows)
                      for name in self.nodes]
            return rows if max(counts) - min(counts) <= 1 else None
        return self.wait("an even map", check)
