"""Golden values of the metrics of segmentations, from the programs that their definitions name.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install "numpy<2" "scipy<1.14" "pandas<2" nibabel \
        connected-components-3d medpy surface-distance==0.1 monai==1.6.1
    git clone https://github.com/rachitsaluja/BraTS-2023-Metrics /tmp/brats      # at 43c9052 (12 October 2023)
    /tmp/golden/bin/python metrics/testdata/make_surface.py /tmp/brats > metrics/testdata/surface.json

Made with monai 1.6.1, torch 2.15.0, surface-distance 0.1, medpy 0.5.2, numpy 1.26.4, scipy 1.13.1, connected-components-3d
4.1.1, nibabel 5.4.2, pandas 1.5.3 on Python 3.11.

A case holds no voxels but the shapes to draw, in integers, so that both sides draw the same:
- box: `from` (inclusive) to `to` (exclusive);
- ellipsoid: sum over axes of (index - centre)^2 / radius^2 <= 1, compared as integers;
- noise: state = state * 6364136223846793005 + 1442695040888963407 mod 2^64 from `seed`, once a voxel in C order, which is
  set where (state >> 33) mod 1000 < per_mille.
Later shapes are drawn over earlier ones.

MONAI answers in 32-bit floats. Where it is the reference there are two numbers, and both are to be met: `monai` is what it said,
`value` the same definition in 64 bits on the distances between MONAI's own edges (scipy's KDTree, numpy's percentile). This
script stops where they are farther apart than MONAI's rounding explains: of the distance itself, and of the rank of the
percentile times the gap between the distances at that rank. Names are those of the Rust crate. An undefined score is written as
`both_empty`, `prediction_empty` or `truth_empty`.
"""

import json
import math
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import nibabel
import numpy as np
import torch
from medpy.metric import binary as medpy
from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_iou, \
    compute_surface_dice
from monai.metrics.utils import get_mask_edges
from scipy import ndimage
from scipy.spatial import KDTree

import surface_distance

# The BraTS program brings an older copy of surface-distance, which it shall use and nobody else.
sys.path.insert(0, sys.argv[1])
for name in [name for name in sys.modules if name.startswith("surface_distance")]:
    del sys.modules[name]
import metrics as brats

F32 = 2.0**-24


def main():
    cases = [measured(case) for case in all_cases()]
    lines = ",\n".join(json.dumps(case) for case in cases)
    print(f'{{"made_by": "metrics/testdata/make_surface.py", "cases": [\n{lines}\n]}}')


# --- the cases ---------------------------------------------------------------------------------------------------------


def box(start, stop, label=1):
    return {"box": {"from": start, "to": stop}, "label": label}


def ellipsoid(centre, radii, label=1):
    return {"ellipsoid": {"centre": centre, "radii": radii}, "label": label}


def noise(seed, per_mille, label=1):
    return {"noise": {"seed": seed, "per_mille": per_mille}, "label": label}


def case(name, shape, spacing, prediction, truth, tolerances=(1, 2)):
    return {"name": name, "shape": shape, "spacing": [float(mm) for mm in spacing], "tolerances": list(tolerances), "prediction": prediction,
            "truth": truth}


def all_cases():
    yield from planes()
    yield from volumes()
    yield from lesions()
    yield from random_blobs()


