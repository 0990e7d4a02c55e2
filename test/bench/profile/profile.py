"""Behind test/bench/profile/run: one row of the comparison under perf."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "compare"))

from parts import classify  # noqa: E402
from systems import Failure, Stage, Troupe, say  # noqa: E402

ROWS = ["local", "one-way", "request-1024", "request-1", "entry"]


def arguments():
    parser = argparse.ArgumentParser("profile/run", add_help=False)
    parser.add_argument("build")
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--frequency", type=int, default=1999)
    parser.add_argument("--symbols", type=int, default=0)
    parser.add_argument("--callers")
    parser.add_argument("--folded")
    parser.add_argument("--direct", action="store_true",
                        help="local: CAF's own send instead of the router")
    return parser.parse_args()


class Recorder:
    """perf, beside the processes of a stage."""

    def __init__(self, stage, wanted):
        self.stage = stage
        self.wanted = wanted
        self.data = os.path.join(stage.scratch, "perf.data")
        self.child = None
        self.names = {}

    def begin(self):
        names = ["server", "entry", "client"]
        if len(self.stage.all) < 3:
            names.remove("entry")
        if len(self.stage.all) < 2:
            names = ["client"]
        self.names = {x.child.pid: name
                      for x, name in zip(self.stage.all, names)}
        self.child = subprocess.Popen(
            ["perf", "record", "-q", "-e", "cpu-clock", "-F",
             str(self.wanted.frequency), "--call-graph", "dwarf,8192", "-o",
             self.data, "-p", ",".join(map(str, self.names)), "--", "sleep",
             str(max(self.wanted.seconds - 0.3, 0.2))],
            stderr=subprocess.DEVNULL)

    def samples(self):
        """(process, stack) of each; innermost function first."""
        self.child.wait()
        script = subprocess.run(
            ["perf", "script", "-i", self.data, "--no-inline", "-F",
             "pid,ip,sym,dso"], capture_output=True, text=True)
        if script.returncode != 0:
            raise Failure("perf took no samples; try more --seconds\n"
                          + script.stderr.strip()[-300:])
        for block in script.stdout.split("\n\n"):
            lines = block.strip().split("\n")
            if len(lines) < 2:
                continue
            pid = int(lines[0].split()[0])
            frames = []
            for line in lines[1:]:
                rest = line.strip().partition(" ")[2]
                symbol, _, dso = rest.rpartition(" (")
                frames.append((symbol, dso.rstrip(")")))
            yield self.names.get(pid, "other"), frames


def run(wanted, scratch):
    troupe = Troupe(wanted.build)
    if troupe.missing():
        raise Failure(f"{troupe.path} is missing: ninja bench_compare")
    with Stage(scratch, wanted.seconds) as stage:
        recorder = Recorder(stage, wanted)
        if wanted.row == "local":
            way = "direct" if wanted.direct else "troupe"
            figures = stage.load(troupe.path, "local", "--ways", way,
                                 during=recorder.begin)[way]
        else:
            where = troupe.serve(stage)
            if wanted.row == "entry":
                where = troupe.relay(stage, where)
            figures = stage.load(troupe.path, *troupe.command(wanted.row),
                                 "--join", where, during=recorder.begin)
        return figures, recorder.names, list(recorder.samples())


def print_parts(figures, names, counts):
    total = sum(counts.values())
    ns = figures["cpu"] * 1e9 / max(figures["messages"], 1)
    print(f"{figures['messages'] / figures['seconds']:,.0f} messages/s (under "
          f"perf), {ns:,.0f} ns of processor time each, {total:,} samples\n")
    processes = list(names.values())
    print("| part | " + " | ".join(processes) + " | share | ns/message |")
    print("|---|" + "---:|" * (len(processes) + 2))
    by_part = Counter()
    for (part, _), n in counts.items():
        by_part[part] += n
    for part, n in by_part.most_common():
        cells = [f"{100 * counts[part, x] / total:.1f}" for x in processes]
        print(f"| {part} | " + " | ".join(cells)
              + f" | {100 * n / total:.1f} % | {ns * n / total:.0f} |")


def print_counter(title, counter, total, ns, count):
    print(f"\n| {title} | share | ns/message |\n|---|---:|---:|")
    for name, n in counter.most_common(count):
        name = name if len(name) < 100 else name[:97] + "..."
        print(f"| `{name}` | {100 * n / total:.1f} % | {ns * n / total:.0f} |")


def main():
    wanted = arguments()
    scratch = tempfile.mkdtemp(prefix="troupe-profile.")
    try:
        figures, names, samples = run(wanted, scratch)
    except Failure as why:
        say(f"profile/run: {why}")
        return 1
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    counts, symbols, callers, folded = (Counter() for _ in range(4))
    for process, frames in samples:
        part, caller = classify(frames)
        counts[part, process] += 1
        symbols[frames[0][0]] += 1
        if part == wanted.callers:
            callers[caller] += 1
        folded[";".join([process] + [x for x, _ in reversed(frames)])] += 1
    total = len(samples)
    if total == 0:
        say("profile/run: perf took no samples")
        return 1
    ns = figures["cpu"] * 1e9 / max(figures["messages"], 1)
    print_parts(figures, names, counts)
    if wanted.callers:
        print_counter(f"{wanted.callers}, called by", callers, total, ns, 20)
    if wanted.symbols:
        print_counter("function", symbols, total, ns, wanted.symbols)
    if wanted.folded:
        with open(wanted.folded, "w") as out:
            out.writelines(f"{x} {n}\n" for x, n in folded.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())
