"""How a figure is measured: ways of doing the same thing, interleaved, in time on the processor."""

import os
import platform
import time

import pytest
import torch
import torchvision
from benchmarks.ratios import keep

WARM_UP = 2


def pytest_benchmark_update_machine_info(machine_info):
    machine_info["torch"] = torch.__version__
    machine_info["torchvision"] = torchvision.__version__
    machine_info["threads"] = torch.get_num_threads()
    machine_info["processors"] = os.cpu_count()
    machine_info["python"] = platform.python_version()


@pytest.fixture
def compare(benchmark):
    """Time the first of several ways against the others, and keep the ratios in the JSON.

    A ratio is the median over rounds of the ratio within a round, of the time that this process spent on the processor:
    whatever else runs on the machine slows all ways of a round alike, or does not count at all.
    """

    def run(what, ways, *, rounds, target=None):
        times = {name: [] for name in ways}

        def one_round():
            for name, way in ways.items():
                started = time.process_time()
                way()
                times[name].append(time.process_time() - started)

        benchmark.pedantic(one_round, rounds=rounds, warmup_rounds=WARM_UP)
        times = {name: values[WARM_UP:] for name, values in times.items()}
        own, *others = ways
        return keep(benchmark, what, times, own, others, target)

    return run
