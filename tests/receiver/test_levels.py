import torch
from torch import nn
from toys import semantic_system

from semcomm.contracts import Received
from semcomm.receiver.levels import MultiLevelReceiver
from semcomm.symbols import features_to_symbols


class Recorder(nn.Module):
    """Stands in for a decoder: remembers its input, answers with a constant."""

    def __init__(self, value, complex_channels):
        super().__init__()
        self.value, self.complex_channels = value, complex_channels

    def forward(self, features, snr_db):
        self.seen, self.snr_db = features, snr_db
        return torch.full((features.shape[0], 3, 2 * features.shape[2], 2 * features.shape[3]), float(self.value))


class Fusion(nn.Module):
    def forward(self, features, snr_db):
        self.snr_db = snr_db
        return features


def test_every_level_gets_its_own_channels_and_fusion_gets_all_in_order():
    decoders = [Recorder(1, 1), Recorder(2, 3), Recorder(3, 4)]
    receiver = MultiLevelReceiver(decoders, Fusion(), downsampling=2)
    features = torch.arange(16.0).reshape(1, 16, 1, 1).expand(2, 16, 4, 5)
    fused = receiver(Received(features_to_symbols(features)), (8, 10), 7.0)
    assert [decoder.seen[0, :, 0, 0].tolist() for decoder in decoders] == [
        [0.0, 1.0],
        [2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        [8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0],
    ]
    assert fused.shape == (2, 9, 8, 10)
    assert fused[0, :, 0, 0].tolist() == [1.0] * 3 + [2.0] * 3 + [3.0] * 3
    assert all(stage.snr_db == 7.0 for stage in (*decoders, receiver.fusion))


def test_receiver_mirrors_the_transmitter_level_by_level():
    system = semantic_system(l=4)
    transmitter, receiver = system.transmitter, system.receiver
    encoders = [transmitter.text_encoder, transmitter.segmentation_encoder, transmitter.fused_encoder]
    encoders += list(transmitter.detail_encoders)
    assert receiver.level_channels == [2 * encoder.complex_channels for encoder in encoders] == [2, 6, 6, 6, 6]