def planes():
    disc, satellite = ellipsoid([15, 15], [8, 8]), box([30, 30], [36, 36])
    yield case("disc with satellite", [40, 40], [1, 1], [disc, satellite], [disc])
    yield case("disc with satellite, flat pixels", [40, 40], [0.5, 2.25], [disc, satellite], [disc])
    yield case("satellite missed", [40, 40], [1, 1], [disc], [disc, satellite])
    yield case("discs shifted", [40, 48], [0.7, 0.7], [ellipsoid([18, 20], [9, 9])], [ellipsoid([18, 23], [9, 9])], [0.7, 2.1, 3])
    yield case("disc in ring of pixels", [32, 32], [1, 1], [ellipsoid([15, 15], [6, 6])], [ellipsoid([15, 15], [11, 7])])
    yield case("one pixel each", [12, 12], [1.5, 0.5], [box([2, 3], [3, 4])], [box([9, 10], [10, 11])], [1, 11])
    yield case("the same pixel", [12, 12], [1.5, 0.5], [box([2, 3], [3, 4])], [box([2, 3], [3, 4])])
    yield case("whole image against a corner", [16, 10], [1, 2], [box([0, 0], [16, 10])], [box([0, 0], [3, 3])], [2, 10])
    yield case("touching the border", [20, 20], [1, 1], [box([0, 4], [8, 20])], [box([0, 6], [9, 20])])
    yield case("identical", [24, 24], [1, 1], [ellipsoid([11, 11], [9, 5])], [ellipsoid([11, 11], [9, 5])], [0, 1])
    yield case("far apart", [64, 400], [1, 1], [box([1, 1], [5, 5])], [box([60, 390], [63, 399])], [1, 380])
    yield case("prediction empty", [16, 16], [1, 1], [], [box([4, 4], [9, 9])])
    yield case("truth empty", [16, 16], [1, 1], [box([4, 4], [9, 9])], [])
    yield case("both empty", [16, 16], [1, 1], [], [])
    yield case("noise", [30, 31], [1, 1], [noise(1, 300)], [noise(2, 300)])
    yield case("sparse noise", [60, 61], [0.9, 1.3], [noise(3, 10)], [noise(4, 20)], [1, 5])
    yield case("half full noise", [25, 25], [1, 1], [noise(5, 500)], [noise(6, 500)], [0, 1])
    yield case("a hole", [30, 30], [1, 1], [box([5, 5], [25, 25]), box([12, 12], [15, 15], 0)], [box([5, 5], [25, 25])])
    yield case("three classes", [30, 30], [1, 1],
               [box([2, 2], [14, 14]), box([6, 6], [20, 20], 2), box([24, 24], [28, 28], 3)],
               [box([2, 2], [15, 15]), box([7, 7], [20, 22], 2)])
    yield case("one row", [1, 40], [1, 1], [box([0, 3], [1, 20])], [box([0, 5], [1, 26])])


def volumes():
    a, b = ellipsoid([14, 16, 8], [6, 6, 6]), ellipsoid([17, 16, 8], [6, 6, 6])
    yield case("balls", [32, 32, 16], [1, 1, 1], [b], [a])
    yield case("balls in thick slices", [32, 32, 16], [1, 1, 3], [b], [a])
    yield case("balls in odd steps", [32, 32, 16], [0.7, 0.9, 2.5], [b], [a], [0.9, 2.1])
    stray = box([30, 30, 14], [31, 31, 15])
    yield case("ball and a stray voxel", [32, 32, 16], [1, 1, 1], [a, stray], [a])
    yield case("ellipsoids in a ct", [40, 36, 20], [0.8, 0.8, 2], [ellipsoid([20, 17, 9], [14, 11, 7])],
               [ellipsoid([19, 19, 10], [13, 12, 6])], [1, 2, 4])
    yield case("boxes that share a face", [20, 20, 20], [1, 1, 1], [box([2, 2, 2], [10, 12, 12])], [box([10, 2, 2], [17, 12, 12])])
    yield case("one voxel each", [9, 9, 9], [3, 1, 1], [box([1, 1, 1], [2, 2, 2])], [box([7, 6, 5], [8, 7, 6])], [1, 20])
    yield case("one voxel in a volume of one", [1, 1, 1], [1, 1, 1], [box([0, 0, 0], [1, 1, 1])], [box([0, 0, 0], [1, 1, 1])])
    yield case("touching every border", [12, 14, 10], [1, 1, 1.5], [box([0, 0, 0], [12, 14, 10])], [ellipsoid([6, 7, 5], [7, 8, 6])])
    yield case("identical volume", [20, 20, 20], [1, 1, 1], [ellipsoid([9, 10, 9], [7, 5, 6])], [ellipsoid([9, 10, 9], [7, 5, 6])], [0, 1])
    yield case("far apart along each axis", [40, 60, 80], [2, 1, 0.5], [box([1, 1, 1], [4, 5, 6])], [box([35, 52, 70], [39, 58, 79])], [1, 90])
    yield case("far apart along the first axis", [90, 12, 12], [1, 1, 1], [box([0, 3, 3], [3, 9, 9])], [box([86, 3, 3], [90, 9, 9])])
    yield case("prediction empty volume", [8, 8, 8], [1, 1, 1], [], [box([2, 2, 2], [5, 5, 5])])
    yield case("truth empty volume", [8, 8, 8], [1, 1, 1], [box([2, 2, 2], [5, 5, 5])], [])
    yield case("both empty volume", [8, 8, 8], [1, 1, 1], [], [])
    yield case("noise in a volume", [14, 15, 16], [1, 1, 1], [noise(7, 300)], [noise(8, 300)])
    yield case("sparse noise in thick slices", [12, 30, 30], [5, 0.6, 0.6], [noise(9, 5)], [noise(10, 8)], [1, 6])
    yield case("half full noise in a volume", [12, 12, 12], [1, 2, 3], [noise(11, 500)], [noise(12, 500)], [0, 1])
    yield case("one slice", [1, 30, 30], [5, 1, 1], [ellipsoid([0, 14, 14], [1, 9, 8])], [ellipsoid([0, 15, 16], [1, 9, 8])])
    yield case("three classes in a volume", [24, 24, 24], [1, 1, 2],
               [box([2, 2, 2], [12, 12, 12]), ellipsoid([14, 14, 14], [6, 7, 5], 2), box([20, 20, 20], [22, 22, 22], 3)],
               [box([3, 2, 2], [12, 13, 12]), ellipsoid([15, 14, 14], [6, 6, 6], 2)])


