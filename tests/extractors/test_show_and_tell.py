import copy
import itertools
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as transforms

from semcomm.extractors import show_and_tell
from semcomm.extractors.inference import IMAGENET_MEAN, IMAGENET_STD, normalize
from semcomm.extractors.show_and_tell import CaptionDecoder, build_show_and_tell, load_show_and_tell
from semcomm.extractors.vocabulary import MARKERS
from semcomm.transmitter.caption import CaptionFeature

PAD, START, END, UNKNOWN, A, DOG, RUNS = range(7)
WORDS = [*MARKERS, "a", "dog", "runs"]


def _decoder(seed, *, words=7, layers=1):
    torch.manual_seed(seed)
    decoder = CaptionDecoder(6, 8, words, layers=layers)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(3)
    return decoder.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def captioner(images):
    torch.manual_seed(4)
    captioner = build_show_and_tell(WORDS, depth=18, embedding_size=6, hidden_size=8, max_length=9)
    with torch.no_grad():
        for parameter in captioner.decoder.parameters():
            parameter.mul_(4)
        # Random weights tell the same of every image; normalising by these images' statistics sets them apart.
        captioner.eval().encoder.bn.momentum = None
        captioner.encoder.bn.train()(captioner.encoder.linear(captioner.encoder.resnet(normalize(images)).flatten(1)))
    return captioner.eval()


@pytest.fixture(scope="module")
def images():
    shades = torch.tensor([0.2, 0.5, 1.0]).view(3, 1, 1, 1)
    return shades * torch.rand(3, 3, 60, 90, generator=torch.Generator().manual_seed(1))


def test_names_and_shapes_are_the_published_ones(read_shapes):
    with torch.device("meta"):
        network = build_show_and_tell([*MARKERS, *map(str, range(996))])
    shapes = read_shapes("showandtell")
    for part in ("encoder", "decoder"):
        state = getattr(network, part).state_dict()
        assert {name: list(value.shape) for name, value in state.items()} == shapes[part]


def test_outputs_are_the_published_networks(tmp_path, read_shapes, read_reference, fill_by_rule):
    for part, shapes in read_shapes("showandtell").items():
        torch.save(fill_by_rule(shapes), tmp_path / f"{part}.ckpt")
    (tmp_path / "vocabulary.json").write_text(json.dumps([*MARKERS, *map(str, range(996))]))
    network = load_show_and_tell(*(tmp_path / name for name in ("encoder.ckpt", "decoder.ckpt", "vocabulary.json")))
    (tmp_path / "encoder.ckpt").unlink()  # 240 MB
    pixels = [np.random.default_rng(1).random((3, 224, 224)), np.random.default_rng(2).random((3, 224, 224)) ** 3]
    images = torch.from_numpy(np.stack(pixels).astype(np.float32))
    x = transforms.normalize(images, list(IMAGENET_MEAN), list(IMAGENET_STD))
    reference = read_reference("showandtell")
    with torch.no_grad():
        features = network.encoder(x)
        np.testing.assert_allclose(features, reference["features"], rtol=0, atol=1e-3)
        np.testing.assert_array_equal(network.decoder.greedy(features, 20), reference["token_ids"])


def test_it_is_a_captioner_with_its_own_preprocessing(captioner, images):
    CaptionFeature(captioner)
    ready = transforms.resize(images, [224, 224], antialias=True)
    ready = transforms.normalize(ready, list(IMAGENET_MEAN), list(IMAGENET_STD))
    tokens = captioner.generate(images)
    assert tokens.dtype == torch.int64
    assert tokens.shape == (3, 9)
    assert len({tuple(row) for row in tokens.tolist()}) == 3, "captions should differ between images"
    with torch.no_grad():
        assert torch.equal(tokens, captioner.strip(captioner(ready)))


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_tell_nearly_the_same(captioner, images, precision):
    told = captioner.generate(images[:1])
    same = copy.deepcopy(captioner).to(precision).generate(images[:1]) == told
    assert same.float().mean() > 0.5


