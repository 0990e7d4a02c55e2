"""Behind test/bench/compare/run: all systems in turn, row by row."""

import argparse
import json
import shutil
import signal
import sys
import tempfile

import report
from systems import SYSTEMS, Failure, Stage, say

ROWS = ["local", "one-way", "request-1024", "request-1", "entry", "idle",
        "half-load"]


def arguments():
    parser = argparse.ArgumentParser("compare/run", add_help=False)
    parser.add_argument("build")
    parser.add_argument("--only", default=",".join(ROWS))
    parser.add_argument("--systems",
                        default=",".join(x.name for x in SYSTEMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--json", action="store_true")
    out = parser.parse_args()
    out.only = out.only.split(",")
    out.systems = out.systems.split(",")
    for given, known in ((out.only, ROWS),
                         (out.systems, [x.name for x in SYSTEMS])):
        unknown = [x for x in given if x not in known]
        if unknown:
            parser.error(f"no {unknown[0]}; there are {', '.join(known)}")
    if not 1 <= out.rounds <= 100 or not 0.2 <= out.seconds <= 60:
        parser.error("--rounds goes from 1 to 100, --seconds from 0.2 to 60")
    return out


def installed(wanted):
    out = []
    for kind in SYSTEMS:
        if kind.name not in wanted.systems:
            continue
        one = kind(wanted.build)
        if not one.missing():
            out.append(one)
        elif one.packages:
            say(f"{one.name} is left out: apt-get install {one.packages}, "
                "then build again")
        else:
            raise Failure(f"{one.path} is missing: ninja bench_compare")
    return out


def measure(wanted, systems, scratch, runs):
    """Of each row one system after the other, so that what is compared was
    measured in the same minute."""
    for i in range(wanted.rounds):
        for row in wanted.only:
            for x in systems:
                if row not in x.rows:
                    continue
                with Stage(scratch, wanted.seconds) as stage:
                    found = x.measure(row, stage)
                runs += [{"round": i, "row": row, "system": name, **figures}
                         for name, figures in found.items()]
        say(f"round {i + 1} of {wanted.rounds}")


def main():
    wanted = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    scratch = tempfile.mkdtemp(prefix="troupe-compare.")
    runs = []
    try:
        measure(wanted, installed(wanted), scratch, runs)
    except Failure as why:
        say(f"compare/run: {why}")
        return 1
    except (KeyboardInterrupt, SystemExit):
        say("compare/run: ended early; what there is:")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if wanted.json:
        print(json.dumps({"runs": runs, "required": report.verdicts(runs)}))
    else:
        report.print_tables(runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
