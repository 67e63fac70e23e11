"""Flower 1.41's SecAgg+ on the sizes of the benchmark `masking`: its own functions, in the order in which its client mod and
its server workflow call them, in processor time of one thread.

    python3 benches/peers/secagg_flower.py [--largest 1e6]

A site: quantise, weight, one own mask, one mask with each other site, reduce. The coordinator: add n vectors, put secrets
together, take own masks and (for sites that dropped out) pair masks off, reduce, dequantise. Every site is everyone's
neighbour, as here. Where n masks would take minutes, `MASKS_MAX` of them are made and the rest is in proportion, and the line
says so. Its masks come from a 32-bit seed and a generator that is not a cryptographic one: it does less than ours.
"""

import environment

environment.enter("flower", ["flwr==1.41.0", "numpy"])

import argparse
import os
import time

import numpy as np
from flwr.common.secure_aggregation.crypto.shamir import combine_shares, create_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import generate_shared_key
from flwr.common.secure_aggregation.ndarrays_arithmetic import (
    factor_combine, factor_extract, get_parameters_shape, parameters_addition, parameters_mod, parameters_multiply,
    parameters_subtraction)
from flwr.common.secure_aggregation.quantization import dequantize, quantize
from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen
from flwr.supercore.primitives.asymmetric import generate_key_pairs

SITES = [10, 50, 100]
LENGTHS = [100_000, 1_000_000, 10_000_000]
MASKS_MAX = 12
CLIP, TARGET, MODULUS, WEIGHT_MAX = 8.0, 1 << 22, 1 << 32, 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--largest", type=float, default=1e9)
    largest = parser.parse_args().largest
    print("sites   length  dropouts  site s   server s   recover s   masks made")
    for length in [length for length in LENGTHS if length <= largest]:
        for sites in SITES:
            for dropouts in (0, sites // 10):
                measure(sites, length, dropouts)


def measure(sites, length, dropouts):
    update = [((np.arange(length) * 37) % 2001 / 1000 - 1).astype(np.float64)]
    start = time.thread_time()
    vector = parameters_multiply(quantize(update, CLIP, TARGET), 1)
    vector = factor_combine(1, vector)
    shapes = get_parameters_shape(vector)
    fixed_s = time.thread_time() - start
    made, mask_s, vector = masks(vector, shapes, sites)
    start = time.thread_time()
    vector = parameters_mod(vector, MODULUS)
    site_s = fixed_s + mask_s * sites + time.thread_time() - start

    left = sites - dropouts
    start = time.thread_time()
    total = vector
    for _ in range(min(left - 1, 4)):
        total = parameters_addition(total, vector)
    add_s = (time.thread_time() - start) / min(left - 1, 4) * (left - 1)
    recover_s = recovery(sites, dropouts)
    _, unmask_s, total = masks(total, shapes, left + left * dropouts)
    start = time.thread_time()
    total = parameters_mod(total, MODULUS)
    _, total = factor_extract(total)
    dequantize(total, CLIP, TARGET)
    end_s = time.thread_time() - start
    server_s = add_s + recover_s + unmask_s * (left + left * dropouts) + end_s
    note = "all" if made == sites else f"{made}, the rest in proportion"
    print(f"{sites:5} {length:8} {dropouts:9} {site_s:7.4f} {server_s:10.4f} {recover_s:11.4f}   {note}", flush=True)


def masks(vector, shapes, count):
    """Seconds for one mask, generated and added or taken away."""
    made = min(count, MASKS_MAX)
    start = time.thread_time()
    for number in range(made):
        mask = pseudo_rand_gen(os.urandom(32), MODULUS, shapes)
        vector = (parameters_addition if number % 2 else parameters_subtraction)(vector, mask)
    return made, (time.thread_time() - start) / made, vector


def recovery(sites, dropouts):
    """Secrets from shares, and keys of the pairs of sites that dropped out."""
    threshold = 2 * sites // 3 + 1
    shares = create_shares(os.urandom(32), threshold, sites)[:threshold]
    start = time.thread_time()
    combine_shares(shares)
    one_s = time.thread_time() - start
    (private, _), (_, public) = generate_key_pairs(), generate_key_pairs()
    start = time.thread_time()
    generate_shared_key(private, public)
    pair_s = time.thread_time() - start
    return sites * one_s + (sites - dropouts) * dropouts * pair_s


main()
