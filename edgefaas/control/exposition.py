"""The Prometheus text format, version 0.0.4: families of samples with their help and type. Pure.

Source: Prometheus, "Exposition formats"; names and units by "Metric and label naming" (base units, ``_total`` for
counters).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


@dataclass(slots=True)
class Family:
    """One metric. ``kind`` is counter, gauge or histogram; ``lines`` are its samples."""

    kind: str
    about: str
    lines: list[str] = field(default_factory=list)


class Exposition:
    """Collects samples; ``text`` is the page. ``labels`` go with every sample."""

    def __init__(self, labels: Labels) -> None:
        self._labels = {name: value for name, value in labels.items() if value}
        self._families: dict[str, Family] = {}

    def _family(self, name: str, kind: str, about: str) -> Family:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = Family(kind, about)
        assert (family.kind, family.about) == (kind, about), name
        return family

    def counter(self, name: str, about: str, value: float, labels: Labels) -> None:
        """Add a sample of a counter, whose name ends with ``_total``."""
        assert name.endswith("_total"), name
        self._family(name, "counter", about).lines.append(self._line(name, labels, value))

    def gauge(self, name: str, about: str, value: float, labels: Labels) -> None:
        """Add a sample of a gauge."""
        self._family(name, "gauge", about).lines.append(self._line(name, labels, value))

    def histogram(
        self,
        name: str,
        about: str,
        cumulative: Iterable[tuple[float, int]],
        *,
        count: int,
        total: float,
        labels: Labels,
    ) -> None:
        """Add a histogram: how many values are below each bound (ascending), how many and how much there is in all."""
        lines = self._family(name, "histogram", about).lines
        for bound, below in cumulative:
            lines.append(self._line(f"{name}_bucket", {**labels, "le": _number(bound)}, below))
        lines.append(self._line(f"{name}_bucket", {**labels, "le": "+Inf"}, count))
        lines.append(self._line(f"{name}_sum", labels, total))
        lines.append(self._line(f"{name}_count", labels, count))

    def _line(self, name: str, labels: Labels, value: float) -> str:
        given = {**self._labels, **labels}
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in given.items())
        return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"

    def _pieces(self) -> Iterator[str]:
        for name, family in sorted(self._families.items()):
            yield f"# HELP {name} {_escaped(family.about, quote=False)}\n# TYPE {name} {family.kind}\n"
            for line in family.lines:
                yield f"{line}\n"

    @property
    def text(self) -> str:
        """Return the page."""
        return "".join(self._pieces())


def _escaped(text: str, *, quote: bool = True) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    escaped = escaped.replace('"', '\\"') if quote else escaped
    return escaped.encode("utf-8", "replace").decode()


def _number(value: float) -> str:
    """Return a number as Prometheus reads it; whole ones without a point."""
    return str(int(value)) if value == value // 1 and abs(value) < 1e15 else repr(float(value))  # noqa: PLR2004
