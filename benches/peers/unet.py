"""The training step of the benchmark `training_step` by PyTorch: the network of models/src/unet.rs with the same loss.

`serve` prints {"weights": N, "version": TEXT}, then reads lines {"steps": N} and answers each with the median over so many
steps, after one to warm up, and the most memory of the process so far beyond what it had before the network:
{"wall_ms": ..., "processor_ms": ..., "peak_mib": ...}.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import nn

SMOOTHING = 1.0


def block(inputs, outputs):
    layers = []
    for channels in (inputs, outputs):
        groups = next((groups for groups in (8, 4) if outputs % groups == 0), 1)
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.GroupNorm(groups, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Unet(nn.Module):
    def __init__(self, width, depth, channels=1, classes=2):
        super().__init__()
        at = [width << level for level in range(depth)]
        self.encoder = nn.ModuleList(block(inputs, outputs) for inputs, outputs in zip([channels, *at], at))
        upwards = list(reversed(range(depth - 1)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(at[level + 1], at[level], 2, stride=2) for level in upwards)
        self.decoder = nn.ModuleList(block(2 * at[level], at[level]) for level in upwards)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, features):
        skipped = []
        for level, encode in enumerate(self.encoder):
            features = encode(features if level == 0 else nn.functional.max_pool2d(features, 2))
            skipped.append(features)
        skipped.pop()
        for up, decode in zip(self.up, self.decoder):
            features = decode(torch.cat([up(features), skipped.pop()], 1))
        return self.head(features)


def loss_of(scores, truth):
    """models/src/loss.rs: cross entropy plus one minus soft Dice, for each image by itself, then the mean."""
    log_probabilities = torch.log_softmax(scores, 1)
    cross_entropy = -(log_probabilities * truth).flatten(1).sum(1) / (scores.shape[2] * scores.shape[3])
    probabilities, truth = log_probabilities.exp()[:, 1:].flatten(2), truth[:, 1:].flatten(2)
    dice = (2 * (probabilities * truth).sum(2) + SMOOTHING) / (probabilities.sum(2) + truth.sum(2) + SMOOTHING)
    return (cross_entropy + 1 - dice.mean(1)).mean()


def disc(pixels, batch):
    """A disc on a slope, as in the benchmark: image and truth as ones and zeros."""
    line = torch.arange(pixels, dtype=torch.float32)
    inside = (torch.hypot(line[:, None] - pixels / 2, line[None, :] - pixels / 2) < pixels / 4).float()
    image = 0.5 * inside + 0.5 * line[None, :] / pixels
    image = (image - image.mean()) / image.std()
    return image.expand(batch, 1, -1, -1).contiguous(), torch.stack([1 - inside, inside]).expand(batch, -1, -1, -1).contiguous()


def asked():
    parser = argparse.ArgumentParser()
    for name in ("width", "depth", "pixels", "batch", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    return arguments


def serve(make, arguments, version):
    """`make` gives a network and its optimiser."""
    before = memory_mib("VmRSS")
    network, optimizer = make(arguments)
    images, truth = disc(arguments.pixels, arguments.batch)
    say(weights=sum(weight.numel() for weight in network.parameters()), version=version)
    for line in sys.stdin:
        spans = [step(network, optimizer, images, truth) for _ in range(json.loads(line)["steps"] + 1)][1:]
        wall, processor = (statistics.median(values) for values in zip(*spans))
        say(wall_ms=wall, processor_ms=processor, peak_mib=memory_mib("VmHWM") - before)


def step(network, optimizer, images, truth):
    wall, processor = time.perf_counter(), time.process_time()
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(network(images), truth)
    loss.backward()
    optimizer.step()
    # As ours does, which refuses a step that is not finite.
    if not torch.isfinite(loss):
        sys.exit("the loss is not finite")
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - processor) * 1e3


def memory_mib(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) / 1024


def say(**what):
    print(json.dumps(what), flush=True)
