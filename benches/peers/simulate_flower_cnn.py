"""Flower 1.41's simulation (Ray) with torch on the small convolutional network of `overhead cnn`: 100 sites with 32 images of 28 x 28
pixels each, all in every round, one epoch in batches of 8 by plain SGD. The images are noise: their content costs nothing.

    python3 benches/peers/simulate_flower_cnn.py [--sites 100] [--rounds 3]

Its own ServerApp with FedAvg, ClientApp and run_simulation; one Ray actor for each processor core, one torch thread in each. Printed
are processor and wall-clock time for a site and round, the bare loop not taken away. The first round, in which Ray's actors start,
does not count and is given with the start-up. Processor time and memory are those of this process and all below it, sampled; memory
is at its highest, shared pages counted once.
"""

import time

START = time.time()

import environment

environment.enter("torch", ["pfl==0.6.0", "flwr[simulation]==1.41.0", "torch==2.15.0", "numpy", "psutil"])

import argparse
import os
import threading

import numpy as np
import psutil
import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

IMAGES, BATCH, RATE, SAMPLE_S = 32, 8, 0.05, 0.2

app = ClientApp()


def network():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(784, 10))


def images(site):
    draw = np.random.default_rng(site)
    pixels = draw.standard_normal((IMAGES, 1, 28, 28), dtype=np.float32)
    return torch.from_numpy(pixels), torch.from_numpy(draw.integers(0, 10, IMAGES))


@app.train()
def train(message, context):
    torch.set_num_threads(1)
    model = network()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    pixels, classes = images(int(context.node_config["partition-id"]))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    for first in range(0, IMAGES, BATCH):
        optimizer.zero_grad()
        scores = model(pixels[first:first + BATCH])
        torch.nn.functional.cross_entropy(scores, classes[first:first + BATCH]).backward()
        optimizer.step()
    content = {"arrays": ArrayRecord(model.state_dict()), "metrics": MetricRecord({"num-examples": IMAGES})}
    return Message(content=RecordDict(content), reply_to=message)


class Family(threading.Thread):
    """Samples the memory and the processor time of this process and all below it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.seconds, self.over = 0, {}, threading.Event()

    def run(self):
        while not self.over.wait(SAMPLE_S):
            self.peak = max(self.peak, self.sample())

    def sample(self):
        mine = psutil.Process(os.getpid())
        memory = 0
        for process in [mine, *mine.children(recursive=True)]:
            try:
                memory += process.memory_full_info().pss
                spent = process.cpu_times()
                self.seconds[process.pid] = spent.user + spent.system
            except (psutil.Error, AttributeError):
                continue
        return memory

    def processor_s(self):
        """Of all that were seen, also of those that have ended."""
        self.sample()
        return sum(self.seconds.values())


class Timed(FedAvg):
    """FedAvg that notes both clocks when each round begins and ends."""

    def __init__(self, family, **settings):
        super().__init__(**settings)
        self.family, self.begun, self.ended = family, [], []

    def configure_train(self, *arguments):
        self.begun.append(self.now())
        return super().configure_train(*arguments)

    def aggregate_train(self, *arguments):
        aggregated = super().aggregate_train(*arguments)
        self.ended.append(self.now())
        return aggregated

    def now(self):
        return self.family.processor_s(), time.perf_counter(), time.time()


def flower(sites, rounds, family):
    """Notes of both clocks, round by round; the first is thrown away."""
    strategy = Timed(family, fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites)
    server_app = ServerApp()

    @server_app.main()
    def main(grid, context):
        strategy.start(grid=grid, initial_arrays=ArrayRecord(network().state_dict()), num_rounds=1 + rounds)

    backend = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    run_simulation(server_app=server_app, client_app=app, num_supernodes=sites, backend_config=backend)
    return strategy


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    family = Family()
    family.start()
    strategy = flower(arguments.sites, arguments.rounds, family)
    family.over.set()
    # The quickest round of all but the first: other load on the machine only adds.
    each = [[end[clock] - begin[clock] for begin, end in zip(strategy.begun[1:], strategy.ended[1:])] for clock in (0, 1)]
    processor, wall = (1e3 * min(rounds) / arguments.sites for rounds in each)
    print("sites  rounds  ms (processor)  (wall)  start s  peak MiB")
    print(f"{arguments.sites:5}  {arguments.rounds:6}  {processor:14.1f}  {wall:6.1f}  {strategy.begun[1][2] - START:7.1f}  "
          f"{family.peak / 2**20:8.0f}")


if __name__ == "__main__":
    main()