def lesions():
    shape = [30, 30, 60]
    truth = [ellipsoid([8, 8, 8], [4, 4, 4]), ellipsoid([8, 20, 18], [3, 4, 3]), ellipsoid([20, 8, 32], [4, 3, 3]),
             box([20, 20, 50], [22, 22, 52])]
    found = [ellipsoid([9, 8, 8], [4, 4, 4]), ellipsoid([8, 19, 19], [3, 3, 3])]
    yield case("lesions", shape, [1, 1, 1], [*found, box([25, 25, 30], [28, 28, 33])], truth)
    yield case("lesions, all found", shape, [1, 1, 1], truth, truth)
    yield case("lesions, false alarms only", shape, [1, 1, 1], truth, [])
    yield case("lesions, missed", shape, [1, 1, 1], [], truth)
    near = [box([4, 4, 4], [9, 9, 9]), box([4, 4, 15], [9, 9, 20]), box([4, 4, 27], [9, 9, 32])]
    yield case("lesions that grow together", shape, [1, 1, 1], [near[0]], near)
    yield case("lesions that touch at a corner after growth", shape, [1, 1, 1], [box([5, 5, 5], [10, 10, 10])],
               [box([4, 4, 4], [9, 9, 9]), box([14, 14, 13], [19, 19, 19])])
    yield case("one prediction over two lesions", shape, [1, 1, 1], [box([4, 4, 4], [9, 9, 40])], [near[0], box([4, 4, 34], [9, 9, 40])])
    yield case("small lesion and its prediction", shape, [1, 1, 1], [box([20, 20, 49], [23, 23, 52]), near[0]], [truth[3], near[0]])
    yield case("lesions of large voxels", shape, [1, 1, 2], [*found, box([25, 25, 30], [28, 28, 33])], truth)
    yield case("a prediction within reach of a lesion that it does not touch", shape, [1, 1, 1], [box([4, 4, 11], [8, 8, 14])], [near[0]])


def random_blobs():
    random = np.random.default_rng(20240611)
    for number in range(6):
        shape = [int(n) for n in random.integers(18, 34, 2 + number % 2)]
        spacing = [float(mm) for mm in random.choice([0.5, 0.75, 1, 1.25, 2, 3], len(shape))]
        blobs = lambda: [ellipsoid([int(random.integers(0, n)) for n in shape], [int(r) for r in random.integers(1, 9, len(shape))])
                         for _ in range(4)]
        truth = blobs()
        yield case(f"random blobs {number}", shape, spacing, truth[:3] + blobs()[:2], truth)


# --- drawing -----------------------------------------------------------------------------------------------------------


def drawn(shapes, shape):
    labels = np.zeros(shape, np.uint8)
    for part in shapes:
        labels[inside(part, shape)] = part["label"]
    return labels


