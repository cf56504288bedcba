"""Times one synchronous sweep of value iteration on 900 states with 81 actions, vectorised in NumPy.

For comparison with `PlanningBenchmarks.Sweep`. Needs NumPy; prints the median in microseconds.
"""

import itertools
import statistics
import time

import numpy

levels = (5, 5, 6, 6)
states = list(itertools.product(*map(range, levels)))
moves = list(itertools.product((-1, 0, 1), repeat=4))


def clipped_index(state, move):
    index = 0
    for level, step, count in zip(state, move, levels):
        index = index * count + min(count - 1, max(0, level + step))
    return index


successors = numpy.array([[clipped_index(s, m) for m in moves] for s in states])
rewards = numpy.random.default_rng(1).uniform(-1, 1, successors.shape)
values = numpy.zeros(len(states))


def sweep(values):
    return (rewards + 0.99 * values[successors]).max(axis=1)


def microseconds():
    start = time.perf_counter()
    sweep(values)
    return 1e6 * (time.perf_counter() - start)


for _ in range(100):
    values = sweep(values)
print(f"NumPy {numpy.__version__}: {statistics.median(microseconds() for _ in range(2000)):.1f} us a sweep")