def test_half_precision_images_are_converted(captioner, images):
    half = images.half()
    assert torch.equal(captioner.generate(half), captioner.generate(half.float()))


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (224, 224)])
def test_any_size(captioner, size):
    assert captioner.generate(torch.rand(1, 3, *size)).shape == (1, 9)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_images_do_not_depend_on_each_other_even_in_train_mode(captioner, images, beam_size):
    captioner.beam_size = beam_size
    alone = torch.cat([captioner.generate(image[None]) for image in images])
    captioner.train()
    try:
        assert torch.equal(captioner.generate(images), alone)
        assert captioner.encoder.bn.training
    finally:
        captioner.eval()
        captioner.beam_size = 1


def _log_likelihoods(decoder, image, captions):
    """Spell the recurrence out with an LSTM cell, an independent way to the same numbers."""
    cell = nn.LSTMCell(decoder.lstm.input_size, decoder.lstm.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in decoder.lstm.state_dict().items()})
    scores = []
    for caption in captions:
        state = cell(image[None])
        score = 0.0
        for token in caption:
            score += float(F.log_softmax(decoder.linear(state[0]), dim=1)[0, token])
            if token == END:
                break
            state = cell(decoder.embed.weight[token][None], state)
        scores.append(score)
    return scores


@torch.no_grad()
@pytest.mark.parametrize("seed", range(4))
def test_beam_finds_the_likeliest_of_all_captions(seed):
    words, length = 5, 3
    decoder = _decoder(seed, words=words)
    images = torch.randn(2, 6, generator=torch.Generator().manual_seed(seed))
    everything = list(itertools.product(range(words), repeat=length))
    found = decoder.beam(images, length, beams=words**length, end=END)
    for image, caption in zip(images, found.tolist(), strict=True):
        scores = _log_likelihoods(decoder, image, everything)
        told = _log_likelihoods(decoder, image, [caption])[0]
        assert told == pytest.approx(max(scores), abs=1e-5)
        measured = decoder.log_likelihood(image[None], torch.tensor([caption]), end=END)
        assert float(measured) == pytest.approx(told, abs=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("layers", [1, 2])
def test_one_beam_is_greedy(captioner, layers):
    decoder = _decoder(5, layers=layers)
    images = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    greedy, beam = decoder.greedy(images, 8), decoder.beam(images, 8, beams=1, end=END)
    assert torch.equal(captioner.strip(greedy), captioner.strip(beam))
    # Teacher forcing agrees with the recurrence: every greedy word is the likeliest after those before it.
    assert torch.equal(decoder(images, greedy[:, :-1]).argmax(dim=2), greedy)


@torch.no_grad()
@pytest.mark.parametrize("beams", [2, 3, 10])
def test_more_beams_never_tell_a_less_likely_caption(beams):
    better = 0
    for seed in range(10):
        decoder = _decoder(seed, words=12)
        images = torch.randn(20, 6, generator=torch.Generator().manual_seed(seed))
        greedy, beam = decoder.greedy(images, 8), decoder.beam(images, 8, beams=beams, end=END)
        scores = [decoder.log_likelihood(images, tokens, end=END) for tokens in (greedy, beam)]
        assert (scores[1] >= scores[0] - 1e-5).all()
        better += int((scores[1] > scores[0] + 1e-3).sum())
    assert better > 0, "the search should find likelier captions than greedy here and there"


@pytest.mark.parametrize(
    ("raw", "words", "text"),
    [
        ([START, A, DOG, END, RUNS, A], [A, DOG], "a dog"),
        ([A, DOG, RUNS, A, DOG, RUNS], [A, DOG, RUNS, A, DOG, RUNS], "a dog runs a dog runs"),
        ([START, A, START, PAD, UNKNOWN, END], [A, UNKNOWN], "a <unk>"),
        ([START, END, A, A, A, A], [], ""),
        ([END, END, END, END, END, END], [], ""),
        ([PAD, PAD, PAD, PAD, PAD, PAD], [], ""),
    ],
)
def test_strip_and_text(captioner, raw, words, text):
    stripped = captioner.strip(torch.tensor([raw, raw]))
    assert stripped.tolist() == [words + [PAD] * (6 - len(words))] * 2
    assert captioner.text(torch.tensor([raw, raw])) == captioner.text(stripped) == [text, text]


def test_embed_looks_words_up_and_leaves_padding_zero(captioner):
    embedded = captioner.embed(torch.tensor([[A, DOG, PAD], [PAD, PAD, PAD]]))
    table = captioner.decoder.embed.weight
    assert embedded.shape == (2, 3, captioner.embedding_size)
    assert not embedded.requires_grad
    assert torch.equal(embedded[0, :2], table[[A, DOG]])
    assert table[PAD].abs().min() > 0
    assert embedded[0, 2].eq(0).all()
    assert embedded[1].eq(0).all(), "an empty caption embeds to zeros"


@pytest.mark.parametrize("depth", [18, 34, 50, pytest.param(101, marks=pytest.mark.slow)])
def test_depth_and_sizes_are_read_from_the_checkpoint(monkeypatch, depth):
    original = build_show_and_tell(WORDS, depth=depth, embedding_size=5, hidden_size=4, layers=2)
    states = {"encoder": original.encoder.state_dict(), "decoder": original.decoder.state_dict()}
    monkeypatch.setattr(show_and_tell, "read_state_dict", states.get)
    loaded = load_show_and_tell("encoder", "decoder", WORDS, max_length=7, beam_size=2)
    assert (loaded.max_length, loaded.beam_size, loaded.embedding_size, loaded.training) == (7, 2, 5, False)
    torch.testing.assert_close(loaded.state_dict(), original.state_dict())


@pytest.fixture
def files(captioner, tmp_path):
    for part in ("encoder", "decoder"):
        save_file(getattr(captioner, part).state_dict(), tmp_path / f"{part}.safetensors")
    (tmp_path / "vocabulary.json").write_text(json.dumps(WORDS))
    yield [tmp_path / name for name in ("encoder.safetensors", "decoder.safetensors", "vocabulary.json")]
    (tmp_path / "encoder.safetensors").unlink()


def test_files_load_back(captioner, files, images):
    loaded = load_show_and_tell(*files, max_length=9)
    assert loaded.vocabulary == tuple(WORDS)
    assert torch.equal(loaded.generate(images), captioner.generate(images))


def test_files_that_do_not_belong_together_are_told(files, tmp_path):
    encoder, decoder, vocabulary = files
    with pytest.raises(ValueError, match=r"vocabulary has 8 words, checkpoint '.*decoder\.safetensors' has 7"):
        load_show_and_tell(encoder, decoder, [*WORDS, "cat"])
    with pytest.raises(
        ValueError, match=r"encoder\.safetensors' does not fit CaptionDecoder: missing 5: embed\.weight"
    ):
        load_show_and_tell(encoder, encoder, vocabulary)
    with pytest.raises(ValueError, match=r"decoder\.safetensors' does not fit ImageEncoder: missing"):
        load_show_and_tell(decoder, decoder, vocabulary)
    pickled = tmp_path / "vocab.pkl"
    pickled.write_bytes(b"\x80\x04]\x94.")
    with pytest.raises(ValueError, match=r"vocab\.pkl' is refused"):
        load_show_and_tell(encoder, decoder, pickled)


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="depth is 19, required: one of 18, 34, 50, 101, 152"):
        build_show_and_tell(WORDS, depth=19)
    with pytest.raises(ValueError, match="vocabulary lacks <pad>"):
        build_show_and_tell(WORDS[1:], depth=18)
    for option in ("max_length", "beam_size"):
        with torch.device("meta"), pytest.raises(ValueError, match=f"{option} must be an integer of at least 1, got 0"):
            build_show_and_tell(WORDS, depth=18, **{option: 0})


def test_raw_input_is_checked(captioner):
    with pytest.raises(ValueError, match=r"images has shape \(3, 8, 8\)"):
        captioner.generate(torch.zeros(3, 8, 8))
    with pytest.raises(TypeError, match=r"images is torch\.uint8"):
        captioner.generate(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="tokens range from 7 to 7, required: 0 to 6"):
        captioner.embed(torch.tensor([[7]]))
