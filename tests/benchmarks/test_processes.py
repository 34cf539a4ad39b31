"""What a whole process costs: importing semcomm, and sending photographs of many sizes."""

import json
import resource
import subprocess
import sys

import pytest
from benchmarks.ratios import keep

ROUNDS = 9
SIZES = {0.25: (500, 500), 1: (1000, 1000), 4: (1600, 2500), 12: (3000, 4000), 24: (4000, 6000)}
SEND = """
import json, resource, sys, time
import torch
from semcomm import from_pretrained
torch.set_num_threads(1)
height, width = map(int, sys.argv[1:])
system = from_pretrained("mlsc-image-l4-t8", device="cpu")
small = torch.rand(1, 3, height // 50, width // 50, generator=torch.Generator().manual_seed(0))
images = torch.nn.functional.interpolate(small, (height, width), mode="bilinear").mul_(255).to(torch.uint8)
started = time.process_time()
system.transmit(images, 10.0, generator=torch.Generator().manual_seed(0))
seconds = time.process_time() - started
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20]))
"""


def processor_time(code):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_import(benchmark):
    codes = {"semcomm": "import semcomm", "torch and torchvision": "import torch, torchvision"}
    times = {name: [] for name in codes}

    def one_round():
        for name, code in codes.items():
            times[name].append(processor_time(code))

    benchmark.pedantic(one_round, rounds=ROUNDS, warmup_rounds=1)
    times = {name: values[1:] for name, values in times.items()}
    keep(benchmark, "import semcomm", times, "semcomm", ["torch and torchvision"], 1.25)


@pytest.mark.parametrize("megapixels", SIZES)
def test_transmit(benchmark, megapixels):
    arguments = [sys.executable, "-c", SEND, *map(str, SIZES[megapixels])]
    done = benchmark.pedantic(lambda: subprocess.run(arguments, check=True, capture_output=True, text=True), rounds=1)
    seconds, gib = json.loads(done.stdout)
    benchmark.extra_info.update(megapixels=megapixels, seconds=round(seconds, 2), peak_gib=round(gib, 2))
    print(f"\n{megapixels} megapixels: {seconds:.2f} s, at most {gib:.2f} GiB")
    assert gib < 6
