"""Makes detection.json: boxes, and what pycocotools and MONAI say about them.

    pip install pycocotools==2.0.11 monai==1.6.1 torch==2.15.0 numpy==2.4.6
    python make_detection.py > detection.json

Boxes are [left, top, right, bottom] in whole pixels, classes are numbered from 0, images from 0. A truth's kind is "finding",
"ignored" (made here by an area that pycocotools leaves out) or "crowd". Values are null where pycocotools says -1: nothing to
measure. `froc` is MONAI's curve and score on true and false detections that pycocotools told apart at an overlap of .1; one false
detection of a lower score is added to the list given to MONAI, which drops the lowest operating point.
"""

import contextlib
import io
import json
import sys

import numpy as np
from monai.apps.detection.metrics.coco import COCOMetric
from monai.apps.detection.metrics.matching import matching_batch
from monai.data.box_utils import box_iou
from monai.metrics.froc import compute_froc_curve_data, compute_froc_score
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

OUTSIDE_OF_EVERY_RANGE = 1e11
COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
MEDICAL_THRESHOLDS = np.linspace(0.1, 0.5, 9)
LUNA = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# In the order of `Settings::coco`: area by area, in each one by number of detections.
AREAS = [[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]]


def truth(image, category, box, kind="finding"):
    return {"image": image, "class": category, "box": box, "kind": kind}


def detection(image, category, box, score):
    return {"image": image, "class": category, "box": box, "score": score}


def coco(case):
    images, categories = range(case["images"]), range(case["classes"])
    held = COCO()
    held.dataset = {
        "images": [{"id": image} for image in images],
        "categories": [{"id": category} for category in categories],
        "annotations": [annotation(number, one) for number, one in enumerate(case["truths"], 1)],
    }
    held.createIndex()
    found = COCO()
    found.dataset = dict(held.dataset, annotations=[annotation(n, one) for n, one in enumerate(case["detections"], 1)])
    found.createIndex()
    return held, found


def annotation(number, one):
    left, top, right, bottom = one["box"]
    width, height = right - left, bottom - top
    kind = one.get("kind")
    area = OUTSIDE_OF_EVERY_RANGE if kind == "ignored" else width * height
    made = {"id": number, "image_id": one["image"], "category_id": one["class"], "bbox": [left, top, width, height]}
    return made | {"area": area, "iscrowd": int(kind == "crowd"), "score": one.get("score", 0.0)}


def evaluated(case, thresholds, areas=AREAS, most=(1, 10, 100)):
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(*coco(case), iouType="bbox")
        evaluation.params.iouThrs = thresholds
        evaluation.params.areaRng, evaluation.params.areaRngLbl = areas, [str(area) for area in areas]
        evaluation.params.maxDets = list(most)
        evaluation.params.imgIds = list(range(case["images"]))
        evaluation.evaluate()
        if evaluation.evalImgs:
            evaluation.accumulate()
    return evaluation


def numbers(evaluation, classes):
    """For class, area, number of detections: average precision at each overlap, and recall at each overlap."""
    if not evaluation.evalImgs:
        return [[] for _ in range(classes)]
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    _, _, classes, areas, most = precision.shape
    cell = lambda k, a, m: {
        "ap": valued(precision[:, :, k, a, m].mean(axis=1)),
        "recall": valued(recall[:, k, a, m]),
    }
    return [[cell(k, a, m) for a in range(areas) for m in range(most)] for k in range(classes)]


def valued(values):
    return None if values[0] < 0 else [float(value) for value in values]


