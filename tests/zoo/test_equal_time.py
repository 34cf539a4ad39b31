"""SwinJSCC and nested MLSC-image at equal time: curves read from logs, the table's differences, the figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "zoo"))
import equal_time

RECORD = {
    "minutes": 2.0,
    "photographs": 3,
    "systems": {
        equal_time.HYBRID: {"bandwidth_ratio": 0.06, "psnr_db": [30.0, 31.0, 32.0]},
        equal_time.SWIN: {"bandwidth_ratio": 0.0625, "psnr_db": [20.0, 22.0, 21.0], "steps": 1234},
        equal_time.NESTED: {"bandwidth_ratio": 0.06, "psnr_db": [31.0, 33.0, 32.0], "steps": 99},
    },
}
CURVES = ([(0.0, 31.0), (2.0, 31.0)], [(1.0, 15.0), (2.0, 21.0)], [(1.0, 31.5)])
for one, points in zip(RECORD["systems"].values(), CURVES, strict=True):
    one["curve"] = points


def test_a_curve_is_read_over_all_resumptions(tmp_path):
    head = "epoch,step,train/loss,val/minutes,val/psnr_db\n"
    for start, rows in ((0, "0,1,-2.0,,\n0,1,,0.5,20.5\n"), (2, "0,3,,1.5,22.25\n")):
        folder = tmp_path / "logs" / f"from-step-{start}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(head + rows)
    assert equal_time.curve(tmp_path) == [(0.5, 20.5), (1.5, 22.25)]


def test_a_run_that_was_stopped_before_its_first_validation_has_no_points(tmp_path):
    for start, text in ((0, "epoch,step,train/loss\n0,1,-2.0\n"), (1, "step,val/minutes,val/psnr_db\n2,1.5,22.25\n")):
        folder = tmp_path / "logs" / f"from-step-{start}"
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_text(text)
    assert equal_time.curve(tmp_path) == [(1.5, 22.25)]


def test_the_table_has_paired_differences():
    lines = equal_time.table(RECORD).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in lines[2:]}
    assert cells[equal_time.SWIN][:3] == ["1/16.0", "1,234", "21.00 ± 2.48"]  # t = 4.303, s = 1, three photographs
    assert cells[equal_time.HYBRID] == ["1/16.7", "0", "31.00 ± 2.48", "+10.00 ± 2.48"]
    assert cells[equal_time.NESTED][3] == "+11.00 ± 0.00"


def test_the_figure_shows_all_three():
    axes = equal_time.draw(RECORD).axes[0]
    drawn = [list(line.get_ydata()) for line in axes.lines]
    assert all(values in drawn for values in ([15.0, 21.0], [31.0, 31.0], [31.5]))
