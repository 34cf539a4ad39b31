"""SigMF recordings: valid by SigMF's own rules, read again, whole or not there, and bad ones named."""

import json

import numpy as np
import pytest

sigmf = pytest.importorskip("sigmf", reason="needs the extra radio")

from semcomm.radio import Recording  # noqa: E402


def recording(burst=True, **changes):
    random = np.random.default_rng(0)
    samples = (random.normal(size=50) + 1j * random.normal(size=50)).astype(np.complex64)
    given = {"size": (40, 36), "symbols": 50, "system": "deep-jscc-c4", "told_snr_db": 7.5, "burst": burst}
    return Recording(samples, **(given | {"choices": {"levels": 4}} | changes))


@pytest.mark.parametrize("name", ["one.sigmf", "one.sigmf-meta", "one.sigmf-data", "one"])
def test_a_recording_is_valid_and_comes_back(tmp_path, name):
    files = recording().save(tmp_path / "new" / name)
    assert sorted(files) == sorted((tmp_path / "new").iterdir())
    assert len(files) == (1 if name.endswith(".sigmf") else 2)
    for file in files:
        read = sigmf.sigmffile.fromfile(file)
        read.validate()
        again = Recording.load(file)
        assert np.array_equal(again.samples, recording().samples)
        for field in ("size", "symbols", "system", "told_snr_db", "burst", "choices"):
            assert getattr(again, field) == getattr(recording(), field)
    if len(files) == 2:
        raw = np.fromfile(tmp_path / "new" / "one.sigmf-data", dtype="<c8")
        assert np.array_equal(raw, recording().samples)
        fields = json.loads((tmp_path / "new" / "one.sigmf-meta").read_text())["global"]
        assert (fields["core:datatype"], fields["semcomm:samples_per_symbol"]) == ("cf32_le", 4)


def test_another_programs_integers_are_read_with_what_was_sent(tmp_path):
    samples = np.round(recording().samples.view(np.float32) * 30).astype(np.int8)
    samples.tofile(tmp_path / "heard.sigmf-data")
    made = sigmf.SigMFFile(
        global_info={"core:datatype": "ci8", "core:version": "1.2.0", "core:sample_rate": 4e6},
        data_file=tmp_path / "heard.sigmf-data",
    )
    made.add_capture(0)
    made.tofile(tmp_path / "heard.sigmf-meta")
    with pytest.raises(ValueError, match=r"heard.sigmf-meta must say semcomm:height, a int, got None; name what was"):
        Recording.load(tmp_path / "heard.sigmf-meta")
    heard = Recording.load(tmp_path / "heard.sigmf-meta", sent=recording())
    scale = np.vdot(heard.samples, recording().samples) / np.vdot(heard.samples, heard.samples)
    assert abs(scale * heard.samples - recording().samples).max() < 0.05
    assert (heard.system, heard.size) == ("deep-jscc-c4", (40, 36))


def test_what_is_no_recording_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such recording: .*nothing.sigmf"):
        Recording.load(tmp_path / "nothing.sigmf")
    (tmp_path / "letter.sigmf-meta").write_text("Dear all")
    with pytest.raises(ValueError, match="letter.sigmf-meta"):
        Recording.load(tmp_path / "letter.sigmf-meta")
    recording().save(tmp_path / "cut.sigmf-meta")
    (tmp_path / "cut.sigmf-data").write_bytes(b"\0" * 80)  # another checksum
    with pytest.raises(ValueError, match="cut.sigmf-meta is no SigMF recording that can be read"):
        Recording.load(tmp_path / "cut.sigmf-meta")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("height", 0, "height, width and symbols must be at least 1"),
        ("symbols", "many", "must say semcomm:symbols, a int, got 'many'"),
        ("burst", 1, "must say semcomm:burst, a bool, got 1"),
        ("told_snr_db", True, "must say semcomm:told_snr_db, a float, got True"),
        ("levels", "four", "must say semcomm:levels, a int, got 'four'"),
    ],
)
def test_a_field_that_is_wrong_is_named(tmp_path, field, value, message):
    recording().save(tmp_path / "one.sigmf-meta")
    content = json.loads((tmp_path / "one.sigmf-meta").read_text())
    content["global"][f"semcomm:{field}"] = value
    (tmp_path / "one.sigmf-meta").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        Recording.load(tmp_path / "one.sigmf-meta")


def test_nothing_is_left_of_a_recording_that_cannot_be_written(tmp_path, monkeypatch):
    recording().save(tmp_path / "one.sigmf-meta")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(sigmf.SigMFFile, "tofile", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        recording(told_snr_db=3.0).save(tmp_path / "one.sigmf-meta")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "taken.sigmf").mkdir()
    with pytest.raises(OSError, match="cannot write .*taken.sigmf: it is no file"):
        recording().save(tmp_path / "taken.sigmf")
