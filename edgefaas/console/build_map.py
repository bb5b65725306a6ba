"""Make ``static/land.js``, the dots of the page's map: ``python -m edgefaas.console.build_map land-50m.json``.

The coastlines are Natural Earth's (public domain, https://www.naturalearthdata.com), as npm's ``world-atlas``
carries them: ``npm pack world-atlas@2``, and unpack. What is kept is one bit for each place of a grid: is it land?
Run by hand when the grid is to change; see docs/adr/0099.

Source: TopoJSON 1.0 (arcs are delta-encoded whole numbers under one transform).
"""

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

TOP, BOTTOM = 84.0, -57.0  # degrees; Antarctica would take a fifth of the map, and nobody serves from there
STEP = 1.5  # degrees between dots
OUTPUT = Path(__file__).parent / "static" / "land.js"
HALF_TURN, TURN = 180.0, 360.0

Point = tuple[float, float]
"""Longitude and latitude in degrees."""

HEAD = """\
// Where land is: one row of dots for each {step} degrees of latitude from {top} down, one hexadecimal digit for
// four dots from -180 degrees of longitude on. Made by edgefaas/console/build_map.py from Natural Earth's land
// (public domain). Do not edit.
export const LAND = {{
  top: {top},
  bottom: {bottom},
  step: {step},
  rows: [
"""


def rings_of(topology: dict[str, Any]) -> list[list[Point]]:
    """Return every ring of every polygon; a ring that crosses the antimeridian goes on beyond 180 degrees."""
    scale, origin = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = [_decoded(arc, scale, origin) for arc in topology["arcs"]]
    polygons = [polygon for shape in topology["objects"].values() for polygon in _polygons(shape)]
    return [_unrolled(_joined(ring, arcs)) for polygon in polygons for ring in polygon]


def rows_of(rings: Sequence[Sequence[Point]]) -> list[list[bool]]:
    """Return the grid, north first: is the middle of each place on land? By the even-odd rule on each row."""
    rows = []
    count = round((TOP - BOTTOM) / STEP)
    for number in range(count):
        latitude = TOP - (number + 0.5) * STEP
        row = [False] * round(TURN / STEP)
        for ring in rings:
            for west, east in _spans(ring, latitude):
                for column in _columns(west, east):
                    row[column % len(row)] ^= True
        rows.append(row)
    return rows


def script_of(rows: Sequence[Sequence[bool]]) -> str:
    """Return the module that the page loads."""
    text = HEAD.format(top=f"{TOP:g}", bottom=f"{BOTTOM:g}", step=f"{STEP:g}")
    for row in rows:
        bits = "".join("1" if land else "0" for land in row)
        text += f'    "{int(bits, 2):0{len(bits) // 4}x}",\n'
    return text + "  ],\n};\n"


def _decoded(arc: Sequence[Sequence[int]], scale: Sequence[float], origin: Sequence[float]) -> list[Point]:
    x = y = 0
    points = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        points.append((x * scale[0] + origin[0], y * scale[1] + origin[1]))
    return points


def _polygons(shape: dict[str, Any]) -> Iterator[list[list[int]]]:
    match shape["type"]:
        case "GeometryCollection":
            for part in shape["geometries"]:
                yield from _polygons(part)
        case "Polygon":
            yield shape["arcs"]
        case "MultiPolygon":
            yield from shape["arcs"]


def _joined(ring: Sequence[int], arcs: Sequence[Sequence[Point]]) -> list[Point]:
    """Return the points of a ring; an arc whose number is negative is ``~number`` backwards."""
    points: list[Point] = []
    for number in ring:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points.extend(arc[1:] if points else arc)
    return points


def _unrolled(ring: Sequence[Point]) -> list[Point]:
    """Return the ring without jumps from one edge of the map to the other."""
    points, turns = [ring[0]], 0.0
    for (before, _), (longitude, latitude) in itertools.pairwise(ring):
        if longitude - before > HALF_TURN:
            turns -= TURN
        elif before - longitude > HALF_TURN:
            turns += TURN
        points.append((longitude + turns, latitude))
    return points


def _spans(ring: Sequence[Point], latitude: float) -> Iterator[tuple[float, float]]:
    """Yield the pieces of a parallel that lie within a ring."""
    crossings = sorted(
        x1 + (latitude - y1) * (x2 - x1) / (y2 - y1)
        for (x1, y1), (x2, y2) in itertools.pairwise(ring)
        if (y1 > latitude) != (y2 > latitude)
    )
    return zip(crossings[::2], crossings[1::2], strict=False)


def _columns(west: float, east: float) -> range:
    """Return the columns whose middle lies between two longitudes; some may be beyond the edges."""
    first = -int(-((west + HALF_TURN) / STEP - 0.5) // 1)
    last = -int(-((east + HALF_TURN) / STEP - 0.5) // 1)
    return range(first, last)


def main() -> None:
    """Read the file that is named, write the module."""
    topology = json.loads(Path(sys.argv[1]).read_bytes())
    OUTPUT.write_text(script_of(rows_of(rings_of(topology))), "ascii")


if __name__ == "__main__":
    main()
