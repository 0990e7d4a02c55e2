"""A leader that dies under load, and a follower that was away."""

import os
import shutil
import time

from disk import Watch, percentile
from peers import Troupe
from process import Failure, say, wait_for

FAILOVER_BOUND_MS = {"default": 1200, "fast": 400}
LOAD = 64         # writes outstanding, at each member that was asked so far
STALL_MS = 50     # a sync that is longer: the disk was busy with other things
COMMAND_BYTES = 36
CATCH_UP_S = 300  # at most


class Group:
    """A group of ours that ends with its data."""

    def __init__(self, build, scratch, words):
        self.system = Troupe(build, words)
        self.scratch = scratch

    def __enter__(self):
        self.system.start(self.scratch)
        return self.system

    def __exit__(self, *why):
        self.system.end()
        shutil.rmtree(os.path.join(self.scratch, self.system.name))


def start_again(group, number):
    node = group.start_again(number)
    if node.line(60) != "up":
        raise Failure(node.last_words())
    return node


def applied(node):
    return int(node.ask("applied"))


def kill(group, number, asked, watch):
    """ms to the acknowledgement of the first write that was begun after the
    kill, and ms of the longest sync of the disk meanwhile."""
    watch.take_longest()
    at = time.monotonic_ns()
    group.nodes[number].kill()
    took = float(asked.ask(f"probe {at}", 60))
    time.sleep(0.02)
    stall = watch.take_longest()
    node = start_again(group, number)
    there = applied(asked)
    wait_for(lambda: applied(node) >= there, 60, "a restarted member")
    return took, stall


def failover(build, scratch, kills, preset):
    """kill -9 of the leader, again and again, under the load of members that
    live on."""
    rows = []
    loaded = set()
    words = [] if preset == "default" else [preset]
    with Group(build, scratch, words) as group, Watch(scratch) as watch:
        for i in range(kills):
            number = group.nodes.index(group.leader())
            asked = group.nodes[(number + 1 + i % 2) % 3]
            if asked not in loaded:
                asked.ask(f"load {LOAD}")
                loaded.add(asked)
            time.sleep(0.3)
            rows.append(kill(group, number, asked, watch))
            if (i + 1) % 10 == 0:
                say(f"failover, {preset}: {i + 1} of {kills}")
    took = [x for x, _ in rows]
    quiet = [x for x, stall in rows if stall < STALL_MS]
    return {"preset": preset, "kills": kills, "p50_ms": percentile(took, 50),
            "p99_ms": percentile(took, 99), "max_ms": max(took),
            "quiet": len(quiet), "quiet_p50_ms": percentile(quiet, 50),
            "quiet_p99_ms": percentile(quiet, 99), "stall_ms": STALL_MS,
            "bound_ms": FAILOVER_BOUND_MS[preset], "each": rows}


def catch_up(build, scratch, count, words):
    """A follower that comes back to a log that is `count` commands longer."""
    with Group(build, scratch, ["keep"] + words) as group:
        leader = group.leader()
        number = (group.nodes.index(leader) + 1) % 3
        before = applied(leader)
        group.nodes[number].kill()
        rate = float(leader.ask(f"fill {count}", CATCH_UP_S))
        there = applied(leader)
        node = start_again(group, number)
        cpu = group.cpu()
        begun = time.monotonic()
        wait_for(lambda: applied(node) >= there, CATCH_UP_S, "catching up")
        took = time.monotonic() - begun
        cpu = group.cpu() - cpu
        size = sum(os.path.getsize(f"{folder}/{x}") for folder, _, names
                   in os.walk(f"{scratch}/troupe/{number}") for x in names)
    return {"commands": count, "entries": there - before, "seconds": took,
            "commands_a_second": count / took,
            "entries_a_second": (there - before) / took,
            "command_mb_a_second": count * COMMAND_BYTES / took / 1e6,
            "directory_mb": size / 1e6, "cpu_seconds": cpu,
            "fill_a_second": rate}
