#!/usr/bin/env python3
"""Compares the random forest of this project with scikit-learn's on recorded traces.

Needs Python with numpy and scikit-learn, and a Release build of tests/OnlinePolicyAdaptation.Benchmarks:

    tests/compare-forest-with-scikit-learn.py trace.csv [trace.csv ...] [--splits 5] [--repetitions 15]

For every trace and split, the rows with cl1 = 0 (nothing was served) left out, the rest is shuffled and cut in 80 % to
fit and 20 % to test; both sides get the same rows: features c1, p11, l1, cl1, target d1. scikit-learn is
RandomForestRegressor(n_estimators=120, n_jobs=1), ours 120 trees on one thread, all else at the defaults. Printed are
the normalised mean absolute error on the test rows (the mean over the repetitions, each with another seed), the median
time of a refit, and the ratios of ours to scikit-learn's and of scikit-learn's to ours. Both sides run by turns in one
go, after a warm-up.
"""

import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
from sklearn.ensemble import RandomForestRegressor

FEATURES = ["c1", "p11", "l1", "cl1"]
TARGET = "d1"
OURS = ["dotnet", "run", "--configuration", "Release", "--no-build", "--project"]
BENCHMARKS = pathlib.Path(__file__).resolve().parent / "OnlinePolicyAdaptation.Benchmarks"


def read(trace):
    """The rows of a trace in which something was served: features, then the target."""
    with open(trace, newline="") as file:
        rows = [row for row in csv.DictReader(file) if float(row["cl1"]) != 0]
    return numpy.array([[float(row[name]) for name in FEATURES + [TARGET]] for row in rows])


def split(rows, seed):
    """80 % of the rows to fit and 20 % to test, by a seeded shuffle."""
    order = numpy.random.default_rng(seed).permutation(len(rows))
    held_out = (len(rows) + 4) // 5
    return rows[order[held_out:]], rows[order[:held_out]]


def write(rows, path):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FEATURES + [TARGET])
        writer.writerows([repr(float(value)) for value in row] for row in rows)


def scikit_learn(train, test, repetitions):
    """NMAE and refit time in ms of every repetition."""
    nmae, refit_ms = [], []
    for seed in range(-1, repetitions):
        forest = RandomForestRegressor(n_estimators=120, n_jobs=1, random_state=seed + 1)
        start = time.perf_counter()
        forest.fit(train[:, :-1], train[:, -1])
        elapsed = (time.perf_counter() - start) * 1000
        if seed >= 0:
            error = numpy.abs(forest.predict(test[:, :-1]) - test[:, -1]).mean()
            nmae.append(error / numpy.abs(test[:, -1]).mean())
            refit_ms.append(elapsed)
    return nmae, refit_ms


def ours(train, test, repetitions):
    """NMAE and refit time in ms of every repetition, by the benchmark program."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / "train.csv", pathlib.Path(folder) / "test.csv"]
        for rows, path in zip([train, test], paths):
            write(rows, path)
        command = OURS + [BENCHMARKS, "--", "compare-forest", *paths, str(repetitions)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = json.loads(printed)
    return result["nmae"], result["refit_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("traces", nargs="+", metavar="trace.csv")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=15)
    arguments = parser.parse_args()

    heading = ["trace", "split", "rows", "NMAE ours", "sklearn", "ratio", "ms ours", "sklearn", "speed-up"]
    line = "{:28} {:>5} {:>5}  {:>9} {:>8} {:>6}  {:>8} {:>8} {:>8}"
    print(line.format(*heading))
    for trace in arguments.traces:
        rows = read(trace)
        results = []
        for seed in range(arguments.splits):
            train, test = split(rows, seed)
            sides = [side(train, test, arguments.repetitions) for side in (ours, scikit_learn)]
            results.append(
                [statistics.mean(nmae) for nmae, _ in sides] + [statistics.median(ms) for _, ms in sides]
            )
            show(line, trace, seed, len(train), results[-1])
        show(line, trace, "mean", len(train), numpy.mean(results, axis=0))


def show(line, trace, label, rows, result):
    our_nmae, their_nmae, our_ms, their_ms = result
    print(
        line.format(
            pathlib.Path(trace).stem,
            label,
            rows,
            f"{our_nmae:.4f}",
            f"{their_nmae:.4f}",
            f"{our_nmae / their_nmae:.3f}",
            f"{our_ms:.1f}",
            f"{their_ms:.1f}",
            f"{their_ms / our_ms:.1f}",
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
