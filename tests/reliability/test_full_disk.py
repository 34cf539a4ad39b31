"""A disk that is full, for every kind of file that the package writes: one error, and nothing half-written stays."""

import json
import shutil

import pytest
from reliability.outcomes import attempt, check_whole, command, half_written
from reliability.small_figure import TINY, without_extractors
from toys import caption_feature, segmentation_feature
from training.test_checkpoints import largest_file

from semcomm.cli import cache_features as cache_cli
from semcomm.cli import train as training_cli
from semcomm.experiments import presets
from semcomm.extractors.lite_captioner import MARKERS, build_lite_captioner
from semcomm.training.extractor_folder import write_result_folder

AREA = "full disks"
SMALL = "--caption none --segmentation none --l 2 --t 4 --width 2 --size 16 --batch-size 2 --steps 2 --validate-every 1"
COMMANDS = {
    "transmit": "transmit photos/a.png photos/b.png --model model --out received --json out/out.json",
    "evaluate": "evaluate model --data photos --snr 1,10 --json o/out.json --csv o/out.csv --figure o/out.png",
    "baseline": "baseline jpeg --data photos --bandwidth-ratio 1/6 --json o/out.json --csv o/out.csv",
    "train": f"train mlsc --train photos --val photos --out run {SMALL}",
    "cache-features": "cache-features photos --out cache",
    "reproduce": "reproduce fig5 --train photos --val photos --test photos --out figure",
}
LIMITS = (0, 50, 300, 1000, 4000, 20_000)
"""Bytes that a file may have: enough for more and more of what a command writes."""


@pytest.fixture
def small(monkeypatch):
    """Small extractors, and a small figure."""
    for cli in (training_cli, cache_cli):
        monkeypatch.setattr(cli, "build_caption", lambda value: caption_feature() if value == "lite" else None)
        monkeypatch.setattr(
            cli, "build_segmentation", lambda value: segmentation_feature() if value == "lite" else None
        )
    monkeypatch.setitem(presets.PRESETS, "quick", TINY)
    with without_extractors():
        yield


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_so_and_leaves_whole_files(desk, tmp_path, monkeypatch, name):
    work = shutil.copytree(desk, tmp_path / "desk")
    (work / "half.png").unlink()
    monkeypatch.chdir(work)
    arguments, refused = COMMANDS[name].split(), 0
    for limit in LIMITS:
        resume = ["--resume"] if (work / "run" / "recipe.json").exists() else []
        with largest_file(limit):
            code, _, said = command(AREA, arguments + resume, work)
        check_whole(work)
        if code:
            refused += 1
            assert "cannot write" in said, said
        else:
            shutil.rmtree(work / "run", ignore_errors=True)
    assert refused >= 2
    resume = ["--resume"] if (work / "run" / "recipe.json").exists() else []
    code, _, said = command(AREA, arguments + resume, work)
    assert (code, said) == (0, "")


@pytest.mark.parametrize("limit", [0, 300, 2000])
def test_a_trained_extractor_is_whole_or_not_there(tmp_path, limit):
    network = build_lite_captioner(
        (*MARKERS, "a"), channels=(4,) * 8, features=4, embedding=4, hidden=4, length=6
    ).eval()
    given = ({"kind": "caption-lite"}, lambda _: {"bleu": 0.1}, lambda record: json.dumps(record) * 200)

    def write():
        write_result_folder(network, tmp_path / "extractor", *given)

    with largest_file(limit):
        attempt(AREA, write, case=f"extractor, {limit} bytes", naming="cannot write")
    assert list(tmp_path.iterdir()) == []
    write()
    assert half_written(tmp_path) == []
