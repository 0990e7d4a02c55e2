"""Figures of all rounds as medians, and what is asked of them."""

from statistics import median

TITLES = {
    "local": "a message to a partition of this node",
    "one-way": "messages to 1,000 partitions of another node",
    "request-1024": "requests to another node, 1,024 outstanding",
    "request-1": "requests to another node, one at a time",
    "entry": "requests through an entry node, 1,024 outstanding",
    "idle": "memory of an idle partition, actor or process",
    "half-load": "requests at half of what is possible",
}

# (row, figure, "least" or "most", bound) for troupe.
REQUIRED = [
    ("one-way", "rate", "least", 1_000_000),
    ("one-way", "cpu_us", "most", 2.2),
    ("request-1024", "rate", "least", 450_000),
    ("request-1024", "cpu_us", "most", 4),
    ("request-1", "p50_us", "most", 45),
    ("request-1", "p99_us", "most", 110),
    ("entry", "rate", "least", 300_000),
    ("idle", "kib", "most", 1.5),
]

# (row, ours, the other, least ratio of the rates) within each round.
RATIOS = [("local", f"troupe, {x}", f"direct, {x}", 0.95)
          for x in ("one receiver", "1,000 receivers")]

LABELS = {"rate": "messages/s", "cpu_us": "CPU us/message", "p50_us": "p50 us",
          "p99_us": "p99 us", "p999_us": "p99.9 us", "kib": "KiB",
          "moves": "moves/s"}


def derived(run):
    out = dict(run)
    if "messages" in run:
        out["rate"] = run["messages"] / run["seconds"]
        out["cpu_us"] = run["cpu"] * 1e6 / max(run["messages"], 1)
    return out


def cells(runs):
    """(row, system) -> figure -> the median of all rounds."""
    out = {}
    for x in runs:
        out.setdefault((x["row"], x["system"]), []).append(derived(x))
    return {key: {figure: median(x[figure] for x in found)
                  for figure in (*LABELS, "failed") if figure in found[0]}
            for key, found in out.items()}


def ratio(runs, row, one, other):
    """The median of the ratios of rates within each round."""
    rates = {(x["round"], x["system"]): derived(x)["rate"]
             for x in runs if x["row"] == row}
    both = [rates[i, name] / rates[i, other]
            for i, name in rates if name == one and (i, other) in rates]
    return median(both) if both else None


def verdicts(runs):
    found = cells(runs)
    out = []
    for row, one, other, bound in RATIOS:
        value = ratio(runs, row, one, other)
        if value is not None:
            out.append({"row": row, "figure": f"{one} / {other}",
                        "value": value, "required": "least", "bound": bound})
    for row, figure, way, bound in REQUIRED:
        value = found.get((row, "troupe"), {}).get(figure)
        if value is not None:
            out.append({"row": row, "figure": LABELS[figure], "value": value,
                        "required": way, "bound": bound})
    for x in out:
        x["reached"] = x["value"] >= x["bound"] if x["required"] == "least" \
            else x["value"] <= x["bound"]
    return out


def shown(value):
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def print_tables(runs):
    found = cells(runs)
    for row, title in TITLES.items():
        rows = {system: x for (at, system), x in found.items() if at == row}
        if not rows:
            continue
        figures = [f for f in LABELS if any(x.get(f) for x in rows.values())]
        failed = any(x.get("failed") for x in rows.values())
        ours = rows.get("troupe", {}).get("rate")
        head = ["", *(LABELS[f] for f in figures)]
        head += ["failed"] * failed + ["troupe is"] * bool(ours)
        print(f"\n**{row}**: {title}\n")
        print("| " + " | ".join(head) + " |")
        print("|---|" + "---:|" * (len(head) - 1))
        for system, x in rows.items():
            cols = [system, *(shown(x.get(f)) for f in figures)]
            cols += [f"{x.get('failed', 0):.0f}"] * failed
            if ours:
                times = ours / x["rate"]
                cols.append("" if system == "troupe" else f"{times:.3g} times")
            print("| " + " | ".join(cols) + " |")
    rows = verdicts(runs)
    if rows:
        print("\n| required of troupe | measured | bound | |\n"
              "|---|---:|---:|---|")
    for x in rows:
        bound = f"at {x['required']} {x['bound']:,}"
        print(f"| {x['row']}: {x['figure']} | {shown(x['value'])} | {bound} | "
              f"{'reached' if x['reached'] else 'SHORT'} |")
