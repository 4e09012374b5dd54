"""The same figures as `burndown::stats`, by scipy and numpy.

Reads one JSON object a line from stdin: {"f": name, "a": [arguments]}; writes a list of numbers a line.
"""

import json
import sys

import numpy as np
from scipy import optimize, signal, special, stats


def compound(counts, sizes, shares, quota):
    """E[(L - quota)+] and P(L > quota) of a random sum: direct powers of the size's law."""
    law = np.zeros(max(sizes) + 1)
    for size, share in zip(sizes, shares):
        law[size] += share
    top = int(counts.ppf(1 - 1e-13)) + 2
    total, power = np.zeros(top * max(sizes) + 1), np.ones(1)
    for count in range(top + 1):
        total[: len(power)] += counts.pmf(count) * power[: len(total)]
        if count < top:
            power = signal.convolve(power, law, method="direct")
    load = np.arange(len(total))
    return [float(np.sum(np.maximum(load - quota, 0) * total)), float(np.sum(total[load > quota]))]


def poisson_load(mean, sizes, shares, quota):
    return compound(stats.poisson(mean), sizes, shares, quota)


def negative_binomial_load(mean, shape, sizes, shares, quota):
    return compound(stats.nbinom(shape, shape / (shape + mean)), sizes, shares, quota)


def translated_gamma(mean, variance, third, level):
    skewness = third / variance**1.5
    law = stats.pearson3(skewness, loc=mean, scale=variance**0.5)
    shape = 4 / skewness**2
    x = shape + (level - mean) / variance**0.5 * shape**0.5
    if x <= 0:
        return [mean - level, 1]
    above = special.gammaincc(shape, x)
    more = shape * special.gammaincc(shape + 1, x) - x * above
    assert abs(law.sf(level) - above) < 1e-9
    return [variance**0.5 / shape**0.5 * more, above]


def ranks(n, p, level):
    """The closest order statistics that hold the quantile with the level, each tail on its own."""
    law, tail = stats.binom(n, p), (1 - level) / 2
    low = int(law.ppf(tail))
    low = low if law.cdf(low - 1) <= tail < law.cdf(low) else low + 1
    return [low, int(law.ppf(1 - tail)) + 1]


def covering(held, covers):
    """The cheapest purchases by mixed-integer programming: counts per cover, level and cost per step."""
    steps, most = len(held), max(len(table) for table in held) - 1
    columns = len(covers) + 2 * steps
    cost = np.r_[[cover["cost"] for cover in covers], np.zeros(steps), np.ones(steps)]
    rows, low, high = [], [], []
    for step, table in enumerate(held):
        row = np.zeros(columns)
        for at, cover in enumerate(covers):
            row[at] = float(cover["from"] <= step < cover["to"])
        row[len(covers) + step] = -1
        rows.append(row), low.append(0), high.append(0)
        for at in range(len(table) - 1):
            slope = table[at + 1] - table[at]
            row = np.zeros(columns)
            row[len(covers) + steps + step], row[len(covers) + step] = 1, -slope
            rows.append(row), low.append(table[at] - slope * at), high.append(np.inf)
    top = [cover["most"] for cover in covers] + [len(table) - 1 for table in held] + [np.inf] * steps
    bounds = optimize.Bounds([0] * (len(covers) + steps) + [-np.inf] * steps, top)
    whole = [1] * (len(covers) + steps) + [0] * steps
    found = optimize.milp(
        cost, constraints=optimize.LinearConstraint(np.array(rows), low, high), bounds=bounds, integrality=whole
    )
    assert found.success and most >= 0, found.message
    return [found.fun]


def g_test(first, second):
    seen = [(a, b) for a, b in zip(first, second) if a + b > 0]
    return [stats.chi2_contingency(np.array(seen).T, lambda_="log-likelihood", correction=False).pvalue]


def kolmogorov(first, second):
    distance = stats.ks_2samp(first, second, method="asymp").statistic
    size = np.sqrt(len(first) * len(second) / (len(first) + len(second)))
    return [special.kolmogorov((size + 0.12 + 0.11 / size) * distance)]


def lognormal(mean, deviation, p):
    spread = np.sqrt(np.log1p((deviation / mean) ** 2))
    return [stats.lognorm(spread, scale=mean * np.exp(-(spread**2) / 2)).ppf(p)]


FUNCTIONS = {
    "normal": lambda p: [stats.norm.ppf(p)],
    "two_sided": lambda z: [2 * stats.norm.sf(abs(z))],
    "lognormal": lognormal,
    "jeffreys": lambda k, n, level: list(stats.beta(k + 0.5, n - k + 0.5).ppf([(1 - level) / 2, (1 + level) / 2])),
    "zero_events": lambda n, level: [stats.binomtest(0, n, alternative="less").proportion_ci(level).high],
    "binomial": lambda k, n, p: [stats.binom.cdf(k, n, p)],
    "ranks": ranks,
    "values": lambda p, level: [next(n for n in range(1, 100_000) if stats.binom.pmf(n, n, p) <= 1 - level)],
    "quantile": lambda values, p: [np.quantile(values, p)],
    "g_test": g_test,
    "kolmogorov": kolmogorov,
    "discoveries": lambda p, rate: list(stats.false_discovery_control(p) <= rate),
    "poisson_load": poisson_load,
    "negative_binomial_load": negative_binomial_load,
    "translated_gamma": translated_gamma,
    "covering": covering,
}

for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps([float(value) for value in FUNCTIONS[asked["f"]](*asked["a"])]))