def inside(part, shape):
    index = np.indices(shape).astype(object if "ellipsoid" in part else np.int64)
    if "box" in part:
        bounds = zip(index, part["box"]["from"], part["box"]["to"])
        return np.all([(i >= start) & (i < stop) for i, start, stop in bounds], axis=0)
    if "ellipsoid" in part:
        radii = part["ellipsoid"]["radii"]
        whole = math.prod(r * r for r in radii)
        return (sum((i - c) ** 2 * (whole // (r * r)) for i, c, r in zip(index, part["ellipsoid"]["centre"], radii)) <= whole).astype(bool)
    state, bits = part["noise"]["seed"], []
    for _ in range(math.prod(shape)):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        bits.append((state >> 33) % 1000 < part["noise"]["per_mille"])
    return np.array(bits).reshape(shape)


# --- the references ----------------------------------------------------------------------------------------------------


def measured(case):
    prediction, truth = (drawn(case[side], case["shape"]) for side in ("prediction", "truth"))
    p, t = prediction > 0, truth > 0
    expected = {**overlaps(prediction, truth), **volumes_of(p, t, case["spacing"]), **lesions_of(p, t)}
    expected |= distances(p, t, case["spacing"]) | surface_dice(p, t, case["spacing"], case["tolerances"])
    for label in (1, 2) if max(prediction.max(), truth.max()) > 1 else ():
        of_class = distances(prediction == label, truth == label, case["spacing"])
        expected |= {f"{name}.class{label}": value for name, value in of_class.items()}
    # A NIfTI header holds 32-bit steps.
    if p.ndim == 3 and all(float(np.float32(mm)) == mm for mm in case["spacing"]):
        expected |= brats_2023(p, t, case["spacing"])
    del case["tolerances"]
    return case | {"expected": expected}


def missing(p, t):
    return {(False, False): None, (True, False): "prediction_empty", (False, True): "truth_empty", (True, True): "both_empty"}[
        not p.any(), not t.any()]


def overlaps(prediction, truth):
    p, t = prediction > 0, truth > 0
    dice = surface_distance.compute_dice_coefficient(t, p)
    expected = {"dice.foreground": "both_empty" if math.isnan(dice) else float(dice)}
    union = int((p | t).sum())
    expected["iou.foreground"] = int((p & t).sum()) / union if union else "both_empty"
    monai = float(compute_dice(batch(p), batch(t)))
    expected["dice.foreground.empty_monai"] = missing(p, t) if math.isnan(monai) else float(dice)
    if not math.isnan(monai):
        near(monai, dice, F32 * 4)
        near(float(compute_iou(batch(p), batch(t))), expected["iou.foreground"], F32 * 4)
    filled = float(compute_dice(batch(p), batch(t), ignore_empty=False))
    expected["dice.foreground.empty_flamby"] = 1.0 if not union else float(dice)
    near(filled, expected["dice.foreground.empty_flamby"], F32 * 4)
    # nnU-Net's evaluate_predictions.py: tp, fp, fn a label, 2 tp / (2 tp + fp + fn), NaN for 0 / 0, nanmean over labels.
    labels = [label for label in range(1, 4) if ((prediction == label) | (truth == label)).any()]
    for label in labels:
        tp, fp, fn = (int(x.sum()) for x in ((prediction == label) & (truth == label), (prediction == label) & (truth != label),
                                             (prediction != label) & (truth == label)))
        expected[f"dice.class{label}"], expected[f"iou.class{label}"] = 2 * tp / (2 * tp + fp + fn), tp / (tp + fp + fn)
    mean = [expected[f"dice.class{label}"] for label in labels]
    return expected | {"dice.mean.empty_nnunet": float(np.mean(mean)) if mean else "both_empty"}


def volumes_of(p, t, spacing):
    voxel, more, empty = math.prod(spacing), int(p.sum()) - int(t.sum()), missing(p, t)
    relative = abs(more) / int(t.sum()) if t.any() else empty
    expected = {"volume.relative": relative, "volume.relative_signed": more / int(t.sum()) if t.any() else empty}
    if not t.any():
        expected["specificity.healthy"] = float(not p.any())
    if p.ndim == 3:
        expected |= {"volume.absolute": abs(more) * voxel if empty != "both_empty" else empty,
                     "volume.signed": more * voxel if empty != "both_empty" else empty}
    return expected


def lesions_of(p, t):
    (predicted, n_p), (true, n_t) = (ndimage.label(x, np.ones([3] * x.ndim)) for x in (p, t))
    right = len(np.unique(predicted[t & p]))
    found = len(np.unique(true[t & p]))
    expected = {"lesion.false_positives": n_p - right}
    if n_p + n_t == 0:
        return expected | dict.fromkeys(["lesion.f1", "lesion.sensitivity", "lesion.precision", "lesion.f1@iou0.5"], "both_empty")
    matched = 0
    for i in range(1, n_t + 1):
        for j in np.unique(predicted[true == i]):
            lesion, part = true == i, predicted == j
            matched += j > 0 and (lesion & part).sum() / (lesion | part).sum() > 0.5
    f1 = lambda tp, missed, false: 2 * tp / (2 * tp + missed + false)
    return expected | {"lesion.f1": f1(found, n_t - found, n_p - right), "lesion.sensitivity": found / n_t if n_t else "truth_empty",
                       "lesion.precision": right / n_p if n_p else "prediction_empty",
                       "lesion.f1@iou0.5": float(f1(matched, n_t - matched, n_p - matched))}


def distances(p, t, spacing):
    names = ["hd.voxel", "hd95.voxel_maxdirected", "hd95.pooled", "hd95.weighted", "assd.voxel", "assd.weighted"]
    if missing(p, t):
        return dict.fromkeys(names, missing(p, t))
    to_truth, to_prediction = edge_distances(p, t, spacing)
    both = np.concatenate([to_truth, to_prediction])
    percentiles = [np.percentile(x, 95) for x in (to_truth, to_prediction)]
    slack = max(rank_slack(x) for x in (to_truth, to_prediction)) + 4 * F32 * both.max()
    arrays = dict(y_pred=batch(p), y=batch(t), spacing=spacing, include_background=True)
    elements = surface_distance.compute_surface_distances(t, p, spacing)
    near(medpy.hd(p, t, spacing), both.max(), 1e-9 * (1 + both.max()))
    return {
        "hd.voxel": three(both.max(), compute_hausdorff_distance(**arrays), 4 * F32 * both.max()),
        "hd95.voxel_maxdirected": three(max(percentiles), compute_hausdorff_distance(**arrays, percentile=95), slack),
        "hd95.pooled": float(medpy.hd95(p, t, spacing)),
        "hd95.weighted": float(surface_distance.compute_robust_hausdorff(elements, 95)),
        # A mean in 32 bits: a rounding for each doubling of the sum.
        "assd.voxel": three(both.mean(), compute_average_surface_distance(**arrays, symmetric=True),
                            both.mean() * F32 * (4 + math.log2(len(both)))),
        "assd.weighted": float(np.mean(surface_distance.compute_average_surface_distance(elements))),
    }


def edge_distances(p, t, spacing):
    edges = [np.argwhere(np.asarray(edge)) * np.asarray(spacing, np.float64) for edge in get_mask_edges(p, t)]
    return KDTree(edges[1]).query(edges[0])[0], KDTree(edges[0]).query(edges[1])[0]


def rank_slack(distances):
    """torch.quantile: rank = float32(.95) * (n - 1) in 32 bits, then a line between two neighbours."""
    distances, n = np.sort(distances), len(distances)
    rank = 0.95 * (n - 1)
    low = max(math.floor(rank) - 1, 0)
    return 4 * F32 * n * float(np.max(np.diff(distances[low:low + 4]), initial=0.0))


def surface_dice(p, t, spacing, tolerances):
    expected = {}
    for mm in tolerances:
        arrays = dict(y_pred=batch(p), y=batch(t), class_thresholds=[mm], spacing=spacing, include_background=True)
        voxel, subvoxel = (float(compute_surface_dice(**arrays, use_subvoxels=which)) for which in (False, True))
        if missing(p, t) == "both_empty":
            expected |= {f"nsd.voxel@{mm}mm": "both_empty", f"nsd.subvoxel@{mm}mm": "both_empty"}
            continue
        elements = surface_distance.compute_surface_distances(t, p, spacing)
        exact = float(surface_distance.compute_surface_dice_at_tolerance(elements, mm))
        if missing(p, t):
            near(voxel, 0, 0)
            counted = 0.0
        else:
            both = np.concatenate(edge_distances(p, t, spacing))
            counted = float((both <= mm * (1 + 1e-9)).mean())
        expected |= {f"nsd.voxel@{mm}mm": three(counted, voxel, 4 * F32)}
        expected |= {f"nsd.subvoxel@{mm}mm": three(exact, subvoxel, 1e-6)}
    return expected


def with_tuples(lesion_wise_scores):
    """The program's table holds arrays, which pandas 1.5 cannot compare with infinity; tuples it can."""
    def scores(**arguments):
        *before, pairs, a, b, c, d, e, f = lesion_wise_scores(**arguments)
        return *before, [(tuple(parts), *rest) for parts, *rest in pairs], a, b, c, d, e, f
    return scores


brats.get_LesionWiseScores = with_tuples(brats.get_LesionWiseScores)


def brats_2023(p, t, spacing):
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("p.nii.gz", "t.nii.gz")]
        for mask, file in zip((p, t), files):
            image = nibabel.Nifti1Image(mask.astype(np.uint8), np.diag([*spacing, 1]))
            image.header.set_zooms(spacing)
            nibabel.save(image, file)
        rows = brats.get_LesionWiseResults(*files, "BraTS-GLI").set_index("Labels")
    whole = rows.loc["WT"]
    return {"lesion.brats23.dice": float(whole["LesionWise_Score_Dice"]), "lesion.brats23.hd95": float(whole["LesionWise_Score_HD95"]),
            "hd95.brats": float(whole["Legacy_HD95"]), "dice.foreground.empty_brats": float(whole["Legacy_Dice"])}


def batch(mask):
    return torch.from_numpy(np.ascontiguousarray(mask))[None, None]


def three(value, monai, within):
    near(float(monai), float(value), within)
    return {"value": float(value), "monai": float(monai)}


def near(a, b, within):
    assert abs(a - b) <= within, (a, b, within)


main()
