"""Behind test/bench/raft_compare: runs the systems in turn."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile

import faults
import report
from disk import Disk, percentile
from peers import SYSTEMS
from process import Failure, say

LOADS = [("write", 1), ("write", 256), ("write", 1024), ("linearizable", 256),
         ("linearizable", 1024), ("lease", 256), ("lease", 1024)]


def arguments():
    parser = argparse.ArgumentParser("raft_compare", add_help=False)
    parser.add_argument("build")
    parser.add_argument("--only", default=",".join(SYSTEMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--scratch")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--failover", type=int, metavar="KILLS")
    parser.add_argument("--catch-up", type=int, metavar="COMMANDS")
    out = parser.parse_args()
    out.only = out.only.split(",")
    unknown = [x for x in out.only if x not in SYSTEMS]
    if unknown:
        parser.error(f"--only: no {unknown[0]}; there are {', '.join(SYSTEMS)}")
    if not 1 <= out.rounds <= 100 or not 0.1 <= out.seconds <= 60:
        parser.error("--rounds goes from 1 to 100, --seconds from 0.1 to 60")
    return out


def rounds(systems, disk, wanted, runs):
    """All runs: of each load one after the other, so that what is compared was
    measured in the same minute."""
    for i in range(wanted.rounds):
        for what, outstanding in LOADS:
            before = disk.sample()
            three = disk.sample_three()
            for x in systems:
                if what not in x.operations:
                    continue
                figures = x.measure(what, outstanding, wanted.seconds)
                after = disk.sample()
                syncs = before + after
                before = after
                runs.append({
                    "round": i, "system": x.name, "what": what,
                    "outstanding": outstanding, **figures,
                    "sync_p50_us": percentile(syncs, 50),
                    "sync_p99_us": percentile(syncs, 99),
                    "sync3_p50_us": percentile(three, 50)})
        say(f"round {i + 1} of {wanted.rounds}")


def compare(wanted, scratch):
    systems = [SYSTEMS[x](wanted.build) for x in wanted.only]
    for x in systems:
        x.prepare()
    runs = []
    try:
        for x in systems:
            x.start(scratch)
        rounds(systems, Disk(scratch), wanted, runs)
    except (KeyboardInterrupt, SystemExit):
        say("raft_compare: ended early; what there is:")
    finally:
        for x in systems:
            x.end()
    if wanted.json:
        print(json.dumps({"runs": runs, "required": report.verdicts(runs)}))
    else:
        report.print_tables(runs)


def fail_over(wanted, scratch):
    rows = [faults.failover(wanted.build, scratch, wanted.failover, x)
            for x in ("default", "fast")]
    if wanted.json:
        return print(json.dumps(rows))
    for x in rows:
        print("kill -9 of the leader to the next acknowledged write, {preset}: "
              "p50 {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms, longest {max_ms:.0f} "
              "ms of {kills}; required: p99 at most {bound_ms} ms\n"
              "  while no sync of the disk took {stall_ms} ms: p50 "
              "{quiet_p50_ms:.0f} ms, p99 {quiet_p99_ms:.0f} ms of "
              "{quiet}".format(**x))


def catch_up(wanted, scratch):
    rows = [faults.catch_up(wanted.build, scratch, wanted.catch_up, x)
            for x in ([], ["single"])]
    if wanted.json:
        return print(json.dumps(rows))
    for x in rows:
        print("a follower {commands:,} commands ({entries:,} entries) behind: "
              "{seconds:.2f} s, {commands_a_second:,.0f} commands/s, "
              "{entries_a_second:,.0f} entries/s, {command_mb_a_second:.1f} "
              "MB/s of commands, {cpu_seconds:.2f} s CPU of all three; its "
              "directory has {directory_mb:.0f} MB; written before at "
              "{fill_a_second:,.0f}/s".format(**x))


def main():
    wanted = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    where = wanted.scratch or f"{wanted.build}/raft_peers"
    os.makedirs(where, exist_ok=True)
    scratch = tempfile.mkdtemp(prefix="data.", dir=where)
    try:
        if wanted.failover:
            fail_over(wanted, scratch)
        elif wanted.catch_up:
            catch_up(wanted, scratch)
        else:
            compare(wanted, scratch)
    except Failure as why:
        say(f"raft_compare: {why}")
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
