"""Tables: readable at 80 columns, and nothing in a name is taken for markup."""

import json

import pytest
from PIL import Image
from toys import small_system

from semcomm.cli.reports import show_table

LONG = "/data/experiments/2026/mlsc-image-l4-t8-rayleigh-with-a-long-name/checkpoint-000100000"


@pytest.fixture
def shown(monkeypatch, capsys):
    """Print a table on a terminal, or into a pipe, of some width: its lines."""

    def call(*arguments, width=80, **options):
        monkeypatch.setenv("COLUMNS", str(width))
        show_table(*arguments, **options)
        return capsys.readouterr().out.splitlines()

    return call


def test_a_long_name_is_folded_and_headings_are_not(shown):
    lines = shown(["model", "SNR (dB)", "PSNR (dB)", "SSIM", "failures"], [[LONG, "10", "29.31 ± 0.77", "0.871", "0"]])
    assert max(map(len, lines)) <= 80
    for heading in ("model", "SNR (dB)", "PSNR (dB)", "SSIM", "failures"):
        assert heading in lines[0]
    assert "29.31 ± 0.77" in lines[1]
    assert "".join(line[: lines[0].index("SNR")].strip() for line in lines[1:]) == LONG


@pytest.mark.parametrize("width", [80, 60])
def test_columns_that_do_not_fit_make_a_further_table(shown, width):
    scores = ["PSNR (dB)", "SSIM", "MS-SSIM", "label_agreement", "label_iou", "caption_agreement", "failures"]
    cells = [f"{number}.123 ± 0.456" for number in range(6)]
    lines = shown(
        ["model", "SNR (dB)", *scores], [[LONG, "10", *cells, "0"], ["b", "4", *cells, "7"]], keys=2, width=width
    )
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert all(text.count(f"{heading}") == 1 for heading in scores[2:])
    assert all(text.count(cell) == 2 for cell in cells)
    heads = [line for line in lines if line.startswith("model")]
    assert len(heads) >= 2
    assert all("SNR (dB)" in head for head in heads)
    assert "…" not in text


def test_markup_and_emoji_in_names_are_printed_as_they_are(shown):
    lines = shown(["image", "k"], [["a[/m]b", "1"], ["[bold]c", "2"], [":smile:", "3"], ["[red]d[/red]", "4"]])
    assert [line.split()[0] for line in lines[1:]] == ["a[/m]b", "[bold]c", ":smile:", "[red]d[/red]"]


def test_no_rows_show_the_headings(shown):
    assert shown(["name", "k"], [])[0].split() == ["name", "k"]


def test_transmit_and_evaluate_of_paths_with_markup(run, photo, tmp_path):
    odd = tmp_path / "[red]x[" / "m]"  # makes "[/m]" where a path is joined
    odd.mkdir(parents=True)
    with Image.open(photo) as image:
        image.save(odd / "photo.png")
    model = tmp_path / "[" / "m]"
    small_system(3, 4).save_pretrained(model)
    code, out, err = run("transmit", odd / "photo.png", "--model", model, "--out", "got[/m]", "--json", "a[/m].json")
    assert (code, err) == (0, "")
    assert json.loads((tmp_path / "a[" / "m].json").read_text())["images"][0]["received"] == "got[/m]/photo.png"
    assert "got[/m]/photo.png" in out.replace("\n", "")
    code, out, err = run("evaluate", model, "--data", odd, "--snr", 4, "--json", "b.json", "--csv", "[/m].csv")
    assert (code, err) == (0, "")
    assert json.loads((tmp_path / "b.json").read_text())["model"] == str(model)
    assert (tmp_path / "[" / "m].csv").is_file()
    code, out, err = run("transmit", tmp_path / "no[/m].png", "--model", model)
    assert code == 2
    assert "no[/m].png" in err


@pytest.mark.parametrize("command", ["transmit", "evaluate", "baseline"])
def test_results_are_written_before_they_are_shown(run, model, photo, photo_folder, tmp_path, monkeypatch, command):
    def fail(*_, **__):
        raise ValueError("no table today")

    monkeypatch.setattr("semcomm.cli.main.show_table", fail)
    monkeypatch.setattr("semcomm.cli.measure.show_table", fail)
    arguments = {
        "transmit": [photo, "--model", model],
        "evaluate": [model, "--data", photo_folder, "--snr", 4],
        "baseline": ["jpeg", "--data", photo_folder, "--bandwidth-ratio", 1, "--snr", 9],
    }[command]
    code, _, err = run(command, *arguments, "--json", "out.json")
    assert (code, "no table today" in err) == (2, True)
    assert json.loads((tmp_path / "out.json").read_text())["seed"] == 0
