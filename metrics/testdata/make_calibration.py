"""Makes calibration.json: probabilities, and what torchmetrics and scikit-learn say about them.

    pip install torchmetrics==1.9.0 scikit-learn==1.9.1 torch==2.15.0 numpy==2.4.6
    python make_calibration.py > calibration.json

All in double precision; torchmetrics rounds the confidence of the top label to single precision, so there the part of it that
computes the error is called, and the public function only has to agree within 1e-6. `positive` cases are probabilities of the positive class and whether it was so; `classes` cases are rows
of probabilities and the class it was. What has to be read to the last bit is text. The error over bins of equal mass is the distance of the two curves of scikit-learn's
`calibration_curve`, weighed by the counts of the same bins.
"""

import json

import numpy as np
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error
from torchmetrics.functional.classification.calibration_error import _binning_bucketize, _ce_compute

BINS = (1, 2, 5, 10, 15, 33)


def positive(name, probabilities, held):
    p, y = np.array(probabilities, float), np.array(held, int)
    case = {"name": name, "probabilities": exact(p), "held": [bool(one) for one in y]}
    # scikit-learn wants to see both outcomes before it says which is positive.
    brier = brier_score_loss(y, p, pos_label=1)
    return case | {"brier": float(brier), "bins": [binned(p, y, bins) for bins in BINS]}


def binned(p, y, bins):
    error = binary_calibration_error(torch.tensor(p), torch.tensor(y), n_bins=bins, norm="l1")
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    accuracy, confidence, share = _binning_bucketize(torch.tensor(p), torch.tensor(y), edges)
    table = {"accuracy": accuracy.tolist(), "confidence": confidence.tolist(), "share": share.tolist(), "edges": exact(edges)}
    return {"bins": bins, "equal_width": float(error), "equal_mass": equal_mass(p, y, bins), "table": table}


def equal_mass(p, y, bins):
    true, said = calibration_curve(y, p, n_bins=bins, strategy="quantile", pos_label=1)
    edges = np.percentile(p, np.linspace(0, 1, bins + 1) * 100)
    counts = np.bincount(np.searchsorted(edges[1:-1], p), minlength=bins)
    return float(np.sum(np.abs(true - said) * counts[counts > 0]) / len(p))


def classes(name, rows, held):
    p, y = np.array(rows, float), np.array(held, int)
    said, target = torch.tensor(p), torch.tensor(y)
    brier = float(brier_score_loss(y, p, labels=list(range(p.shape[1])), scale_by_half=False))
    errors = [{"bins": bins, "top_label": top_label(said, target, bins)} for bins in BINS]
    return {"name": name, "rows": [exact(row) for row in p], "class": y.tolist(), "brier": brier, "bins": errors}


def top_label(said, target, bins):
    confidences, called = said.max(dim=1)
    error = float(_ce_compute(confidences, called.eq(target), bins, norm="l1"))
    public = float(multiclass_calibration_error(said, target, num_classes=said.shape[1], n_bins=bins, norm="l1"))
    assert abs(error - public) < 1e-6, (error, public)
    return error


def exact(values):
    return [repr(float(value)) for value in values]


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def cases():
    rng = np.random.default_rng(6)
    p = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 1.0]
    y = [0, 0, 1, 0, 1, 0, 1, 1, 1, 1]
    uniform = rng.random(200)
    sure = rng.beta(0.3, 0.3, 150)
    coarse = rng.choice([0.0, 0.1, 0.2, 0.5, 0.9, 1.0], 120)
    fifteenths = np.arange(16) / 15
    tenths = np.array([k * 0.1 if k < 10 else 1.0 for k in range(11)])
    yield positive("the toy of the specification", p, y)
    yield positive("calibrated", uniform, rng.random(200) < uniform)
    yield positive("too sure", sure, rng.random(150) < 0.5 * sure + 0.25)
    yield positive("few values", coarse, rng.random(120) < 0.4)
    yield positive("at the edges of fifteen bins", fifteenths, np.arange(16) % 3 == 0)
    yield positive("at the edges of ten bins", tenths, np.arange(11) % 2 == 0)
    yield positive("only certain", [0.0, 1.0, 1.0, 0.0, 1.0], [0, 1, 0, 1, 1])
    yield positive("all the same", [0.3] * 7, [1, 0, 0, 1, 0, 0, 0])
    yield positive("two", [0.2, 0.7], [1, 0])
    yield classes("the toy of the specification", np.stack([1 - np.array(p), np.array(p)], axis=1), y)
    yield classes("three classes", softmax(rng.normal(0, 2, (150, 3))), rng.integers(0, 3, 150))
    logits = rng.normal(0, 1.5, (200, 5))
    yield classes("five classes, mostly right", softmax(2 * logits), (logits + rng.normal(0, 1, logits.shape)).argmax(axis=1))
    yield classes("certain", np.eye(4)[[0, 1, 2, 3, 0, 1]], [0, 1, 2, 3, 1, 1])
    yield classes("ties", [[0.5, 0.5], [0.5, 0.5], [0.25, 0.75]], [0, 1, 1])
    yield classes("one case", [[0.2, 0.5, 0.3]], [1])


if __name__ == "__main__":
    print("[\n" + ",\n".join("  " + json.dumps(case) for case in cases()) + "\n]")
