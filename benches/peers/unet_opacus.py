"""The private training step of the benchmark `training_step`, by Opacus; see unet.py.

It draws no noise, as ours does not in this benchmark. Every image is a patient, because Opacus clips each image by itself.
"""

import environment

environment.enter("torch", ["torch", "opacus==1.6.0"])

import opacus
import torch
from opacus.optimizers import DPOptimizer
from torch import nn
from unet import Unet, asked, serve


def make(arguments):
    network = Unet(arguments.width, arguments.depth)
    for layer in network.modules():
        if isinstance(layer, nn.ReLU):
            # What the hooks keep must not be changed in place afterwards.
            layer.inplace = False
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    private = DPOptimizer(optimizer, noise_multiplier=0.0, max_grad_norm=1.0, expected_batch_size=arguments.batch)
    return opacus.GradSampleModule(network, loss_reduction="mean"), private


if __name__ == "__main__":
    serve(make, asked(), f"opacus {opacus.__version__}, torch {torch.__version__}")
