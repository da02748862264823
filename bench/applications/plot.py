#!/usr/bin/env python3
"""bench/applications/plot.py RESULT.json [PLOT.svg]: the table of a result of run.py --json; its plot."""
import json
import statistics
import sys
from pathlib import Path
from xml.sax.saxutils import escape


def median(values):
    return statistics.median(values)


def quartiles(values):
    """The middle half; of few values all."""
    if len(values) < 4:
        return min(values), max(values)
    cut = statistics.quantiles(values, n=4, method="inclusive")
    return cut[0], cut[2]


def ratios(pairs, of):
    return [of(pair["with"]) / of(pair["without"]) for pair in pairs if of(pair["without"])]


def row(application):
    """What is told of one application."""
    pairs, starts, memory = (application[key] for key in ("pairs", "starts", "memory"))
    kept = ratios(pairs, lambda sample: sample["rate"])
    found = {"title": application["title"], "unit": application["unit"], "kept": median(kept),
             "kept_range": quartiles(kept), "late": None, "agent_mib": median(m["agent"] for m in memory) if memory else None,
             "start_ms": median(s["without"] for s in starts), "start_adds_ms": median(s["with"] - s["without"] for s in starts)}
    late = ratios(pairs, lambda sample: sample["p99_ms"])
    if late:
        found["late"], found["late_range"] = median(late), quartiles(late)
    whole = [p["with"]["cpu_us"] / p["without"]["cpu_us"] for p in pairs]
    agent = [p["with"]["agent_us"] / p["without"]["cpu_us"] for p in pairs]
    found["cpu"], found["cpu_agent"] = median(whole), median(agent)
    for way in ("without", "with"):
        found[way] = {key: median(p[way][key] for p in pairs) for key in ("rate", "p99_ms", "cpu_us", "agent_us")}
        found[way]["mib"] = median(m[way] for m in memory) if memory else None
    return found


def figure(value):
    """Three places that mean something."""
    if value >= 1000:
        return f"{round(value, 2 - len(str(int(value)))):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def rate(value, unit):
    return f"{figure(1 / value)} s" if unit == "builds" else f"{figure(value)}/s"


def time_of(microseconds):
    if microseconds >= 1e6:
        return f"{figure(microseconds / 1e6)} s"
    return f"{figure(microseconds / 1000)} ms" if microseconds >= 1000 else f"{figure(microseconds)} µs"


def memory_of(r):
    if r["agent_mib"] is None:
        return " | "
    return f"{r['without']['mib']:.1f} → {r['with']['mib']:.1f} MiB | {r['agent_mib']:.1f} MiB"


def table(result):
    lines = ["| application | without | with | kept (middle half) | p99 without → with | processor an operation: without → with + agent | "
             "application's memory | agent's | first answer |", "|---|---|---|---|---|---|---|---|---|"]
    for application in result["applications"]:
        r = row(application)
        a, b = r["without"], r["with"]
        late = f"{figure(a['p99_ms'])} → {figure(b['p99_ms'])} ms" if r["late"] else ""
        lines.append(f"| {r['title']} | {rate(a['rate'], r['unit'])} | {rate(b['rate'], r['unit'])} | {100 * r['kept']:.0f} % "
                     f"({100 * r['kept_range'][0]:.0f}–{100 * r['kept_range'][1]:.0f}) | {late} | {time_of(a['cpu_us'])} → "
                     f"{time_of(b['cpu_us'])} + {time_of(b['agent_us'])} | {memory_of(r)} | "
                     f"{r['start_ms']:.0f} ms, {r['start_adds_ms']:+.0f} |")
    lines += ["", *alerts(result), *described(result)]
    return "\n".join(lines)


def alerts(result):
    """One line, or none."""
    found = [f"{rule} {count} × ({application['name']})" for application in result["applications"]
             for rule, count in application["alerts"].items()]
    return [f"Alerts: {', '.join(found)}."] if found else []


def described(result):
    count = [len(application["pairs"]) for application in result["applications"]]
    pairs = str(count[0]) if min(count) == max(count) else f"{min(count)} to {max(count)}"
    words = [f"{result['date']}, {result['machine']}, load {result['load']:.1f} before; medians of {pairs} pairs of windows of "
             f"{result['seconds']} s in turns.", result["command"]]
    return [result["note"], *words] if result["note"] else words


# The plot: a line of text for each application, three panels of bars, and what is best said in figures.

WIDTH, TOP, LINE, BAR = 1120, 92, 44, 14
PANELS = ((216, "Throughput kept", 1.25), (446, "99th percentile of latency", 2.5), (676, "Processor time an operation", 3.0))
PANEL = 196
COLUMNS = ((1000, "Agent's memory"), (1104, "First answer"))
STYLE = """text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 16px; font-weight: 600 }
.head { font-weight: 600 } .small { font-size: 11px; fill: #59636e } .mono { font: 11px ui-monospace, monospace; fill: #59636e }
.back { fill: #ffffff } .rail { fill: #eff2f5 } .bar { fill: #2f6fb3 } .agent { fill: #d9822b } .mark { stroke: #1f2328; stroke-width: 1.5 }
.one { stroke: #59636e; stroke-dasharray: 3 3 } .end { text-anchor: end }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .small, .mono { fill: #9198a1 } .back { fill: #0d1117 }
.rail { fill: #1c2128 } .bar { fill: #58a6ff } .agent { fill: #f0a04b } .mark { stroke: #e6edf3 } .one { stroke: #9198a1 } }"""


