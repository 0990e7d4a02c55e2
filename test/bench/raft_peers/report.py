"""Figures of all rounds as medians, and what is asked of them."""

from statistics import median

# (operation, outstanding, figure, peer or None, "least" or "most", bound); with
# a peer the bound is of the ratio to it, else of the figure.
REQUIRED = [
    ("write", 1, "p50_us", "libraft", "most", 1.0),
    ("write", 1, "p50_us", "fdatasync", "most", 2.5),
] + [
    ("write", n, "rate", peer, "least", bound)
    for n in (256, 1024)
    for peer, bound in (("etcd", 15), ("hashicorp", 5), ("libraft", 3))
] + [
    ("write", 1024, "rate", None, "least", 100_000),
    ("write", 1024, "p99_us", None, "most", 25_000),
    ("write", 256, "cpu_us", None, "most", 10),
    ("write", 1024, "cpu_us", None, "most", 10),
] + [
    x for n in (256, 1024) for x in (
        ("linearizable", n, "rate", "etcd", "least", 10),
        ("linearizable", n, "rate", None, "least", 200_000),
        ("lease", n, "rate", "linearizable", "least", 2))
]

UNITS = {"rate": "/s", "p50_us": " us", "p99_us": " us", "cpu_us": " us CPU"}


def summary(runs):
    """The median of each figure of each (system, operation, outstanding)."""
    cells = {}
    for x in runs:
        cells.setdefault((x["system"], x["what"], x["outstanding"]),
                         []).append(x)
    return {key: {figure: median(x[figure] for x in rows)
                  for figure in ("rate", "p50_us", "p99_us", "cpu_us", "failed",
                                 "sync_p50_us", "sync_p99_us", "sync3_p50_us")}
            for key, rows in cells.items()}


def ratio(runs, what, outstanding, figure, peer):
    """The median of the ratios within each round; none: not measured."""
    ours, theirs = {}, {}
    for x in runs:
        if x["outstanding"] != outstanding:
            continue
        if x["system"] == "troupe" and x["what"] == what:
            ours[x["round"]] = x[figure]
            if peer == "fdatasync":
                theirs[x["round"]] = x["sync_p50_us"]
        if x["system"] == "troupe" and x["what"] == peer:
            theirs[x["round"]] = x[figure]
        if x["system"] == peer and x["what"] == what:
            theirs[x["round"]] = x[figure]
    both = [ours[i] / theirs[i] for i in ours if theirs.get(i)]
    return median(both) if both else None


def verdicts(runs):
    """A row for each requirement that was measured."""
    cells = summary(runs)
    out = []
    for what, n, figure, peer, way, bound in REQUIRED:
        if peer:
            value = ratio(runs, what, n, figure, peer)
        else:
            value = cells.get(("troupe", what, n), {}).get(figure)
        if value is None:
            continue
        out.append({"what": what, "outstanding": n, "figure": figure,
                    "beside": peer, "value": value, "required": way,
                    "bound": bound,
                    "reached": value >= bound if way == "least"
                    else value <= bound})
    return out


def print_tables(runs):
    print(f"{'':28} {'system':10} {'a second':>11} {'p50 us':>9}"
          f" {'p99 us':>9} {'CPU us':>8} {'failed':>6}   fdatasync p50, p99 us;"
          " by three at once")
    last = None
    for (system, what, n), x in sorted(
            summary(runs).items(), key=lambda i: (i[0][1:], -i[1]["rate"])):
        first = (what, n) != last
        last = (what, n)
        label = f"{what:12} {n:5} at once" if first else ""
        print(f"{label:28} {system:10} {x['rate']:11,.0f}"
              f" {x['p50_us']:9,.0f} {x['p99_us']:9,.0f} {x['cpu_us']:8.2f}"
              f" {x['failed']:6.0f}   {x['sync_p50_us']:5,.0f}"
              f" {x['sync_p99_us']:7,.0f} {x['sync3_p50_us']:7,.0f}")
    print("\nCPU: of the three nodes together, for each operation. The load runs"
          " inside\nthe leader, for etcd in a process of its own that does not"
          " count.\n")
    rows = verdicts(runs)
    if rows:
        print(f"{'troupe':46} {'measured':>12} {'required':>18}")
    for x in rows:
        unit = " times" if x["beside"] else UNITS[x["figure"]]
        beside = f" beside {x['beside']}" if x["beside"] else ""
        figure = x["figure"].replace("_us", "").replace("cpu", "CPU")
        label = f"{x['what']}, {x['outstanding']} at once, {figure}{beside}"
        value = f"{x['value']:,.2f}" if x["value"] < 100 else \
            f"{x['value']:,.0f}"
        bound = f"at {x['required']} {x['bound']:,}{unit}"
        print(f"{label:46} {value:>12} {bound:>22}"
              f"  {'reached' if x['reached'] else 'SHORT'}")
