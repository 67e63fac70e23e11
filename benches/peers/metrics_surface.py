"""Dice, HD95 and surface Dice by MONAI and surface-distance, for the benchmark `surface` of the crate `metrics`.

Prints {"version": TEXT}, then answers each line with one line:
- {"prediction": FILE, "truth": FILE, "shape": [..], "spacing": [..]} -> {}: masks as bytes, for the questions that follow
- {"who": "monai" or "surface-distance", "metric": NAME} -> {"value": V, "seconds": S}: the median of three, as one call from a
  mask in memory to a number. With --one-thread processor seconds, otherwise seconds on the wall.
"""

import environment

environment.enter("metrics-surface", ["numpy<2", "scipy<1.14", "surface-distance==0.1", "monai==1.6.1"])

import json
import statistics
import sys
import time
import warnings
from importlib.metadata import version

import numpy as np
import surface_distance
import torch
from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice

warnings.filterwarnings("ignore")
REPEATS = 3
ONE_THREAD = "--one-thread" in sys.argv


def main():
    if ONE_THREAD:
        torch.set_num_threads(1)
    say(version=f"monai {version('monai')}, surface-distance {version('surface-distance')}, torch {torch.__version__}, "
                f"numpy {np.__version__}, scipy {version('scipy')}")
    masks = None
    for line in sys.stdin:
        asked = json.loads(line)
        if "shape" in asked:
            masks = Masks(asked)
            say()
        else:
            say(**timed(ANSWERS[asked["who"], asked["metric"]], masks))


class Masks:
    """The same voxels as each of the two wants them: booleans, and tensors with a batch and a channel."""

    def __init__(self, asked):
        read = lambda side: np.fromfile(asked[side], np.uint8).reshape(asked["shape"]).astype(bool)
        self.prediction, self.truth, self.spacing = read("prediction"), read("truth"), asked["spacing"]
        tensors = dict(zip(("y_pred", "y"), (torch.from_numpy(mask)[None, None] for mask in (self.prediction, self.truth))))
        self.monai = tensors | {"include_background": True}

    def elements(self):
        return surface_distance.compute_surface_distances(self.truth, self.prediction, self.spacing)


ANSWERS = {
    ("monai", "dice.foreground"): lambda m: compute_dice(**m.monai),
    ("monai", "hd95.voxel_maxdirected"): lambda m: compute_hausdorff_distance(**m.monai, percentile=95, spacing=m.spacing),
    ("monai", "nsd.subvoxel@2mm"):
        lambda m: compute_surface_dice(**m.monai, class_thresholds=[2.0], spacing=m.spacing, use_subvoxels=True),
    ("surface-distance", "dice.foreground"): lambda m: surface_distance.compute_dice_coefficient(m.truth, m.prediction),
    ("surface-distance", "hd95.weighted"): lambda m: surface_distance.compute_robust_hausdorff(m.elements(), 95),
    ("surface-distance", "nsd.subvoxel@2mm"):
        lambda m: surface_distance.compute_surface_dice_at_tolerance(m.elements(), 2.0),
}


def timed(answer, masks):
    clock = time.process_time if ONE_THREAD else time.perf_counter
    seconds = []
    for _ in range(REPEATS):
        before = clock()
        value = float(answer(masks))
        seconds.append(clock() - before)
    return {"value": value, "seconds": statistics.median(seconds)}


def say(**answer):
    print(json.dumps(answer), flush=True)


main()
