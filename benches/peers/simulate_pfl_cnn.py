"""pfl-research 0.6 with torch on the small convolutional network of `overhead cnn`: 100 sites with 32 images of 28 x 28 pixels each,
all in every round, one epoch in batches of 8 by plain SGD. The images are noise: their content costs nothing.

    python3 benches/peers/simulate_pfl_cnn.py [--sites 100] [--rounds 5] [--threads 1]

Printed are processor and wall-clock time for a site and round, and the same for the bare loop in torch, which makes the same steps and
adds the updates up; the smallest of three takes counts.
"""

import time

START = time.time()

import environment

environment.enter("torch", ["pfl==0.6.0", "flwr[simulation]==1.41.0", "torch==2.15.0", "numpy", "psutil"])

import argparse
import copy
import resource

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam.base import NNEvalHyperParams, NNTrainHyperParams
from pfl.metrics import Metrics, Weighted
from pfl.model.pytorch import PyTorchModel

IMAGES, BATCH, RATE, TAKES = 32, 8, 0.05, 3


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(8, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Flatten(), torch.nn.Linear(784, 10))

    def forward(self, pixels):
        return self.layers(pixels)

    def loss(self, pixels, classes, eval=False):
        return torch.nn.functional.cross_entropy(self(torch.as_tensor(pixels)), torch.as_tensor(classes).long())

    @torch.no_grad()
    def metrics(self, pixels, classes, eval=True):
        return {"loss": Weighted(float(self.loss(pixels, classes)) * len(classes), len(classes))}


def images(site):
    draw = np.random.default_rng(site)
    return draw.standard_normal((IMAGES, 1, 28, 28), dtype=np.float32), draw.integers(0, 10, IMAGES)


class Marks(TrainingProcessCallback):
    """Notes when rounds end. The first one, in which pfl always evaluates, is not to count."""

    def __init__(self):
        self.marks = []

    def after_central_iteration(self, aggregate_metrics, model, *, central_iteration):
        self.marks.append((time.process_time(), time.perf_counter()))
        return False, Metrics()


def pfl(data, rounds):
    users = list(range(len(data)))
    dataset = FederatedDataset(lambda user: Dataset(data[user]), get_user_sampler("minimize_reuse", users))
    network = Network()
    model = PyTorchModel(network, torch.optim.SGD, torch.optim.SGD(network.parameters(), lr=1.0))
    parameters = NNAlgorithmParams(
        central_num_iterations=1 + rounds, evaluation_frequency=rounds + 2, train_cohort_size=len(data), val_cohort_size=0)
    marks = Marks()
    FederatedAveraging().run(
        callbacks=[marks], algorithm_params=parameters, backend=SimulatedBackend(training_data=dataset, val_data=None), model=model,
        model_train_params=NNTrainHyperParams(
            local_num_epochs=1, local_learning_rate=RATE, local_batch_size=BATCH),
        model_eval_params=NNEvalHyperParams(local_batch_size=IMAGES))
    return [end - begin for begin, end in zip(marks.marks[0], marks.marks[-1])]


def bare(data, rounds):
    begin = time.process_time(), time.perf_counter()
    network = Network()
    for _ in range(rounds):
        before = copy.deepcopy(network.state_dict())
        total = {name: torch.zeros_like(value) for name, value in before.items()}
        for pixels, classes in data:
            network.load_state_dict(before)
            optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
            for first in range(0, IMAGES, BATCH):
                optimizer.zero_grad()
                network.loss(pixels[first:first + BATCH], classes[first:first + BATCH]).backward()
                optimizer.step()
            for name, value in network.state_dict().items():
                total[name] += value - before[name]
        network.load_state_dict({name: value + total[name] / len(data) for name, value in before.items()})
    return [time.process_time() - begin[0], time.perf_counter() - begin[1]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = [images(site) for site in range(arguments.sites)]
    started = time.time() - START
    takes = [[work(data, arguments.rounds) for work in (bare, pfl)] for _ in range(TAKES)]
    per = 1e3 / (arguments.sites * arguments.rounds)
    least = [[per * min(take[which][part] for take in takes) for part in (0, 1)] for which in (0, 1)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("sites  rounds  threads  bare ms (processor)  (wall)  pfl ms (processor)  (wall)  start s  peak MiB")
    print(f"{arguments.sites:5}  {arguments.rounds:6}  {arguments.threads:7}  {least[0][0]:19.2f}  {least[0][1]:6.2f}  "
          f"{least[1][0]:18.2f}  {least[1][1]:6.2f}  {started:7.1f}  {peak:8.0f}")


if __name__ == "__main__":
    main()
