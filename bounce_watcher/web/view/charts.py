"""Charts as SVG shapes. Labels are HTML around the SVG, so that text never scales. Links in charts take no focus.

This is the only module that makes Markup, so it escapes strangers' text itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

HEIGHT = 200
_WIDE, _GAP, _SHORTER = 100, 20, 12
_THIN = 4
"""Below this height, a segment has no gap around it, because it would vanish."""
_NARROWEST = 0.06
"""The minimum width of a shade, as a share of a bar's place: a narrower one could not be seen."""
_SPARK_WIDE, _SPARK_HIGH = 10, 20

_FRAME = 'preserveAspectRatio="none" aria-hidden="true" focusable="false"'


@dataclass(frozen=True, slots=True)
class BarSegment:
    """A segment of a bar. `colour` is a class of the style sheet."""

    colour: str
    number: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its segments from the base line up, its link, its tooltip, and the value of its mark."""

    parts: tuple[BarSegment, ...]
    link: str
    tip: str
    mark: int | None = None

    @property
    def total(self) -> int:
        return sum(part.number for part in self.parts)


@dataclass(frozen=True, slots=True)
class Shade:
    """A shaded time behind the bars: its begin and end in bar places, and its tooltip."""

    begin: float
    end: float
    tip: str


def nice_top(largest: int) -> int:
    """Returns the smallest of 4, 8, 20, 40, 80, 200 … that is at least `largest`: four whole intervals."""
    top, step = 4, 0
    while top < largest:
        top = top * 5 // 2 if step % 3 == 1 else top * 2
        step += 1
    return top


def top_of(bars: Sequence[Bar]) -> int:
    """Returns the top of the y axis."""
    return nice_top(max([1, *(bar.total for bar in bars), *(bar.mark or 0 for bar in bars)]))


def ticks(top: int) -> list[int]:
    """Returns the labels of the y axis, from the top down."""
    return [top * n // 4 for n in range(4, -1, -1)]


def stacked_bars(bars: Sequence[Bar], shades: Sequence[Shade] = ()) -> Markup:
    width, top = len(bars) * _WIDE, top_of(bars)
    behind = "".join(map(_shade, shades))
    drawn = "".join(_bar(bar, n * _WIDE, top) for n, bar in enumerate(bars))
    return _svg(f'<svg viewBox="0 0 {width} {HEIGHT}" {_FRAME}>{behind}{_grid(width)}{drawn}</svg>')


def _shade(shade: Shade) -> str:
    left, wide = shade.begin * _WIDE, max(shade.end - shade.begin, _NARROWEST) * _WIDE
    return f"<g><title>{escape(shade.tip)}</title>{_rect('guard', left, 0, wide, HEIGHT)}</g>"


def _bar(bar: Bar, left: int, top: int) -> str:
    y, shapes = float(HEIGHT), []
    for part in bar.parts:
        if part.number > 0:
            high = part.number * HEIGHT / top
            y -= high
            colour = f"seg {part.colour}{' thin' if high < _THIN else ''}"
            shapes.append(_rect(colour, left + _GAP, y, _WIDE - 2 * _GAP, high))
    if bar.mark is not None:
        at = HEIGHT - bar.mark * HEIGHT / top
        ends = (left + _SHORTER, left + _WIDE - _SHORTER)
        shapes += [_line("halo", *ends, at), _line("prev", *ends, at)]
    shapes.append(_rect("hit", left, 0, _WIDE, HEIGHT))
    return f'<a href="{escape(bar.link)}" tabindex="-1"><title>{escape(bar.tip)}</title>{"".join(shapes)}</a>'


def grown(sums: Sequence[int], places: int) -> Markup:
    """Returns a line of cumulative sums, with a point at each bar's end. It ends early with fewer sums than places."""
    top, width = nice_top(max([1, *sums])), places * _WIDE
    points = " ".join(f"{(n + 1) * _WIDE},{HEIGHT - total * HEIGHT / top:.2f}" for n, total in enumerate(sums))
    line = f'<polyline class="grown" points="0,{HEIGHT} {points}"/>'
    return _svg(f'<svg viewBox="0 0 {width} {HEIGHT}" {_FRAME}>{_grid(width)}{line}</svg>')


def sparkline(numbers: Sequence[int]) -> Markup:
    """Returns small bars on their own scale. The number beside them carries the meaning."""
    top, width = max([1, *numbers]), len(numbers) * _SPARK_WIDE
    shapes = "".join(
        _rect("seg plain", n * _SPARK_WIDE + 1, _SPARK_HIGH * (1 - number / top), 7, _SPARK_HIGH * number / top)
        for n, number in enumerate(numbers) if number > 0
    )
    line = _line("base", 0, width, _SPARK_HIGH)
    return _svg(f'<svg class="spark" viewBox="0 0 {width} {_SPARK_HIGH}" {_FRAME}>{shapes}{line}</svg>')


def share_bar(colour: str, part: int, whole: int) -> Markup:
    """Returns a bar that shows a part of a whole."""
    shape = _rect(f"seg {colour}", 0, 0, 100 * part / whole if whole else 0, 8)
    return _svg(f'<svg class="bar" viewBox="0 0 100 8" {_FRAME}>{shape}</svg>')


def _svg(text: str) -> Markup:
    """Makes Markup of numbers, our own words and escaped text. Markup.format takes twenty times as long."""
    return Markup(text)  # noqa: S704 - see above


def _grid(width: int) -> str:
    return "".join(_line("grid" if n else "base", 0, width, HEIGHT - n * HEIGHT / 4) for n in range(5))


def _rect(colour: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{colour}" x="{x:g}" y="{y:.2f}" width="{width:g}" height="{height:.2f}"/>'


def _line(colour: str, left: float, right: float, y: float) -> str:
    return f'<line class="{colour}" x1="{left:g}" x2="{right:g}" y1="{y:.2f}" y2="{y:.2f}"/>'
