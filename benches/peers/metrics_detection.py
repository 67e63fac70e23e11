"""COCO average precision by pycocotools and by faster-coco-eval, for the benchmark `detection`.

    metrics_detection.py PEER FOLDER IMAGES CLASSES REPEATS

reads `truths.f64` and `detections.f64` in FOLDER (little-endian rows of image, class, left, top, width, height, score) and prints
{"version": TEXT, "wall": SECONDS, "processor": SECONDS, "precision": [...], "recall": [...]}: the least of the repeats of
evaluate() and accumulate(), reading and indexing excluded; mean precision and recall of each class, area, number of detections and
overlap, the last fastest, -1 for no value.
"""

import environment

PEERS = ["pycocotools==2.0.11", "faster-coco-eval==1.8.0"]
environment.enter("detection", ["numpy", *PEERS])

import contextlib
import io
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

AREAS = [[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]]


def main():
    peer, folder, images, classes, repeats = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    coco, evaluator = peer_named(peer)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = indexed(coco, folder / "truths.f64", images, classes)
        found = indexed(coco, folder / "detections.f64", images, classes)
        runs = [timed(evaluator, truth, found) for _ in range(repeats)]
    walls, processors, evaluations = zip(*runs)
    precision = evaluations[-1].eval["precision"].mean(axis=1).transpose(1, 2, 3, 0)
    recall = evaluations[-1].eval["recall"].transpose(1, 2, 3, 0)
    answer = {"version": f"{peer} {version(peer)}", "wall": min(walls), "processor": min(processors)}
    print(json.dumps(answer | {"precision": precision.ravel().tolist(), "recall": recall.ravel().tolist()}))


def peer_named(name):
    if name == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        return COCO, COCOeval
    from faster_coco_eval import COCO, COCOeval_faster

    # Without the drawing aids, which pycocotools has not either.
    return COCO, lambda truth, found, iouType: COCOeval_faster(truth, found, iouType=iouType, extra_calc=False)


def indexed(coco, path, images, classes):
    rows = np.fromfile(path, "<f8").reshape(-1, 7)
    held = coco()
    held.dataset = {
        "images": [{"id": image} for image in range(images)],
        "categories": [{"id": category, "name": str(category)} for category in range(classes)],
        "annotations": [annotation(number, row) for number, row in enumerate(rows.tolist(), 1)],
    }
    held.createIndex()
    return held


def annotation(number, row):
    image, category, left, top, width, height, score = row
    made = {"id": number, "image_id": int(image), "category_id": int(category), "bbox": [left, top, width, height]}
    return made | {"area": width * height, "iscrowd": 0, "ignore": 0, "score": score}


def timed(evaluator, truth, found):
    evaluation = evaluator(truth, found, iouType="bbox")
    evaluation.params.areaRng = AREAS
    wall, processor = time.perf_counter(), time.process_time()
    evaluation.evaluate()
    evaluation.accumulate()
    return time.perf_counter() - wall, time.process_time() - processor, evaluation


if __name__ == "__main__":
    main()
