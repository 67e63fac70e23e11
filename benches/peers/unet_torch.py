"""The plain training step of the benchmark `training_step`, by PyTorch; see unet.py."""

import environment

environment.enter("torch", ["torch"])

import torch
from unet import Unet, asked, serve


def make(arguments):
    network = Unet(arguments.width, arguments.depth)
    return network, torch.optim.Adam(network.parameters(), lr=0.001)


if __name__ == "__main__":
    serve(make, asked(), f"torch {torch.__version__}")