def froc(case, category):
    """MONAI's curve from what pycocotools says is true and false."""
    evaluation = evaluated(case, np.array([0.1]), AREAS[:1], (100,))
    true, false, findings = [], [], 0
    for one in evaluation.evalImgs:
        if one is None or one["category_id"] != category:
            continue
        findings += int(np.sum(np.asarray(one["gtIgnore"]) == 0))
        for score, match, ignored in zip(one["dtScores"], one["dtMatches"][0], one["dtIgnore"][0]):
            if not ignored:
                (true if match else false).append(score)
    if findings == 0:
        return None
    lowest = min(true + false, default=0.0) - 1.0
    curve = compute_froc_curve_data(np.array(false + [lowest]), np.array(true), findings, case["images"])
    return {
        "class": category,
        "false_alarms_an_image": [float(one) for one in curve[0][::-1]],
        "sensitivity": [float(one) for one in curve[1][::-1]],
        "cpm_luna": float(compute_froc_score(*curve, LUNA)),
        "cpm_camelyon": float(compute_froc_score(*curve)),
    }


def monai_medical(case):
    """MONAI's mean over its default overlaps, .1 to .5; only for truth without crowds, and no class without truth."""
    boxes = lambda of, image: np.array([one["box"] for one in case[of] if one["image"] == image], float).reshape(-1, 4)
    field = lambda of, name, image: np.array([one[name] for one in case[of] if one["image"] == image])
    metric = COCOMetric([str(category) for category in range(case["classes"])], max_detection=(100,))
    images = range(case["images"])
    matched = matching_batch(
        box_iou, metric.iou_thresholds,
        [boxes("detections", i) for i in images], [field("detections", "class", i) for i in images],
        [field("detections", "score", i) for i in images],
        [boxes("truths", i) for i in images], [field("truths", "class", i) for i in images],
        [np.zeros(len(boxes("truths", i))) for i in images], max_detections=100,
    )
    return float(metric(matched)[0]["mAP_IoU_0.10_0.50_0.05_MaxDet_100"])


def answered(name, images, classes, truths, detections, monai=False, full=False):
    case = {"images": images, "classes": classes, "truths": truths, "detections": detections}
    of_coco = numbers(evaluated(case, COCO_THRESHOLDS), classes)
    if not full:
        # Every size and 100 detections alone.
        of_coco = [cells[2:3] for cells in of_coco]
    of_medical = numbers(evaluated(case, MEDICAL_THRESHOLDS, AREAS[:1], (100,)), classes)
    curves = [curve for curve in (froc(case, category) for category in range(classes)) if curve]
    answers = {"full": full, "coco": of_coco, "medical": of_medical, "froc": curves}
    if monai:
        answers["monai_medical"] = monai_medical(case)
    return {"name": name} | case | answers


def random_case(seed, images, classes, findings, extra, crowds=0.0, scores=None, size=(5, 140)):
    """Findings, shifted copies of most of them, boxes anywhere; whole pixels, some ties."""
    rng = np.random.default_rng(seed)
    box = lambda: rng.integers(0, 300, 2).tolist() + rng.integers(*size, 2).tolist()
    truths, detections = [], []
    score = lambda: float(rng.choice(scores)) if scores else round(float(rng.random()), 6)
    for image in range(images):
        for _ in range(rng.integers(0, findings)):
            left, top, width, height = box()
            category = int(rng.integers(classes))
            kind = rng.choice(["finding", "crowd", "ignored"], p=[1 - crowds, crowds / 2, crowds / 2]).item()
            truths.append(truth(image, category, [left, top, left + width, top + height], kind))
            for _ in range(rng.integers(0, 3)):
                shift = (rng.normal(0, 0.12, 4) * [width, height, width, height]).round().astype(int).tolist()
                l, t = left + shift[0], top + shift[1]
                r, b = max(l + 1, left + width + shift[2]), max(t + 1, top + height + shift[3])
                detections.append(detection(image, category, [l, t, r, b], score()))
        for _ in range(rng.integers(0, extra)):
            left, top, width, height = box()
            detections.append(detection(image, int(rng.integers(classes)), [left, top, left + width, top + height], score()))
    return images, classes, truths, detections


