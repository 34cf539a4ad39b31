import csv
import json
import shutil
from dataclasses import replace

import pytest
from PIL import Image
from reliability import small_figure

from semcomm.experiments import run as run_module
from semcomm.experiments.presets import Study
from semcomm.experiments.run import Folders, reproduce

EFFORT = replace(small_figure.EFFORT, schedule="cosine", validations=1)
TINY = Study("tiny", EFFORT, small_figure.PAGES)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, photo_folder):
    out = tmp_path_factory.mktemp("reproduction") / "out"
    folders = Folders(train=photo_folder, val=photo_folder, test=photo_folder, out=out)
    said = []
    pages = [reproduce(figure, folders, TINY, report=said.append) for figure in TINY.pages]
    return folders, pages, said


def test_every_figure_has_its_page_picture_and_numbers(finished):
    folders, pages, _ = finished
    for figure, page in zip(TINY.pages, pages, strict=True):
        assert page == folders.out / f"{figure}.md"
        assert (folders.out / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        content = json.loads((folders.out / f"{figure}.json").read_text())
        rows = list(csv.DictReader((folders.out / f"{figure}.csv").read_text().splitlines()))
        assert len(rows) == len(content["rows"]) == len(set(TINY.pages[figure][0].points))
        assert {"model", "bandwidth_ratio", "channel", "seed"} <= rows[0].keys()
        assert [float(row["psnr_db"]) for row in rows] == [row["psnr_db"] for row in content["rows"]]
        text = page.read_text()
        for claim in content["claims"]:
            assert f"| {claim['claim']} | **{claim['verdict']}** |" in text
        for system in content["training"]:
            assert f"| `{system}` | 2 |" in text


def test_the_mismatch_matrix_is_on_its_page_alone(finished):
    folders, pages, _ = finished
    fig5 = json.loads((folders.out / "fig5.json").read_text())["rows"]
    found = {(row["model"], row["snr_db"]): f"{row['psnr_db']:.2f} ± {row['psnr_ci95']:.2f}" for row in fig5}
    text = pages[1].read_text()
    assert "| MLSC-image, l = 2 | 7 dB | 10 dB |" in text
    for name, label in (("mlsc-image-l2-t8-10db", "trained at"), ("deep-jscc-c2-10db", "Deep JSCC, trained at")):
        assert f"| {label} 10 dB | {found[name, 7.0]} | {found[name, 10.0]} |" in text
    assert not any("trained at 10 dB |" in page.read_text() for page in (pages[0], pages[2]))


def test_figures_share_systems(finished):
    folders, _, said = finished
    trained = [text.split(" train ")[1] for text in said if " train " in text]
    assert len(trained) == len(set(trained)) == len(list((folders.out / "systems").iterdir()))


def test_nothing_finished_is_done_again(finished, monkeypatch):
    folders, (page, *_), _ = finished
    before = {path.name: path.read_bytes() for path in folders.out.glob("fig4.*")}
    for work in ("train", "evaluate", "cache_features"):
        monkeypatch.setattr(run_module, work, lambda *_, **__: pytest.fail("done again"))
    reproduce("fig4", folders, TINY, report=pytest.fail)
    assert {path.name: path.read_bytes() for path in folders.out.glob("fig4.*")} == before
    assert page.is_file()


def test_a_killed_run_loses_only_the_point_under_way(finished, tmp_path, monkeypatch):
    folders, _, _ = finished
    out = tmp_path / "out"
    real, measured = run_module.evaluate, []

    def killed(scheme, paths, snrs_db, **options):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append((scheme, *snrs_db))
        return real(scheme, paths, snrs_db, **options)

    monkeypatch.setattr(run_module, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        reproduce("fig4", replace(folders, out=out), TINY)
    assert len(list((out / "points").glob("*.json"))) == 2
    assert not (out / "fig4.md").exists()
    monkeypatch.setattr(run_module, "evaluate", lambda *given, **options: measured.append(0) or real(*given, **options))
    reproduce("fig4", replace(folders, out=out), TINY)
    assert len(measured) == len(TINY.pages["fig4"][0].points)
    for name in ("fig4.csv", "fig4.png"):
        assert (out / name).read_bytes() == (folders.out / name).read_bytes()


def test_jpeg_fails_where_no_bit_is_left(finished):
    folders, _, _ = finished
    rows = json.loads((folders.out / "fig5.json").read_text())["rows"]
    assert [row["failures"] for row in rows if row["snr_db"] == -100] == [2]


def test_another_preset_seed_or_folder_is_refused(finished, tmp_path, photo_folder):
    folders, _, _ = finished
    with pytest.raises(ValueError, match="another seed; name a new folder"):
        reproduce("fig4", folders, TINY, seed=1)
    with pytest.raises(ValueError, match="another preset"):
        reproduce("fig4", folders, replace(TINY, effort=small_figure.EFFORT))
    with pytest.raises(ValueError, match="another test_manifest_sha256, val_manifest_sha256; name a new folder"):
        reproduce("fig4", replace(folders, val=photo_folder / "more", test=photo_folder / "more"), TINY)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="holds other files"):
        reproduce("fig4", replace(folders, out=tmp_path), TINY)


def test_an_unknown_figure_is_refused(finished):
    with pytest.raises(ValueError, match="figure must be one of fig4, fig5, fig6, got 'fig7'"):
        reproduce("fig7", finished[0], TINY)


def test_a_damaged_settings_file_is_named(finished, tmp_path):
    (tmp_path / "reproduction.json").write_text("{")
    with pytest.raises(ValueError, match=r"reproduction\.json is no JSON file"):
        reproduce("fig4", replace(finished[0], out=tmp_path), TINY)


def test_a_codec_spends_what_mlsc_spends(finished):
    folders, _, _ = finished
    rows = json.loads((folders.out / "fig4.json").read_text())["rows"]
    spent = {row["model"]: row["bandwidth_ratio"] for row in rows}
    assert spent["jpeg-like-l2-t8"] == spent["avif-like-l2-t8"] == spent["mlsc-image-l2-t8-10db"]


def test_a_deleted_system_is_trained_again(finished, tmp_path):
    folders, _, _ = finished
    out = tmp_path / "out"
    shutil.copytree(folders.out, out)
    (lost,) = (out / "systems").glob("deep-jscc*")
    shutil.rmtree(lost)
    said = []
    reproduce("fig4", replace(folders, out=out), TINY, report=said.append)
    assert f"[2/7] train {lost.name}" in said
    assert (lost / "model.safetensors").read_bytes() == (
        folders.out / "systems" / lost.name / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda one: one["measured"]["scores"].update(psnr_db=[[[20.0]]]), "no measurement: its numbers do not fit"),
        (lambda one: one["measured"]["scores"].update(psnr_db=[[["a"], ["b"]]]), "no measurement: a number or a name"),
        (lambda one: one.pop("k"), "no measurement: a number or a name is missing or wrong: KeyError"),
        (lambda one: one.update(k=[0, 1]), "no measurement: its numbers do not fit"),
        (lambda one: one["measured"].update(photographs=["x", "y"]), "no measurement of these photographs"),
        (lambda one: one["rows"][0].update(snr_db=3), "no measurement of these photographs"),
    ],
)
def test_a_point_that_was_tampered_with_is_named(finished, tmp_path, change, problem):
    folders, _, _ = finished
    out = tmp_path / "out"
    shutil.copytree(folders.out, out)
    path = out / "points" / "mlsc-image-l2-t8-10db-at-10dB.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"{path.name} is {problem}.*; delete it to measure it again"):
        reproduce("fig5", replace(folders, out=out), TINY)


def test_photographs_that_cannot_be_sent_are_found_before_the_training(finished, tmp_path):
    folders, _, _ = finished
    small = tmp_path / "small"
    small.mkdir()
    Image.new("RGB", (20, 9)).save(small / "low.png")
    out = tmp_path / "out"
    for place in ("val", "test"):
        with pytest.raises(ValueError, match=r"low\.png: photographs must be at least 16 x 16, got 9 x 20"):
            reproduce("fig4", replace(folders, out=out, **{place: small}), TINY)
    Image.new("RGB", (20, 20)).save(small / "low.png")
    with pytest.raises(ValueError, match="test must hold two photographs or more.* got 1 in"):
        reproduce("fig4", replace(folders, out=out, test=small), TINY)
    assert not out.exists()