def text(x, y, what, kind=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(what)}</text>'


def rect(x, y, width, height, kind):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height}" class="{kind}"/>'


def scale(panel, largest):
    """Shares of the panel's width; what is larger ends at its edge."""
    limit = max(panel[2], 1.1 * largest)
    return lambda value: panel[0] + PANEL * min(value, limit) / limit


def whisker(at, y, span):
    left, right = at(span[0]), at(span[1])
    middle = y + BAR / 2
    return f'<path class="mark" fill="none" d="M{left:.1f} {middle - 4}v8M{left:.1f} {middle}H{right:.1f}M{right:.1f} {middle - 4}v8"/>'


def whole(at, y):
    return f'<path class="one" d="M{at(1):.1f} {y - 5}v{BAR + 9}"/>'


def bars(rows):
    late = [r["late"] for r in rows if r["late"]]
    ats = [scale(PANELS[0], max(r["kept"] for r in rows)), scale(PANELS[1], max(late, default=1)),
           scale(PANELS[2], max(r["cpu"] + r["cpu_agent"] for r in rows))]
    out = []
    for panel in PANELS:
        out += [text(panel[0], TOP - 22, panel[1], "head"), text(panel[0], TOP - 8, "without the sidecar: 100 %, dashed", "small")]
    for i, r in enumerate(rows):
        y = TOP + LINE * i + 8
        cells = [(r["kept"], r["kept_range"], f"{100 * r['kept']:.0f} %: {rate(r['with']['rate'], r['unit'])}")]
        if r["late"]:
            cells.append((r["late"], r["late_range"], f"{100 * r['late']:.0f} %: {figure(r['with']['p99_ms'])} ms"))
        out.append(text(16, y + BAR - 2, r["title"]))
        for panel, at, (value, span, words) in zip(PANELS, ats, cells):
            out += [rect(panel[0], y, PANEL, BAR, "rail"), rect(panel[0], y, at(value) - panel[0], BAR, "bar"), whole(at, y),
                    whisker(at, y, span), text(panel[0], y + BAR + 13, words, "small")]
        out += processor(PANELS[2], ats[2], y, r)
        if r["agent_mib"] is not None:
            out.append(text(COLUMNS[0][0], y + BAR - 2, f"{r['agent_mib']:.0f} MiB", "end"))
        out += [text(COLUMNS[1][0], y + BAR - 2, f"{r['start_adds_ms']:+.0f} ms", "end"),
                text(COLUMNS[1][0], y + BAR + 13, f"of {r['start_ms']:.0f}", "small end")]
    return out


def processor(panel, at, y, r):
    total = r["cpu"] + r["cpu_agent"]
    words = f"{100 * total:.0f} %: {time_of(r['with']['cpu_us'])} + agent's {time_of(r['with']['agent_us'])}"
    return [rect(panel[0], y, PANEL, BAR, "rail"), rect(panel[0], y, at(r["cpu"]) - panel[0], BAR, "bar"),
            rect(at(r["cpu"]), y, at(total) - at(r["cpu"]), BAR, "agent"), whole(at, y),
            text(panel[0], y + BAR + 13, words, "small")]


def svg(result):
    rows = [row(application) for application in result["applications"]]
    lines = described(result)
    height = TOP + LINE * len(rows) + 26 + 16 * len(lines)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
           "<title>Applications with the sidecar, against the same without it</title>", f"<style>{STYLE}</style>",
           rect(0, 0, WIDTH, height, "back"), text(16, 30, "Applications with the sidecar, against the same without it", "title"),
           rect(610, 19, 12, 12, "bar"), text(628, 30, "application"), rect(716, 19, 12, 12, "agent"), text(734, 30, "agent"),
           '<path class="mark" fill="none" d="M796 21v8M796 25H816M816 21v8"/>', text(824, 30, "the middle half of all pairs"),
           text(COLUMNS[0][0], TOP - 22, COLUMNS[0][1], "head end"), text(COLUMNS[1][0], TOP - 22, COLUMNS[1][1], "head end"),
           text(COLUMNS[1][0], TOP - 8, "later by", "small end"), *bars(rows)]
    for i, line in enumerate(lines):
        last = i == len(lines) - 1
        out.append(text(16, TOP + LINE * len(rows) + 26 + 16 * i, line, "mono" if last else "small"))
    return "\n".join([*out, "</svg>", ""])


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(table(result))
    if len(sys.argv) == 3:
        Path(sys.argv[2]).write_text(svg(result), encoding="utf-8")


if __name__ == "__main__":
    main()
