"""Flower 1.41's simulation (Ray) on the trivial model of the benchmark `overhead`: 10,000 weights, every site adds Gaussian noise,
all in every round. Its own ServerApp with FedAvg, ClientApp and run_simulation; one Ray actor for each processor core.

    python3 benches/peers/simulate_flower.py [--sites 100] [--rounds 5]

Printed is wall-clock time for a site and round beyond the bare loop in numpy. The first round, in which Ray's actors start, does
not count and is given with the start-up. Processor time is not given, as Ray's processes do not belong to this one. Peak memory
is the sum over all processes of the run, sampled.
"""

import environment

environment.enter("flower-simulation", ["flwr[simulation]==1.41.0", "numpy", "psutil"])

import argparse
import os
import threading
import time

import numpy as np
import psutil
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

WEIGHTS = 10_000
SAMPLE_S = 0.2

app = ClientApp()


@app.train()
def train(message, context):
    site = int(context.node_config["partition-id"])
    weights = message.content["arrays"].to_numpy_ndarrays()[0]
    noise = np.random.default_rng(site).standard_normal(WEIGHTS, dtype=np.float32)
    content = RecordDict({"arrays": ArrayRecord([weights + noise]), "metrics": MetricRecord({"num-examples": 1})})
    return Message(content=content, reply_to=message)


class Timed(FedAvg):
    """FedAvg that notes when each round begins and ends."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.begun, self.ended = [], []

    def configure_train(self, *arguments):
        self.begun.append(time.perf_counter())
        return super().configure_train(*arguments)

    def aggregate_train(self, *arguments):
        aggregated = super().aggregate_train(*arguments)
        self.ended.append(time.perf_counter())
        return aggregated


class Memory(threading.Thread):
    """Samples the memory of this process and all below it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self):
        while not self.over.wait(SAMPLE_S):
            mine = psutil.Process(os.getpid())
            total = 0
            for process in [mine, *mine.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except (psutil.Error, AttributeError):
                    continue
            self.peak = max(self.peak, total)


def flower(sites, rounds):
    """Seconds until the second round begins, and of a round after that."""
    begin = time.perf_counter()
    strategy = Timed(fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites)
    server_app = ServerApp()

    @server_app.main()
    def main(grid, context):
        initial = ArrayRecord([np.zeros(WEIGHTS, dtype=np.float32)])
        strategy.start(grid=grid, initial_arrays=initial, num_rounds=1 + rounds)

    backend = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    run_simulation(server_app=server_app, client_app=app, num_supernodes=sites, backend_config=backend)
    return strategy.begun[1] - begin, (strategy.ended[-1] - strategy.begun[1]) / rounds


def bare(sites, rounds):
    begin = time.perf_counter()
    for _ in range(rounds):
        total = np.zeros(WEIGHTS, dtype=np.float32)
        for site in range(sites):
            total += np.random.default_rng(site).standard_normal(WEIGHTS, dtype=np.float32)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sites, rounds = arguments.sites, arguments.rounds
    memory = Memory()
    memory.start()
    start_s, round_s = flower(sites, rounds)
    memory.over.set()
    overhead_us = (round_s - bare(sites, rounds) / rounds) / sites * 1e6
    print("sites  rounds  overhead us (wall)  start s  peak MiB")
    print(f"{sites:5}  {rounds:6}  {overhead_us:18.0f}  {start_s:7.1f}  {memory.peak / 2**20:8.0f}")


if __name__ == "__main__":
    main()
