"""``python -m benchmarks``: the same as ``edgefaas bench``."""

from cli.bench import bench

bench(prog_name="python -m benchmarks")
