"""Recall against speed as an SVG file, without a plotting library. Readable on light and dark pages."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 88, 170, 40, 60
# Tints of medium lightness: enough contrast on white and on black. The first one is ours.
COLORS = [
    "#e5484d", "#3b82f6", "#16a34a", "#d97706", "#9333ea", "#0891b2", "#db2777", "#65a30d", "#7c8694", "#b45309",
    "#6366f1", "#0d9488",
]  # fmt: skip
MARKS = ("", "6 3", "2 3")
STYLE = (
    # Gray enough for both, should the page's colors not be those of the system.
    "text{font:12px system-ui,sans-serif;fill:#656d76}.title{font-size:15px;font-weight:600}"
    ".grid{stroke:#888;stroke-opacity:.25}.axis{stroke:#888}"
    "@media(prefers-color-scheme:dark){text{fill:#a3acb5}}"
)


def x_of(recall, lowest):
    """Recall on a scale of -log10(1 - recall + 0.002): the step from .98 to .99 matters as much as .90 to .95."""
    stretch = [-math.log10(1.002 - value) for value in (lowest, recall, 1.0)]
    return LEFT + (stretch[1] - stretch[0]) / (stretch[2] - stretch[0]) * (WIDTH - LEFT - RIGHT)


def y_of(qps, low, high):
    share = (math.log10(qps) - math.log10(low)) / (math.log10(high) - math.log10(low))
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def speed_range(fronts):
    """Limits of the speed axis: the values 1, 2 and 5 times a power of ten around everything shown."""
    speeds = [qps for front in fronts for _, qps in front] or [100, 10000]
    ticks = [step * 10**power for power in range(0, 8) for step in (1, 2, 5)]
    low = max((tick for tick in ticks if tick <= min(speeds)), default=1)
    high = min((tick for tick in ticks if tick >= max(speeds) and tick > low), default=10**8)
    return low, high, [tick for tick in ticks if low <= tick <= high]


def line(x1, y1, x2, y2, kind):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(x, y, content, anchor="start", kind="", extra=""):
    kind = f' class="{kind}"' if kind else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(content)}</text>'


def axes(lowest, low, high, ticks):
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for recall in (value for value in (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 1.0) if value >= lowest):
        x = x_of(recall, lowest)
        parts += [line(x, TOP, x, bottom, "grid"), text(x, bottom + 18, f"{recall:g}", "middle")]
    for tick in ticks:
        y = y_of(tick, low, high)
        parts += [line(LEFT, y, right, y, "grid"), text(LEFT - 8, y + 4, f"{tick:,}", "end")]
    parts += [line(LEFT, bottom, right, bottom, "axis"), line(LEFT, TOP, LEFT, bottom, "axis")]
    middle = (TOP + bottom) / 2
    turned = f' transform="rotate(-90 16 {middle:.1f})"'
    parts.append(text((LEFT + right) / 2, HEIGHT - 18, "recall (up and to the right is better)", "middle"))
    return parts + [text(16, middle, "queries per second, one thread (log scale)", "middle", extra=turned)]


def curve(number, name, front, lowest, low, high):
    """One library's front and its line in the legend."""
    color, dashes = COLORS[number % len(COLORS)], MARKS[number // len(COLORS) % len(MARKS)]
    width = 3.2 if number == 0 else 1.6
    places = [(x_of(recall, lowest), y_of(qps, low, high)) for recall, qps in front]
    stroke = f'fill="none" stroke="{color}" stroke-width="{width}" stroke-dasharray="{dashes or "none"}"'
    parts = [f'<polyline {stroke} points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>']
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{color}"/>' for x, y in places]
    x, y = WIDTH - RIGHT + 16, TOP + 6 + number * 18
    return parts + [f'<polyline {stroke} points="{x},{y} {x + 22},{y}"/>', text(x + 28, y + 4, name)]


def svg(title, curves, lowest=0.8):
    """The file's text. ``curves``: (name, [(recall, qps), ...]), ours first; points under ``lowest`` are left out."""
    shown = [(name, [point for point in front if point[0] >= lowest]) for name, front in curves]
    shown = [(name, front) for name, front in shown if front]
    low, high, ticks = speed_range([front for _, front in shown])
    height = max(HEIGHT, TOP + 30 + len(shown) * 18)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        text(LEFT, 22, title, kind="title"),
        *axes(lowest, low, high, ticks),
    ]
    for number, (name, front) in enumerate(shown):
        parts += curve(number, name, front, lowest, low, high)
    return "\n".join([*parts, "</svg>", ""])
