"""Deaths, moves and restarts of nodes under a steady load, and what its senders
see of them. See cluster_figures."""

import json
import math
import os
import statistics
import subprocess
import tempfile
import time

from demo_cluster import Cluster

RATE = 10_000  # messages a second
SENDERS = 8


def now_ns():
    return time.monotonic_ns()


def rank(values, share):
    return sorted(values)[math.ceil(share * len(values)) - 1]


def show(what, values, limit=None):
    """Milliseconds, and what is asked of their p99."""
    if not values:
        return
    asked = f"   (asked: {limit:g})" if limit else ""
    print(f"  {what:52} p50 {statistics.median(values):7.1f}  "
          f"p99 {rank(values, 0.99):7.1f}  max {max(values):7.1f} ms"
          f"  n {len(values)}{asked}", flush=True)


def as_nice_as_we(process):
    """The nodes have sessions of their own, and so their own share of the
    processors: it is to be that of this process."""
    try:
        with open("/proc/self/autogroup") as own:
            nice = own.read().split()[-1]
        with open(f"/proc/{process.pid}/autogroup", "w") as other:
            other.write(nice)
    except (OSError, IndexError):
        pass  # a kernel without such groups, or not for us to say


class Load:
    """A bench_cluster_load process; see the head of its source."""

    def __init__(self, build, join, partitions, flags):
        self.process = subprocess.Popen(
            [os.path.join(build, "test", "bench", "bench_cluster_load"),
             "--join", ",".join(join), "--partitions", str(partitions),
             "--senders", str(SENDERS), *flags],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()  # it is up

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def window(self, begin, end, partitions=()):
        return self.ask("window", begin, end,
                        ",".join(str(p) for p in partitions))

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Stage:
    """A cluster of counters under load, in a directory that goes with it."""

    def __init__(self, build, nodes, partitions, flags=()):
        self.folder = tempfile.TemporaryDirectory(prefix="troupe-figures-")
        self.partitions = partitions
        self.count = nodes
        self.cluster = Cluster(
            build, self.folder.name,
            ["--log", "warn", "--partitions", str(partitions), *flags])
        self.load = None
        try:
            self.add([f"n{i + 1}" for i in range(nodes)], expect=nodes)
            self.cluster.wait("the start", self.even, 60)
            join = [node.link for node in self.cluster.nodes.values()]
            self.load = Load(build, join, partitions, flags)
            self.load.ask("rate", RATE)
            time.sleep(1)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.load:
            self.load.stop()
        self.cluster.stop()
        self.folder.cleanup()

    def add(self, names, expect=0):
        for node in self.cluster.add(names, expect):
            as_nice_as_we(node.process)

    def rows(self):
        return self.cluster.any().partitions()

    def owned(self, name):
        return [r["partition"] for r in self.rows() if r["owner"] == name]

    def even(self):
        """Every partition runs, and every living node has its share."""
        owned = {node.name: 0 for node in self.cluster.living()}
        rows = self.rows()
        for row in rows:
            if row["stage"] != "running" or row["owner"] not in owned:
                return False
            owned[row["owner"]] += 1
        return (len(rows) == self.partitions
                and max(owned.values()) - min(owned.values()) <= 1)

    def leader(self):
        name = self.cluster.wait("a leader", lambda: self.cluster.any().get(
            "/v1/status")["leader"])
        return self.cluster.nodes.get(name)  # None: it is the load's node

    def restart(self, node):
        node.ending = False
        node.start(self.cluster.program, self.cluster.folder,
                   [n.link for n in self.cluster.nodes.values()], 0,
                   self.cluster.flags)
        as_nice_as_we(node.process)

    def last_event(self):
        return self.cluster.any().events()[-1]["seq"]


class Disk:
    """How long fdatasync takes, where the nodes have their data."""

    def __init__(self, folder):
        self.file = os.open(os.path.join(folder, "probe"),
                            os.O_WRONLY | os.O_CREAT)
        os.pwrite(self.file, bytes(1 << 20), 0)
        os.fsync(self.file)
        self.times = []

    def probe(self, count):
        for i in range(count):
            os.pwrite(self.file, bytes(512), 512 * (i % 2000))
            begun = time.monotonic()
            os.fdatasync(self.file)
            self.times.append(1000 * (time.monotonic() - begun))


def kills(build, count, preset):
    """kill -9 of owners in turn, the leader every other time: until each of
    their partitions has answered a message sent after the kill."""
    limit = {"normal": 1500, "fast": 600}[preset]
    took = {True: [], False: []}
    with Stage(build, 5, 65, ["--preset", preset]) as s:
        s.load.ask("loose", 1)
        for i in range(count):
            leader = s.leader()
            victim = leader if leader and i % 2 == 0 else next(
                n for n in s.cluster.living()
                if n is not leader and n.name != f"n{1 + i % 5}")
            mine = s.owned(victim.name)
            time.sleep(0.3 + 0.01 * (i % 10))
            at = now_ns()
            victim.kill()
            first = {}
            while any(str(p) not in first for p in mine):
                time.sleep(0.1)
                first = s.load.ask("first", at)
                if now_ns() - at > 20e9:
                    raise SystemExit(f"no answer for 20 s: {first}")
            took[victim is leader].append(max(first[str(p)] for p in mine))
            s.restart(victim)
            s.cluster.wait("the return of " + victim.name, s.even, 60)
    print(f"kill -9 of an owner of 13 of 65 partitions, {RATE} messages a "
          f"second, preset {preset}: until the last of them answered elsewhere")
    show("others than the leader", took[False], limit)
    show("the leader", took[True], limit)


def leaders(build, count):
    """kill -9 of leaders that own nothing which is asked for: how long messages
    wait in the second after it, beside those in the second before."""
    waits, calm = [], []
    with Stage(build, 4, 64) as s:
        for _ in range(count):
            victim = s.cluster.wait("one of them to lead", s.leader)
            mine = s.owned(victim.name)
            rest = [p for p in range(s.partitions) if p not in mine]
            # What the last victim owned began anew.
            s.load.ask("loose", 1)
            s.load.ask("only", ",".join(str(p) for p in rest))
            time.sleep(0.6)
            s.load.ask("loose", 0)
            time.sleep(0.6)
            at = now_ns()
            victim.kill()
            time.sleep(1.02)
            second = 1_000_000_000
            seen = s.load.window(at, at + second)
            before = s.load.window(at - second, at - 1)
            waits.append(seen["max"])
            calm.append(before["max"])
            s.load.ask("loose", 1)
            s.cluster.wait("the takeover", lambda: not s.owned(victim.name))
            s.restart(victim)
            s.cluster.wait("the return of " + victim.name, s.even, 60)
        sound = s.load.ask("sound")
    print(f"kill -9 of a leader that owns nothing asked for, {RATE} messages a "
          "second")
    show("longest wait in the second after it", waits, 50)
    show("longest wait in the second before it", calm)
    show_sound(sound)


def move_to(s, partition, to):
    s.cluster.any().call(
        "POST", "/v1/moves",
        {"region": "counter", "partition": partition, "to": to})


def moves(build, count):
    """Single moves under load: how long the messages to the partition waited,
    and how long it was silent."""
    waits, silences = [], []
    with Stage(build, 3, 16) as s:
        disk = Disk(s.folder.name)
        names = list(s.cluster.nodes)
        for i in range(count):
            p = i % s.partitions
            owner = next(r["owner"] for r in s.rows() if r["partition"] == p)
            to = names[(names.index(owner) + 1 + i % 2) % len(names)]
            time.sleep(0.05)
            at = now_ns()
            move_to(s, p, to)
            s.cluster.wait("a move", lambda: any(
                r["owner"] == to and r["stage"] == "running"
                for r in s.rows() if r["partition"] == p))
            time.sleep(0.1)
            end = now_ns() - 50_000_000
            waits.append(s.load.window(at, end, [p])["max"])
            silences.append(s.load.ask("quiet", at, end, p)["longest"])
            if i % 10 == 0:
                disk.probe(20)
        sound = s.load.ask("sound")
    print(f"planned moves, one by one, {RATE} messages a second from "
          f"{SENDERS} senders")
    show("longest wait of a message to it", waits, 20)
    show("longest time between two answers of it", silences)
    show("fdatasync meanwhile", disk.times)
    show_sound(sound)


def growth(build, count):
    """1,024 of 4,096 partitions go to a new node, under load."""
    took, waits = [], []
    sounds = []
    for _ in range(count):
        with Stage(build, 3, 4096) as s:
            since = s.last_event()
            at = now_ns()
            s.add(["n4"])
            s.cluster.wait("the fourth", s.even, 60)
            end = now_ns()
            moved = [e for e in s.cluster.any().events(since)
                     if e["event"] in ("partition_paused",
                                       "partition_started")]
            took.append(moved[-1]["time_ms"] - moved[0]["time_ms"])
            waits.append(s.load.window(at, end)["max"])
            sounds.append(s.load.ask("sound"))
    print(f"a fourth node takes 1,024 of 4,096 partitions, {RATE} messages a "
          "second")
    show("first paused to last started", took, 1000)
    show("longest wait of a message", waits)
    for sound in sounds:
        show_sound(sound)


def show_sound(sound):
    print(f"  {sound['acknowledged']} acknowledged, {sound['failed']} failed, "
          f"{sound['wrong']} lost, doubled or out of order, "
          f"{sound['open']} unanswered", flush=True)
    for one in sound.get("findings", [])[:10]:
        print("    " + one)


def rolling(build, how):
    """All of five nodes in turn, under load: drained by SIGTERM and started
    again, or told to restart."""
    told = {"drain": "told to stop (SIGTERM)", "restart": "told to restart"}
    away, waits, worst_moves = [], [], 0
    with Stage(build, 5, 64) as s:
        sounds = []
        for name in list(s.cluster.nodes):
            node = s.cluster.nodes[name]
            before = {r["partition"]: r["owner"] for r in s.rows()}
            since = s.last_event()
            at = now_ns()
            node.ending = True
            if how == "drain":
                node.process.terminate()
            else:
                other = next(n for n in s.cluster.living() if n is not node)
                other.client.call("POST", f"/v1/nodes/{name}/restart")
            node.process.wait(60)
            s.restart(node)
            s.cluster.wait(name + " up again", lambda: any(
                e["event"] == "node_up" for e in s.cluster.any().events(since)))
            s.cluster.wait("the return of " + name, s.even, 60)
            away.append((now_ns() - at) / 1e6)
            time.sleep(0.2)
            seen = s.load.window(at, now_ns())
            waits.append(seen["max"])
            sounds.append(seen["failed"])
            times = {}
            for e in s.cluster.any().events(since):
                if e["event"] == "partition_started":
                    times[e["partition"]] = times.get(e["partition"], 0) + 1
            if how == "drain":
                worst_moves = max([worst_moves, *times.values()])
            else:
                worst_moves += sum(r["owner"] != before[r["partition"]]
                                   for r in s.rows())
        sound = s.load.ask("sound")
    print(f"rolling restart of 5 nodes, each {told[how]}, {RATE} messages a "
          "second")
    show("a node's restart, until balanced", away)
    show("longest wait of a message", waits)
    print(f"  {'moves of one partition for one node, at most' if how == 'drain' else 'moves':52} {worst_moves}")
    show_sound(sound)
    for failed in sounds:
        if failed:
            print("  failed:", failed)
