"""The same seed gives the same bytes; `docs/training.md` names the exceptions."""

import json
import shutil

import pytest
import torch
from reliability.outcomes import command
from toys import rand_images, seeded, settle, small_system
from training_runs import config, identical, system

from semcomm.training.engine import train

AREA = "repeated commands"
COMMANDS = {
    "transmit": "transmit photos/a.png photos/b.png --model model --out NEW --json NEW/out.json --channel rayleigh",
    "evaluate": "evaluate model --data photos --snr 1,10 --json NEW/out.json --csv NEW/out.csv --figure NEW/out.png",
    "baseline": "baseline webp --data photos --bandwidth-ratio 1/6 --snr=-5 --json NEW/out.json --csv NEW/out.csv",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_writes_the_same_bytes_again(desk, tmp_path, monkeypatch, name):
    work = shutil.copytree(desk, tmp_path / "desk")
    monkeypatch.chdir(work)
    written = []
    for drawn in (1, 2):  # whatever has been drawn from the global generator
        torch.manual_seed(drawn)
        code, _, said = command(AREA, COMMANDS[name].replace("NEW", "new").split(), work)
        assert code == 0, said
        written.append({path.name: path.read_bytes() for path in (work / "new").iterdir()})
        shutil.rmtree(work / "new")
    assert written[0] == written[1]
    code, _, _ = command(AREA, [*COMMANDS[name].replace("NEW", "new").split(), "--seed", "7"], work)
    assert (work / "new" / "out.json").read_bytes() != written[0]["out.json"]


def test_an_image_is_sent_the_same_whatever_else_is_evaluated(desk, tmp_path, monkeypatch):
    work = shutil.copytree(desk, tmp_path / "desk")
    monkeypatch.chdir(work)
    rows = []
    for snrs in ("10", "1,4,10"):
        command(AREA, f"evaluate model --data photos --snr {snrs} --json out.json".split(), work)
        rows.append(json.loads((work / "out.json").read_text())["rows"][-1])
    assert rows[0] == rows[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_processes_that_decode_change_no_byte_of_a_training(uninterrupted, photo_folder, tmp_path, workers):
    torch.manual_seed(workers)
    train(system(), config(photo_folder, tmp_path / "run", workers=workers))
    assert identical(uninterrupted, tmp_path / "run")
    weights = [(folder / "model.safetensors").read_bytes() for folder in (uninterrupted, tmp_path / "run")]
    assert weights[0] == weights[1]


def test_the_size_of_a_batch_changes_no_pixel_by_more_than_one_level():
    """Sums of convolutions may be in another order for another batch, so bytes are promised for a batch of one only."""
    sender = settle(small_system(3, norm="batch"))
    images = rand_images(5, 24, 20)
    noise = [seeded(number) for number in range(5)]
    alone = torch.cat([sender.transmit(images[i : i + 1], 10.0, generator=noise[i]).images for i in range(5)])
    with torch.no_grad():
        symbols = sender.encode(images, 10.0)
        received = torch.cat([sender.channel(symbols[i : i + 1], 10.0, generator=seeded(i)) for i in range(5)])
        together = (sender.decode(received, (24, 20), 10.0) * 255).round().clamp(0, 255)
    assert (together - alone).abs().max() <= 1


@pytest.mark.slow
def test_the_number_of_threads_changes_weights_by_rounding_only(uninterrupted, photo_folder, tmp_path):
    from training_runs import forked, weights

    def in_two_threads():
        torch.set_num_threads(2)
        train(system(), config(photo_folder, tmp_path / "run"))

    with forked(in_two_threads) as (process,):
        pass
    assert process.exitcode == 0
    one, two = (
        torch.cat([value.flatten() for value in weights(run).values()]) for run in (uninterrupted, tmp_path / "run")
    )
    # Adam takes a whole step for a gradient that is nothing but rounding
    assert (one - two).norm() < 1e-2 * one.norm()
