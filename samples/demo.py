"""The show behind samples/demo: a cluster starts, grows, shrinks and loses a
node, while clients count and check that no message is lost or doubled."""

import os
import signal
import statistics
import sys
import tempfile
import time

from demo_cluster import Cluster
from demo_load import CLIENTS, Load

PARTITIONS = 64
LOAD_BEFORE_S = 1.0  # of load before something happens
LOAD_AFTER_S = 1.0


class Screen:
    """Prints the show: plain text, and bold headings on a terminal."""

    def __init__(self):
        self.bold = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        blocks = "utf" in (sys.stdout.encoding or "").lower()
        self.full, self.empty = ("█", "·") if blocks else ("#", ".")

    def say(self, text=""):
        print(("    " + text).rstrip(), flush=True)

    def heading(self, text):
        text = f"\x1b[1m{text}\x1b[0m" if self.bold else text
        print("\n" + text, flush=True)

    def map(self, partitions):
        """A bar per node: which of the partitions it owns."""
        owners = sorted({p["owner"] or "nobody" for p in partitions})
        for owner in owners:
            mine = [(p["owner"] or "nobody") == owner for p in partitions]
            bar = "".join(self.full if x else self.empty for x in mine)
            self.say(f"{owner:<7}{sum(mine):>3}  {bar}")


