"""Peaks of the symbols as a score: by hand, in the rows, and none where no symbols are sent."""

import csv
import io

import pytest
import torch
from toys import rand_images, small_system

from semcomm import PowerNormalize, SeparationBaseline, evaluate
from semcomm.quality.peaks import peaks
from semcomm.transmission import Transmission, papr_db
from semcomm.transmitter.peaks import ConstraintChain, PeakLimit

IMAGE = torch.zeros(2, 3, 16, 16)


def sent(symbols):
    return Transmission(IMAGE, 8, 0.1, 0.3, IMAGE, IMAGE, symbols=symbols, papr_db=papr_db(symbols))


def test_peaks_by_hand():
    """Eight symbols: one of nine times the power of another; the other image's are all alike."""
    symbols = torch.tensor([[3.0, 1, 1, 1, 1, 1, 1, 1], [2.0] * 8]).to(torch.complex64)
    scores = peaks(IMAGE, IMAGE, transmission=sent(symbols))
    assert scores["papr_db"].tolist() == pytest.approx([6.532, 0.0], abs=1e-3)
    assert scores["above_3db"].tolist() == scores["above_6db"].tolist() == [0.125, 0.0]
    assert scores["above_9db"].tolist() == [0.0, 0.0]


def test_they_are_columns_of_a_measurement():
    system = small_system(2, 4, norm="none")
    system.constraint = ConstraintChain([PowerNormalize(), PeakLimit(4.0)])
    measured = evaluate(system, rand_images(3), 10.0, metrics=["papr"])
    row = next(csv.DictReader(io.StringIO(measured.csv())))
    assert float(row["papr_db"]) <= 4.0 + 1e-3
    assert 0 < float(row["above_3db"]) < 0.5
    assert row["above_6db"] == row["above_9db"] == "0.0"
    assert "PAPR (dB)" in measured.table()


def test_a_codec_at_capacity_sends_no_symbols():
    measured = evaluate(SeparationBaseline("jpeg", bandwidth_ratio=1.0), rand_images(2), 10.0, metrics=["papr"])
    assert measured.rows[0]["papr_db"] is None
    assert measured.rows[0]["papr_db_left_out"] == 2


def test_a_metric_of_ones_own_may_see_the_transmission():
    def power(received, sent, *, transmission):  # noqa: ARG001
        return transmission.power

    measured = evaluate(small_system(2, 4), rand_images(1), 10.0, metrics={"power": power, "written in C": torch.dist})
    assert measured.rows[0]["power"] == pytest.approx(1.0, abs=1e-5)
    assert measured.rows[0]["written in C"] > 0
