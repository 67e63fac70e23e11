"""Epsilon and noise by Google's dp-accounting, for the benchmark `accounting`.

Prints {"version": TEXT}, then answers each line with one line. `seconds` is processor time on one thread, imports
excluded; every evaluation starts with an accountant that knows nothing.

- {"ask": "epsilon_pld", "segments": [[SIGMA, Q, STEPS], ...], "delta": D, "grid": H} -> {"value": EPSILON, "seconds": S}
- {"ask": "epsilon_rdp", "segments": ..., "delta": D} -> the same
- {"ask": "noise", "sampling_rate": Q, "steps": T, "delta": D, "epsilon": E, "grid": H, "tolerance": R}
  -> {"value": SIGMA, "seconds": S}: to within R of the least noise
"""

import environment

environment.enter("accounting", ["dp-accounting==0.6.0"])

import json
import logging
import sys
import time
from importlib.metadata import version

import dp_accounting
from dp_accounting import pld, rdp

# RDP orders whose series does not converge are dropped with a line each.
logging.disable(logging.WARNING)


def main():
    say(version=f"dp-accounting {version('dp-accounting')}")
    for line in sys.stdin:
        asked = json.loads(line)
        before = time.process_time()
        value = ANSWERS[asked["ask"]](asked)
        say(value=value, seconds=time.process_time() - before)


def epsilon_pld(asked):
    return spent(pld.PLDAccountant(value_discretization_interval=asked["grid"]), asked)


def epsilon_rdp(asked):
    return spent(rdp.RdpAccountant(), asked)


def spent(accountant, asked):
    for sigma, rate, steps in asked["segments"]:
        accountant.compose(training(sigma, rate), int(steps))
    return float(accountant.get_epsilon(asked["delta"]))


def noise(asked):
    sigma = dp_accounting.calibrate_dp_mechanism(
        lambda: pld.PLDAccountant(value_discretization_interval=asked["grid"]),
        lambda sigma: dp_accounting.SelfComposedDpEvent(training(sigma, asked["sampling_rate"]), int(asked["steps"])),
        asked["epsilon"],
        asked["delta"],
        # Its own default is 1e-6 of 1, far finer than ours.
        bracket_interval=dp_accounting.LowerEndpointAndGuess(0.2, 1.0),
        tol=asked["tolerance"],
    )
    return float(sigma)


def training(sigma, rate):
    return dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(sigma))


def say(**what):
    print(json.dumps(what), flush=True)


ANSWERS = {"epsilon_pld": epsilon_pld, "epsilon_rdp": epsilon_rdp, "noise": noise}

if __name__ == "__main__":
    main()
