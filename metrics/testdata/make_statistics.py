"""Makes statistics.json: scores, and what scipy says about them.

    pip install scipy==1.17.1 numpy==2.4.6
    python make_statistics.py > statistics.json

Numbers that must be read to the last bit, because ties hang on it, are text. `wilcoxon` is scipy's exact test where it is exact,
its permutation method over all signs where there are ties or zeros, and its approximation with continuity correction above 50.
`permutation` is over all signs. The intervals are scipy's for resamples that are given, so that nothing random is compared.
"""

import json

import numpy as np
from scipy import stats

EVERY = np.inf


def exact(values):
    return [repr(float(value)) for value in values]


def paired(name, differences):
    d = np.array(differences, float)
    kept = d[d != 0]
    tied = len(np.unique(np.abs(kept))) < len(kept) or len(kept) < len(d)
    if len(kept) > 50:
        test = stats.wilcoxon(d, method="asymptotic", correction=True)
    elif tied:
        test = stats.wilcoxon(d, method=stats.PermutationMethod(n_resamples=EVERY, batch=4096))
    else:
        test = stats.wilcoxon(d, method="exact")
    case = {"name": name, "differences": exact(d), "wilcoxon": float(test.pvalue), "statistic": float(test.statistic)}
    if 2 <= len(d) <= 16:
        flips = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=EVERY)
        case["permutation"] = float(flips.pvalue)
    return case


def interval(name, scores, kind, level, rng, resamples=300):
    """Of the mean."""
    scores = np.array(scores, float)
    drawn = rng.integers(0, len(scores), (resamples, len(scores)))
    values = scores[drawn].mean(axis=1)
    held = stats.bootstrap((scores,), np.mean, n_resamples=100, rng=rng)
    held.bootstrap_distribution = values
    found = stats.bootstrap(
        (scores,), np.mean, n_resamples=0, bootstrap_result=held, method=kind, confidence_level=level
    ).confidence_interval
    left_out = [float(np.mean(np.delete(scores, place))) for place in range(len(scores))]
    case = {"name": name, "kind": kind, "level": level, "estimate": exact([scores.mean()])[0]}
    return case | {"resampled": exact(values), "leave_one_out": left_out, "low": float(found.low), "high": float(found.high)}


def all_paired():
    rng = np.random.default_rng(3)
    yield paired("one", [0.5])
    yield paired("two of one sign", [0.5, 0.25])
    yield paired("five of one sign", [0.1, 0.2, 0.3, 0.4, 0.5])
    yield paired("both signs", [0.1, -0.2, 0.3, -0.4, 0.5, 0.6, -0.7])
    yield paired("Wilcoxon's own", [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])
    yield paired("ties", [1, 1, -1, 2, 2, -3, 3, 4])
    yield paired("all the same", [0.25] * 9)
    yield paired("ties and zeros", [0, 0, 1, -1, 2, 2, 3, -4, 5, 0, 5])
    yield paired("one of many is not zero", [0, 0, 0, 0, 2])
    yield paired("as many up as down", [1, -1, 2, -2, 3, -3])
    yield paired("equal but for rounding", [0.3 - 0.1, 0.2, -0.2, 0.5, 0.7 - 0.2])
    yield paired("sixteen with ties", rng.integers(-4, 7, 16))
    yield paired("seventeen with ties, where scipy's auto approximates", rng.integers(-3, 6, 17))
    yield paired("thirty", rng.normal(0.3, 1, 30))
    yield paired("fifty", rng.normal(0.2, 1, 50))
    yield paired("fifty-one", rng.normal(0.2, 1, 51))
    yield paired("two hundred with ties and zeros", rng.integers(-6, 8, 200))
    yield paired("three hundred, nearly alike", rng.normal(0.01, 1, 300))


def all_intervals():
    rng = np.random.default_rng(4)
    skewed = rng.beta(8, 2, 25)
    for kind in ("percentile", "BCa"):
        for level in (0.95, 0.8):
            yield interval("skewed", skewed, kind, level, rng)
        yield interval("heavy tail", rng.lognormal(0, 1, 40), kind, 0.95, rng)
        yield interval("few values", rng.integers(0, 3, 12) / 2, kind, 0.95, rng)
        yield interval("two patients", [0.25, 0.75], kind, 0.95, rng)


if __name__ == "__main__":
    lines = lambda cases: ",\n".join("  " + json.dumps(case) for case in cases)
    print(f'{{"paired": [\n{lines(all_paired())}\n], "intervals": [\n{lines(all_intervals())}\n]}}')