def cases():
    hit, near, far = [10, 10, 30, 30], [12, 10, 32, 30], [60, 60, 80, 80]
    yield answered("nothing at all", 1, 1, [], [])
    yield answered("truth without detections", 2, 1, [truth(0, 0, hit), truth(1, 0, far)], [])
    yield answered("detections without truth", 2, 1, [], [detection(0, 0, hit, 0.9), detection(1, 0, far, 0.8)])
    yield answered("one found exactly", 1, 1, [truth(0, 0, hit)], [detection(0, 0, hit, 0.9)])
    yield answered("empty images before and after", 9, 1, [truth(4, 0, hit)], [detection(4, 0, near, 0.9)])
    yield answered("a false alarm in an empty image", 9, 1, [truth(4, 0, hit)], [detection(4, 0, hit, 0.5), detection(7, 0, hit, 0.9)])
    yield answered("one found twice", 1, 1, [truth(0, 0, hit)], [detection(0, 0, hit, 0.9), detection(0, 0, near, 0.8)])
    yield answered("twice, the worse first", 1, 1, [truth(0, 0, hit)], [detection(0, 0, near, 0.9), detection(0, 0, hit, 0.8)])
    yield answered("equal boxes twice in the truth", 1, 1, [truth(0, 0, hit)] * 2, [detection(0, 0, hit, 0.9), detection(0, 0, hit, 0.8)])
    yield answered("the wrong class", 1, 2, [truth(0, 0, hit)], [detection(0, 1, hit, 0.9)])
    yield answered("a class absent from the truth", 2, 2, [truth(0, 0, hit)], [detection(0, 0, hit, 0.9), detection(1, 1, hit, 0.8)])
    yield answered("a class absent from the detections", 2, 2, [truth(0, 0, hit), truth(1, 1, hit)], [detection(0, 0, hit, 0.9)])
    yield answered("ties, the false alarm given first", 1, 1, [truth(0, 0, hit)], [detection(0, 0, far, 0.5), detection(0, 0, hit, 0.5)])
    yield answered("ties, the false alarm given last", 1, 1, [truth(0, 0, hit)], [detection(0, 0, hit, 0.5), detection(0, 0, far, 0.5)])
    tied = [detection(1, 0, far, 0.5), detection(0, 0, hit, 0.5), detection(2, 0, hit, 0.5), detection(0, 0, far, 0.5)]
    yield answered("ties across images follow the images", 3, 1, [truth(0, 0, hit), truth(2, 0, hit)], tied)
    yield answered("all scores zero", 2, 1, [truth(0, 0, hit), truth(1, 0, hit)], [detection(1, 0, hit, 0.0), detection(0, 0, far, 0.0), detection(0, 0, hit, 0.0)])
    yield answered("scores below zero", 1, 1, [truth(0, 0, hit)], [detection(0, 0, far, -3.5), detection(0, 0, hit, -1.25)])
    yield answered("an overlap of exactly one half", 1, 1, [truth(0, 0, [0, 0, 10, 10])], [detection(0, 0, [0, 0, 10, 5], 0.9)])
    yield answered("an overlap of exactly three quarters", 1, 1, [truth(0, 0, [0, 0, 20, 20])], [detection(0, 0, [0, 0, 20, 15], 0.9)])
    yield answered("an overlap of exactly nine tenths", 1, 1, [truth(0, 0, [0, 0, 10, 10])], [detection(0, 0, [0, 0, 10, 9], 0.9)])
    yield answered("equal overlaps, the last is taken", 1, 1, [truth(0, 0, [0, 0, 20, 10]), truth(0, 0, [4, 0, 24, 10])], [detection(0, 0, [2, 0, 22, 10], 0.9), detection(0, 0, [0, 0, 20, 10], 0.8)])
    yield answered("boxes of no area", 1, 1, [truth(0, 0, hit), truth(0, 0, [50, 50, 50, 70])], [detection(0, 0, [20, 20, 20, 20], 0.9), detection(0, 0, [50, 50, 50, 70], 0.8), detection(0, 0, hit, 0.7)])
    yield answered("only a truth of no area", 1, 1, [truth(0, 0, [5, 5, 5, 5])], [detection(0, 0, [5, 5, 5, 5], 0.9)])
    yield answered("a crowd taken by many", 1, 1, [truth(0, 0, [0, 0, 100, 100], "crowd"), truth(0, 0, [200, 0, 220, 20])], [detection(0, 0, hit, 0.9), detection(0, 0, far, 0.8), detection(0, 0, [90, 90, 115, 115], 0.75), detection(0, 0, [200, 0, 220, 20], 0.7)])
    yield answered("only a crowd", 1, 1, [truth(0, 0, [0, 0, 100, 100], "crowd")], [detection(0, 0, hit, 0.9)])
    yield answered("a finding inside a crowd", 1, 1, [truth(0, 0, [0, 0, 100, 100], "crowd"), truth(0, 0, hit)], [detection(0, 0, near, 0.9), detection(0, 0, hit, 0.8), detection(0, 0, far, 0.7)])
    yield answered("an ignored box is taken once", 1, 1, [truth(0, 0, hit, "ignored"), truth(0, 0, far)], [detection(0, 0, hit, 0.9), detection(0, 0, near, 0.8), detection(0, 0, far, 0.7)])
    yield answered("a finding before an ignored box", 1, 1, [truth(0, 0, hit, "ignored"), truth(0, 0, [10, 10, 30, 25])], [detection(0, 0, hit, 0.9), detection(0, 0, hit, 0.8)])
    sizes = [[0, 0, 32, 32], [40, 0, 72, 33], [0, 100, 96, 196], [100, 100, 196, 197], [0, 200, 10, 210]]
    found = [detection(0, 0, box, round(0.9 - 0.1 * place, 1)) for place, box in enumerate(sizes)]
    yield answered("areas at their limits", 1, 1, [truth(0, 0, box) for box in sizes], found, full=True)
    yield answered("a small detection of a larger finding", 1, 1, [truth(0, 0, [0, 0, 33, 33])], [detection(0, 0, [0, 0, 32, 32], 0.9), detection(0, 0, [90, 90, 95, 95], 0.95)], full=True)
    many = [detection(0, 0, [300, 300, 310, 310 + place], 0.99) for place in range(104)] + [detection(0, 0, hit, 0.5)]
    yield answered("the finding is beyond the hundredth detection", 1, 1, [truth(0, 0, hit)], many, full=True)
    lesions = [[20 * place, 0, 20 * place + 10, 10] for place in range(15)]
    yield answered("more findings than detections counted", 1, 1, [truth(0, 0, box) for box in lesions], [detection(0, 0, box, 0.5) for box in lesions], full=True)
    toy = [truth(0, 0, [10, 10, 30, 30]), truth(1, 0, [50, 50, 70, 70])]
    yield answered("the toy of the specification", 2, 2, toy, [detection(0, 0, near, 0.9), detection(1, 0, [55, 55, 75, 75], 0.8), detection(1, 0, [0, 0, 5, 5], 0.85)])
    yield answered("random, one class", *random_case(1, 12, 1, 5, 6), monai=True)
    yield answered("random, three classes", *random_case(2, 15, 3, 7, 8), monai=True, full=True)
    yield answered("random, crowds and ignored boxes", *random_case(3, 15, 2, 7, 6, crowds=0.4), full=True)
    yield answered("random, scores of four values", *random_case(4, 15, 2, 6, 8, scores=[0.2, 0.4, 0.6, 0.8]), full=True)
    yield answered("random, small boxes close together", *random_case(5, 10, 1, 9, 12, size=(3, 12)), monai=True)
    yield answered("random, hardly anything there", *random_case(6, 20, 4, 2, 3))


def printed(made):
    for case in made:
        print(f"{case['name']}: {len(case['truths'])} true, {len(case['detections'])} detected", file=sys.stderr)
        yield "  " + json.dumps(case)


if __name__ == "__main__":
    print("[\n" + ",\n".join(printed(list(cases()))) + "\n]")
