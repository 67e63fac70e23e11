"""pfl-research 0.6 on the trivial model of the benchmark `overhead`: 10,000 weights, every site adds Gaussian noise, all in every
round, in one process with numpy. Its own backend, sampler, statistics and model update; no privacy mechanism, no callback.

    python3 benches/peers/simulate_pfl.py [--sites 1000] [--rounds 10]

Printed are processor and wall-clock time for a site and round beyond the bare loop in numpy, which draws the same noise and adds
it up; the smallest of five takes counts. Start-up is the time from the interpreter's start to the first round.
"""

import time

START = time.time()

import environment

environment.enter("pfl", ["pfl==0.6.0", "numpy"])

import argparse
import resource

import numpy as np
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import FederatedAlgorithm
from pfl.common_types import Population
from pfl.context import CentralContext
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam.base import AlgorithmHyperParams, ModelHyperParams
from pfl.internal.ops import numpy_ops
from pfl.internal.ops.selector import set_framework_module
from pfl.metrics import Metrics
from pfl.model.base import StatefulModel
from pfl.stats import MappedVectorStatistics

WEIGHTS, TAKES = 10_000, 5


class Vector(StatefulModel):
    """One vector, to which mean updates are added."""

    def __init__(self):
        self.weights = np.zeros(WEIGHTS, dtype=np.float32)

    def apply_model_update(self, statistics):
        self.weights += statistics["weights"]
        return self, Metrics()

    def evaluate(self, dataset, name_formatting_fn=None, eval_params=None):
        return Metrics()

    def save(self, dir_path):
        raise NotImplementedError("nothing is saved here")

    def load(self, dir_path):
        raise NotImplementedError("nothing is loaded here")

    def get_parameters(self, placeholders=None):
        return MappedVectorStatistics({"weights": self.weights})

    def set_parameters(self, w):
        self.weights = w["weights"]

    def get_model_difference(self, other):
        return MappedVectorStatistics({"weights": self.weights - other["weights"]})


class AddNoise(FederatedAlgorithm):
    """Every site sends noise; the server takes the mean."""

    def __init__(self, sites, rounds):
        super().__init__()
        self.sites, self.rounds = sites, rounds

    def get_next_central_contexts(self, model, iteration, algorithm_params, model_train_params, model_eval_params=None):
        if iteration == self.rounds:
            return None, model, Metrics()
        context = CentralContext(
            current_central_iteration=iteration, do_evaluation=False, cohort_size=self.sites,
            population=Population.TRAIN, model_train_params=model_train_params, model_eval_params=model_eval_params,
            algorithm_params=algorithm_params, seed=iteration)
        return (context,), model, Metrics()

    def simulate_one_user(self, model, user_dataset, central_context):
        noise = np.random.default_rng(int(user_dataset.raw_data[0][0])).standard_normal(WEIGHTS, dtype=np.float32)
        return MappedVectorStatistics({"weights": noise}, weight=1), Metrics()

    def process_aggregated_statistics(self, central_context, aggregate_metrics, model, statistics):
        statistics.average()
        return model.apply_model_update(statistics)


def pfl(sites, rounds):
    users = list(range(sites))
    data = FederatedDataset(lambda user: Dataset([np.array([user])]), get_user_sampler("minimize_reuse", users))
    backend = SimulatedBackend(training_data=data, val_data=None)
    AddNoise(sites, rounds).run(
        algorithm_params=AlgorithmHyperParams(), backend=backend, model=Vector(),
        model_train_params=ModelHyperParams(), model_eval_params=ModelHyperParams())


def bare(sites, rounds):
    weights = np.zeros(WEIGHTS, dtype=np.float32)
    for _ in range(rounds):
        total = np.zeros(WEIGHTS, dtype=np.float32)
        for site in range(sites):
            total += np.random.default_rng(site).standard_normal(WEIGHTS, dtype=np.float32)
        weights += total / sites


def cost(work, sites, rounds):
    begin = time.process_time(), time.perf_counter()
    work(sites, rounds)
    per = 1e6 / (sites * rounds)
    return (time.process_time() - begin[0]) * per, (time.perf_counter() - begin[1]) * per


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    set_framework_module(numpy_ops)
    started = time.time() - START
    takes = [[cost(work, arguments.sites, arguments.rounds) for work in (bare, pfl)] for _ in range(TAKES)]
    (bare_cpu, bare_wall), (pfl_cpu, pfl_wall) = [[min(take[which][part] for take in takes) for part in (0, 1)] for which in (0, 1)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("sites  rounds  bare us  pfl us  overhead us (processor)  (wall)  start s  peak MiB")
    print(f"{arguments.sites:5}  {arguments.rounds:6}  {bare_cpu:7.1f}  {pfl_cpu:6.1f}  {pfl_cpu - bare_cpu:23.1f}  "
          f"{pfl_wall - bare_wall:6.1f}  {started:7.1f}  {peak:8.0f}")


if __name__ == "__main__":
    main()
