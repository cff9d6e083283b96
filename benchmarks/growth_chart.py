"""The chart of benchmarks/growth.py: time to the last subscriber, both axes logarithmic."""

import math
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 360, 70, 50, 50, 20


def draw(points: Sequence[tuple[int, float]], rate: float, path: Path) -> None:
    """Write an SVG of (subscribers, seconds), with the line that the throttle alone allows (posts/s)."""
    low, high = points[0][0], points[-1][0]
    floor = 10 ** math.floor(math.log10(low / rate))
    ceiling = 10 ** math.ceil(math.log10(max(points[-1][1], high / rate)))

    def x(subscribers: float) -> float:
        share = math.log10(subscribers / low) / max(1e-9, math.log10(high / low))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(seconds: float) -> float:
        return (
            HEIGHT
            - BOTTOM
            - math.log10(seconds / floor) / math.log10(ceiling / floor) * (HEIGHT - BOTTOM - TOP)
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">Time to the last subscriber of one update</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">subscribers</text>',
    ]
    level = floor
    while level <= ceiling * 1.01:
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(level):.1f}" y2="{y(level):.1f}" stroke="#ddd"/>',
            f'<text x="{LEFT - 8}" y="{y(level) + 4:.1f}" text-anchor="end">{level:g} s</text>',
        ]
        level *= 10
    for size, _ in points:
        parts.append(
            f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size:,}</text>'
        )
    bound = " ".join(f"{x(size):.1f},{y(size / rate):.1f}" for size, _ in points)
    measured = " ".join(f"{x(size):.1f},{y(seconds):.1f}" for size, seconds in points)
    parts += [
        f'<polyline points="{bound}" fill="none" stroke="#999" stroke-dasharray="5 4" stroke-width="2"/>',
        f'<polyline points="{measured}" fill="none" stroke="#0a6" stroke-width="2.5"/>',
    ]
    for size, seconds in points:
        parts += [
            f'<circle cx="{x(size):.1f}" cy="{y(seconds):.1f}" r="4" fill="#0a6"/>',
            f'<text x="{x(size):.1f}" y="{y(seconds) - 10:.1f}" text-anchor="middle" fill="#075">'
            f"{seconds:.2f} s</text>",
        ]
    parts += [
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - BOTTOM - 12}" text-anchor="end" fill="#777">'
        f"dashed: what a throttle of {rate:,.0f} requests/s alone allows</text>",
        "</svg>",
    ]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
