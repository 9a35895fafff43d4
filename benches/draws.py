"""Draws with numpy what benches/simulate.rs draws for one analysis, and says how long one takes."""

import time

import numpy

COUNT = 2_000_000

random = numpy.random.default_rng(1)
best = float("inf")
for _ in range(5):
    began = time.perf_counter()
    gap = random.standard_exponential(COUNT)
    camera, failure, label = random.random(COUNT), random.random(COUNT), random.random(COUNT)
    latency = numpy.exp(0.5 * random.standard_normal(COUNT))
    total = (gap + camera + failure + label + latency).sum()
    best = min(best, time.perf_counter() - began)
print(f"numpy {numpy.__version__}: {best / COUNT * 1e9:.1f} ns for the samples of one analysis ({total:.0f})")