class Show:
    def __init__(self, build, folder):
        self.screen = Screen()
        self.say = self.screen.say
        self.cluster = Cluster(build, folder)
        self.broken = []

    def promise(self, kept, text):
        if not kept:
            self.broken.append(text)
            self.say("BROKEN: " + text)

    # -- what there is to see ------------------------------------------------

    def settled(self, owners):
        """The map, once every partition runs on one of `owners`, evenly."""
        def check():
            rows = self.cluster.any().partitions()
            counts = {name: 0 for name in owners}
            for row in rows:
                if row["stage"] != "running" or row["owner"] not in counts:
                    return None
                counts[row["owner"]] += 1
            spread = max(counts.values()) - min(counts.values())
            return rows if spread <= 1 else None
        names = ", ".join(owners)
        return self.cluster.wait(f"an even map over {names}", check)

    def last_event(self):
        return self.cluster.any().events()[-1]["seq"]

    def moves(self, events):
        """The moves among events: partition, from, to, and its two steps."""
        open_moves, out = {}, []
        for event in events:
            kind, number = event["event"], event.get("partition")
            if kind == "partition_paused":
                open_moves[number] = {"partition": number,
                                      "from": event["node"],
                                      "to": event["to"],
                                      "paused": event["time_ms"]}
            elif kind == "partition_confirmed" and number in open_moves:
                open_moves[number]["confirmed"] = event["time_ms"]
            elif kind == "partition_started" and number in open_moves:
                move = open_moves.pop(number)
                move["started"] = event["time_ms"]
                move["took"] = event["move_ms"]
                if "confirmed" in move:
                    out.append(move)
        return out

    def show_moves(self, moves, rows):
        begin = moves[0]["paused"] if moves else 0
        self.say("partition  from  to       pause    confirm      start")
        for move in moves[:rows]:
            at = {stage: f"+{move[stage] - begin} ms"
                  for stage in ("paused", "confirmed", "started")}
            self.say(f"{move['partition']:>9}  {move['from']:<4}  "
                     f"{move['to']:<4}  {at['paused']:>8}  "
                     f"{at['confirmed']:>9}  {at['started']:>9}")
        if len(moves) > rows:
            self.say(f"{'...':>9}  and {len(moves) - rows} more")

    def sum_up(self, moves):
        times = [move["took"] for move in moves]
        if times:
            self.say(f"{len(moves)} of {PARTITIONS} moved, each closed for "
                     f"{statistics.median(times):.1f} ms (median), "
                     f"{max(times):.1f} ms at most")

    def show_load(self, found, what):
        rate = found.acknowledged / max(found.seconds, 0.001)
        self.say(f"clients: {found.acknowledged} Adds, {rate:.0f} a second: "
                 f"{len(found.failed)} failed, {found.lost} lost, "
                 f"{found.doubled} doubled; longest wait "
                 f"{found.longest_wait() * 1000:.0f} ms")
        if found.failed:
            self.say(f"the first failure: {found.failed[0][1]}")
        self.promise(found.clean(), f"nothing is lost, doubled or refused "
                                    f"while {what}")

    def check_leases(self, events):
        for event in events:
            if event["event"] == "node_down":
                self.say(f"{event['node']} was silent for longer than its "
                         f"lease and lost its partitions: this machine is too "
                         f"busy (load {os.getloadavg()[0]:.0f}) for 1 s leases")

    # -- the acts --------------------------------------------------------------

    def found_cluster(self):
        self.screen.heading("1  Three nodes find each other")
        began = time.monotonic()
        names = ["n1", "n2", "n3"]
        for node in self.cluster.add(names, expect=3):
            self.say(f"counter node --name {node.name} --listen {node.link} "
                     f"--http 127.0.0.1:{node.http_port} ...")
        rows = self.settled(names)
        took = time.monotonic() - began
        self.say(f"{PARTITIONS} partitions run after {took:.2f} s; who owns "
                 f"which:")
        self.screen.map(rows)

    def send_messages(self):
        self.screen.heading("2  A key has one owner, and every node knows it")
        total = 0
        for number, node in enumerate(self.cluster.nodes.values(), 1):
            began = time.monotonic()
            answer = node.client.send("alice", "counter.Add", {"by": number})
            took = (time.monotonic() - began) * 1000
            total += number
            said = int(answer["message"]["total"])
            self.say(f"Add {number} to alice, sent to {node.name}:  "
                     f"{' > '.join(answer['path']):<8}  partition "
                     f"{answer['partition']}  total {said}  {took:.1f} ms")
            self.promise(said == total, "every Add reaches the one counter")
        self.load = Load(self.key_of_each_partition())

    def key_of_each_partition(self):
        """One key for every partition, so that nothing moves unseen."""
        self.partition_of = {}
        found = set()
        number = 0
        while len(found) < PARTITIONS:
            key = f"user-{number}"
            partition = self.cluster.any().ping(key)["partition"]
            number += 1
            if partition not in found:
                found.add(partition)
                self.partition_of[key] = partition
        return list(self.partition_of)

    def under_load(self, nodes, owners, act):
        """Acts while clients send through `nodes`, until the map is even over
        `owners`; what they found, the new events, the map, and how long."""
        since = self.last_event()
        self.load.start(nodes)
        time.sleep(LOAD_BEFORE_S)
        began = time.monotonic()
        act()
        rows = self.settled(owners)
        took = time.monotonic() - began
        time.sleep(LOAD_AFTER_S)
        found = self.load.stop()
        return found, self.cluster.any().events(since), rows, took

    def join(self):
        self.screen.heading(f"3  A fourth node joins, while {CLIENTS} clients "
                            f"send all the time")
        before = self.cluster.any().partitions()
        found, events, rows, took = self.under_load(
            list(self.cluster.nodes.values()), ["n1", "n2", "n3", "n4"],
            lambda: self.cluster.add(["n4"]))
        moves = self.moves(events)
        self.show_moves(moves, rows=4)
        self.sum_up(moves)
        self.say(f"even again {took:.2f} s after the start of n4, with 1 s of "
                 f"quiet before the moves:")
        self.screen.map(rows)
        self.check_leases(events)
        self.show_load(found, "a node joins")
        changed = sum(a["owner"] != b["owner"] for a, b in zip(before, rows))
        self.promise(changed == len(moves) == PARTITIONS // 4,
                     f"{PARTITIONS // 4} partitions move and no other "
                     f"({changed} changed their owner)")

    def drain(self):
        self.screen.heading("4  n2 is drained, under the same load")
        node = self.cluster.nodes["n2"]

        def act():
            code, said = self.cluster.ctl("drain", "n2", through=node)
            self.say("$ troupectl drain n2")
            for line in said.splitlines():
                self.say("  " + line)
            self.promise(code == 0, "troupectl drain succeeds")
        found, events, rows, _ = self.under_load(
            self.cluster.living(), ["n1", "n3", "n4"], act)
        self.sum_up(self.moves(events))
        self.screen.map(rows)
        self.check_leases(events)
        self.show_load(found, "a node is drained")
        began = time.monotonic()
        code = node.leave()
        self.say(f"n2 leaves and ends after "
                 f"{time.monotonic() - began:.2f} s, exit code {code}")
        self.promise(code == 0, "a drained node ends well")

    def kill(self):
        leader = self.cluster.any().get("/v1/status")["leader"]
        self.screen.heading(f"5  kill -9 {leader}, which leads the cluster")
        victim = self.cluster.nodes[leader]
        rest = [x for x in self.cluster.living() if x is not victim]
        owner = {row["partition"]: row["owner"]
                 for row in rest[0].client.partitions()}
        dead = {key for key, p in self.partition_of.items()
                if owner[p] == leader}
        self.load.fragile = set(dead)
        killed = 0

        def act():
            nonlocal killed
            killed = time.monotonic()
            victim.kill()
        found, _, rows, _ = self.under_load(
            rest, [node.name for node in rest], act)
        self.screen.map(rows)
        self.show_kill(found, leader, dead, killed)

    def show_kill(self, found, leader, dead, killed):
        alive = set(self.partition_of) - dead
        first = {}
        for wait, key, sent in found.waits:
            if sent + wait > killed and key in dead:
                first.setdefault(key, sent + wait - killed)
        unknown = [why for key, why in found.failed if key in dead]
        codes = sorted({why.split(":")[0] for why in unknown})
        forgot = sum(self.load.forgotten.values())
        self.say(f"{len(first)} of {len(dead)} keys of {leader} answer again, "
                 f"the last after {max(first.values(), default=0):.2f} s")
        self.say(f"lost with its memory: {len(self.load.forgotten)} counters, "
                 f"which began again at 0 ({forgot} Adds), and")
        self.say(f"{len(unknown)} Adds that were on their way to it; their "
                 f"senders were told: {', '.join(codes) or 'none'}")
        self.say(f"the other {len(alive)} keys: "
                 f"{len(found.failed) - len(unknown)} failed, {found.lost} "
                 f"lost, {found.doubled} doubled; longest wait "
                 f"{found.longest_wait(alive) * 1000:.0f} ms")
        self.promise(len(first) == len(dead), "every key answers again")
        self.promise(not found.lost and not found.doubled
                     and len(found.failed) == len(unknown),
                     "what the living nodes own notices nothing")

    def run(self):
        began = time.monotonic()
        self.screen.heading(f"A cluster on this machine: region 'counter', "
                            f"{PARTITIONS} partitions")
        self.say(f"logs and data are in {self.cluster.folder} until the end")
        for act in (self.found_cluster, self.send_messages, self.join,
                    self.drain, self.kill):
            act()
        took = time.monotonic() - began
        if self.broken:
            self.screen.heading("Broken: " + "; ".join(self.broken))
            return 1
        self.screen.heading(f"Every promise was kept, in {took:.0f} s.")
        self.say("Next: by hand in four terminals, see README.md; the "
                 "smallest program is samples/hello")
        return 0


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build/release"
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    with tempfile.TemporaryDirectory(prefix="troupe-demo-") as folder:
        show = Show(build, folder)
        try:
            return show.run()
        except KeyboardInterrupt:
            print("\ninterrupted; the nodes are ended", file=sys.stderr)
            return 130
        except OSError as why:
            print(f"demo: {why}", file=sys.stderr)
            return 1
        finally:
            show.cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
