"""The HTTP cache: a sans-IO core that returns verdicts, and the stores behind it."""
