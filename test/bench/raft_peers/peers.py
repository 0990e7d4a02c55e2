"""The systems that are compared: how each is installed, built and started."""

import json
import os
import subprocess
import urllib.request

from process import Failure, Process, free_ports, say, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
WARM_UP_S = 1.0  # of each load, before it counts


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def install(names):
    """Those Debian packages that are missing."""
    missing = [x for x in names if subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", x],
        capture_output=True, text=True).stdout != "installed"]
    if not missing:
        return
    say("installing: " + " ".join(missing))
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    apt = sudo + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    run(apt + ["update"])
    run(apt + ["install", "-y", "--no-install-recommends"] + missing)


def unpack(name, folder):
    """A package unpacked into a folder, not installed: a server among the
    machine's services is not wanted."""
    if os.path.isdir(folder):
        return
    aside = folder + ".new"
    os.makedirs(aside, exist_ok=True)
    run(["apt-get", "-qq", "download", name], cwd=aside)
    for x in os.listdir(aside):
        if x.endswith(".deb"):
            run(["dpkg-deb", "-x", x, "."], cwd=aside)
    os.rename(aside, folder)


class System:
    """Three processes, one of which is asked."""

    name = ""
    operations = ("write",)

    def __init__(self, build):
        self.build = build  # directory of programs
        self.nodes = []
        self.helpers = []  # processes that are no nodes: loads

    def prepare(self):
        """Installs and builds what it needs."""

    def command(self, number, directory, ports):
        raise NotImplementedError

    def start(self, scratch):
        folder = os.path.join(scratch, self.name)
        os.makedirs(folder)
        self.commands = []
        ports = free_ports(3)
        for i in range(3):
            self.commands.append(
                (self.command(i, f"{folder}/{i}", ports), f"{folder}/{i}.log"))
            self.nodes.append(Process(*self.commands[-1]))
        self.wait_up()
        self.leader()

    def wait_up(self):
        for x in self.nodes:
            if x.line(30) != "up":
                raise Failure(f"{self.name}: {x.last_words()}")

    def find_leader(self):
        for x in self.nodes:
            if x.child.returncode is None and x.ask("leader") == "1":
                return x
        return None

    def leader(self):
        return wait_for(self.find_leader, 30, f"{self.name}: a leader")

    def cpu(self):
        return sum(x.cpu() for x in self.nodes)

    def measure(self, what, outstanding, seconds):
        """One load: figures by name."""
        to = self.leader()
        to.tell(f"{what} {outstanding} {seconds}")
        if to.line(60) != "warm":
            raise Failure(f"{self.name} does not know '{what}'")
        before = self.cpu()
        to.line(seconds + 60)
        spent = self.cpu() - before
        rate, p50, p99, failed = map(float, to.line(120).split())
        return {"rate": rate, "p50_us": p50, "p99_us": p99, "failed": failed,
                "cpu_us": spent * 1e6 / (rate * seconds) if rate else 0.0}

    def end(self):
        for x in self.nodes + self.helpers:
            x.end()
        self.nodes, self.helpers = [], []


class Troupe(System):
    name = "troupe"
    operations = ("write", "linearizable", "lease")

    def __init__(self, build, words=()):
        super().__init__(build)
        self.words = list(words)

    def command(self, number, directory, ports):
        return [f"{self.build}/test/bench/bench_raft_group", number, directory,
                ",".join(map(str, ports))] + self.words

    def start_again(self, number):
        """A node that ended, with its directory."""
        self.nodes[number] = Process(*self.commands[number])
        return self.nodes[number]


class GoSystem(System):
    packages = ["golang-go", "golang-golang-x-net-dev",
                "golang-github-hashicorp-raft-dev",
                "golang-github-hashicorp-raft-boltdb-dev"]

    def prepare(self):
        install(self.packages)
        self.program = f"{self.build}/raft_peers/go_peer"
        more = {"GO111MODULE": "off", "GOFLAGS": "",
                "GOPATH": "/usr/share/gocode",
                "GOCACHE": f"{self.build}/raft_peers/go-cache"}
        os.makedirs(os.path.dirname(self.program), exist_ok=True)
        run(["go", "build", "-o", self.program, "."], cwd=f"{HERE}/go",
            env={**os.environ, **more})


class Hashicorp(GoSystem):
    name = "hashicorp"
    operations = ("write", "linearizable")

    def command(self, number, directory, ports):
        return [self.program, "hashicorp", number, directory,
                ",".join(map(str, ports))]


class Etcd(GoSystem):
    name = "etcd"
    operations = ("write", "linearizable")

    def prepare(self):
        super().prepare()
        folder = f"{self.build}/raft_peers/etcd"
        unpack("etcd-server", folder)
        self.server = f"{folder}/usr/bin/etcd"

    def start(self, scratch):
        self.ports = free_ports(6)
        self.loads = {}
        self.logs = scratch
        super().start(scratch)

    def command(self, number, directory, ports):
        url = "http://127.0.0.1:{}".format
        client, peer = (url(x) for x in self.ports[2 * number:][:2])
        group = ",".join(f"n{i}={url(self.ports[2 * i + 1])}" for i in range(3))
        return [self.server, "--name", f"n{number}", "--data-dir", directory,
                "--listen-client-urls", client, "--advertise-client-urls",
                client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster",
                group, "--initial-cluster-state", "new", "--logger", "zap",
                "--log-level", "error"]

    def wait_up(self):
        pass  # leader() waits

    def find_leader(self):
        """A load that drives the member that leads."""
        for port in self.ports[::2]:
            try:
                with urllib.request.urlopen(
                        f"http://127.0.0.1:{port}/v3/maintenance/status", b"{}",
                        timeout=5) as answer:
                    said = json.load(answer)
            except OSError:
                continue
            if said["header"]["member_id"] != said.get("leader"):
                continue
            if port not in self.loads:
                load = Process([self.program, "etcd", f"127.0.0.1:{port}"],
                               f"{self.logs}/etcd-load.log")
                self.helpers.append(load)
                load.line()
                self.loads[port] = load
            return self.loads[port]
        return None


class Libraft(System):
    name = "libraft"

    def prepare(self):
        install(["gcc", "libc6-dev", "libraft-dev", "libuv1-dev"])
        os.makedirs(f"{self.build}/raft_peers", exist_ok=True)
        run(["cc", "-O2", f"{HERE}/libraft_node.c", "-o", self.program(),
             "-lraft", "-luv"])

    def program(self):
        return f"{self.build}/raft_peers/libraft_node"

    def command(self, number, directory, ports):
        return [self.program(), number, directory, ",".join(map(str, ports))]


SYSTEMS = {x.name: x for x in (Troupe, Libraft, Hashicorp, Etcd)}
