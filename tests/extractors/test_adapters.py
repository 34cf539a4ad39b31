import copy
import sys

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.models.segmentation import fcn_resnet50, lraspp_mobilenet_v3_large
from torchvision.transforms._presets import SemanticSegmentation

from semcomm.extractors.adapters import (
    VOC_CLASSES,
    captioner_from_transformers,
    segmenter_from_torchvision,
    segmenter_from_transformers,
)
from semcomm.extractors.ade20k_classes import ADE20K_CLASSES, ADE20K_PALETTE
from semcomm.extractors.wrappers import TransformersCaptioner
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.segmentation import SegmentationFeature

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] [DEC] a dog runs on grass cat sits the red car man sky big tree".split()
PAD, UNKNOWN, CLS, SEP, MASK, DEC, A, DOG, RUNS = range(9)
T = 6


@pytest.fixture(scope="module")
def images():
    """Photographs for a test: whole numbers of 1/255, all different, not square."""
    shades = torch.tensor([0.2, 0.5, 1.0]).view(3, 1, 1, 1)
    smooth = F.interpolate(
        torch.rand(3, 3, 5, 7, generator=torch.Generator().manual_seed(1)), (40, 56), mode="bilinear"
    )
    return (255 * shades * smooth).round() / 255


def _pillow(image):
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())


def _normalize_batches(model, run):
    """Take batch statistics from these images, for random weights otherwise answer alike whatever the image."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        run()
    return model.eval()


# --- torchvision ---


@pytest.fixture(scope="module")
def lraspp(images):
    torch.manual_seed(0)
    model = lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=5).eval()
    return _normalize_batches(model, lambda: model(images))


CLASSES = ["sky", "road", "tree", "car", "dog"]


def test_torchvision_labels_as_torchvisions_own_preset(lraspp, images):
    segmenter = segmenter_from_torchvision(lraspp, class_names=CLASSES, short_side=64)
    SegmentationFeature(segmenter)
    assert segmenter.class_names == tuple(CLASSES)
    assert segmenter.palette.tolist()[1] == pytest.approx([128 / 255, 0, 0])
    labels = segmenter.segment(images)
    assert labels.dtype == torch.int64
    assert len(labels.unique()) > 1
    preset = SemanticSegmentation(resize_size=64)
    with torch.no_grad():
        scores = lraspp(preset(images))["out"]
    expected = F.interpolate(scores, (40, 56), mode="bilinear", align_corners=False).argmax(1)
    assert (labels == expected).float().mean() > 0.999


def test_torchvision_at_the_images_own_size(lraspp, images):
    segmenter = segmenter_from_torchvision(lraspp, class_names=CLASSES, short_side=None)
    with torch.no_grad():
        expected = lraspp(SemanticSegmentation(resize_size=40)(images))["out"].argmax(1)
    assert (segmenter.segment(images) == expected).float().mean() > 0.999


def test_torchvision_images_do_not_depend_on_each_other_even_in_train_mode(lraspp, images):
    segmenter = segmenter_from_torchvision(lraspp, class_names=CLASSES, short_side=64)
    alone = torch.cat([segmenter.segment(image[None]) for image in images])
    segmenter.train()
    assert torch.equal(segmenter.segment(images), alone)
    assert segmenter.model.training
    segmenter.eval()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (33, 20)])
def test_torchvision_any_size(lraspp, size):
    segmenter = segmenter_from_torchvision(lraspp, class_names=CLASSES, short_side=32)
    assert segmenter.segment(torch.rand(1, 3, *size)).shape == (1, *size)


def test_torchvision_defaults_are_its_21_classes():
    with torch.device("meta"):
        segmenter = segmenter_from_torchvision(fcn_resnet50(weights_backbone=None, aux_loss=True))
    assert segmenter.class_names == VOC_CLASSES
    assert (len(VOC_CLASSES), VOC_CLASSES[0], VOC_CLASSES[15]) == (21, "__background__", "person")
    assert segmenter.short_side == 520


def test_an_image_of_one_class_or_none_known():
    class Background(nn.Module):
        def forward(self, x):
            return {"out": torch.cat([torch.ones_like(x[:, :1]), torch.zeros_like(x[:, :1])], dim=1)}

    segmenter = segmenter_from_torchvision(Background(), class_names=["__background__", "dog"])
    assert segmenter.segment(torch.rand(2, 3, 9, 5)).eq(0).all()


def test_torchvision_refuses_what_does_not_fit(lraspp):
    with pytest.raises(ValueError, match="class_names has 21 names, required: one for each of the model's 5 classes"):
        segmenter_from_torchvision(lraspp)
    with pytest.raises(ValueError, match=r"model ResNet returns a Tensor, required: \{'out': logits"):
        segmenter_from_torchvision(resnet18())
    with pytest.raises(TypeError, match=r"model is a str, required: an nn\.Module"):
        segmenter_from_torchvision("fcn_resnet50")  # pyright: ignore
    with pytest.raises(ValueError, match="short_side must be an integer of at least 1, got 0"):
        segmenter_from_torchvision(lraspp, class_names=CLASSES, short_side=0)
    with pytest.raises(ValueError, match="palette has 1 colours"):
        segmenter_from_torchvision(lraspp, class_names=CLASSES, palette=[(0, 0, 0)])
    with pytest.raises(ValueError, match=r"images has shape \(3, 8, 8\)"):
        segmenter_from_torchvision(lraspp, class_names=CLASSES).segment(torch.zeros(3, 8, 8))


# --- transformers ---


@pytest.fixture(scope="module")
def transformers():
    module = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'semcomm[hf]'")
    module.logging.set_verbosity_error()
    module.logging.disable_progress_bar()
    return module


def _segformer(transformers, class_names, seed=0):
    torch.manual_seed(seed)
    config = transformers.SegformerConfig(
        depths=[1] * 4,
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        initializer_range=0.5,
        id2label=dict(enumerate(class_names)),
        label2id={name: label for label, name in enumerate(class_names)},
    )
    return transformers.SegformerForSemanticSegmentation(config).eval()


@pytest.fixture(scope="module")
def segformer(transformers, images, tmp_path_factory):
    """A folder with a small SegFormer and an image processor of unusual mean, deviation and size."""
    folder = tmp_path_factory.mktemp("segformer")
    processor = transformers.SegformerImageProcessor(
        size={"height": 64, "width": 96}, image_mean=[0.1, 0.2, 0.3], image_std=[0.5, 0.25, 0.4]
    )
    model = _segformer(transformers, CLASSES)
    ready = processor(images=[_pillow(image) for image in images], return_tensors="pt")["pixel_values"]
    _normalize_batches(model, lambda: model(pixel_values=ready))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_segformer_labels_as_transformers_own_pipeline(transformers, segformer, images):
    segmenter = segmenter_from_transformers(segformer)
    SegmentationFeature(segmenter)
    assert segmenter.class_names == tuple(CLASSES)
    labels = segmenter.segment(images)
    assert labels.dtype == torch.int64
    assert len(labels.unique()) > 1
    processor = transformers.AutoImageProcessor.from_pretrained(segformer)
    model = transformers.SegformerForSemanticSegmentation.from_pretrained(segformer).eval()
    for image, label in zip(images, labels, strict=True):
        with torch.no_grad():
            output = model(**processor(images=_pillow(image), return_tensors="pt"))
        expected = processor.post_process_semantic_segmentation(output, target_sizes=[(40, 56)])[0]
        assert (label == expected).float().mean() > 0.999


def test_segformer_images_do_not_depend_on_each_other_even_in_train_mode(segformer, images):
    segmenter = segmenter_from_transformers(str(segformer))
    alone = torch.cat([segmenter.segment(image[None]) for image in images])
    assert torch.equal(segmenter.train().segment(images), alone)


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (3, 200)])
def test_segformer_any_size(segformer, size):
    assert segmenter_from_transformers(segformer).segment(torch.rand(1, 3, *size)).shape == (1, *size)


def test_a_model_already_loaded(transformers, segformer, images):
    model = transformers.AutoModelForSemanticSegmentation.from_pretrained(segformer)
    processor = transformers.AutoImageProcessor.from_pretrained(segformer)
    palette = [(i, 2 * i, 3 * i) for i in range(5)]
    segmenter = segmenter_from_transformers(model, processor=processor, palette=palette)
    assert torch.equal(segmenter.segment(images), segmenter_from_transformers(segformer).segment(images))
    torch.testing.assert_close(segmenter.palette[4] * 255, torch.tensor([4.0, 8.0, 12.0]))
    with pytest.raises(ValueError, match="processor is None, required with a model already loaded"):
        segmenter_from_transformers(model)
    with pytest.raises(ValueError, match="model is a ResNet, required: a transformers semantic-segmentation model"):
        segmenter_from_transformers(resnet18(), processor=processor)


def test_ade20k_classes_get_ade20ks_palette(transformers):
    model = _segformer(transformers, ADE20K_CLASSES)
    segmenter = segmenter_from_transformers(model, processor=transformers.SegformerImageProcessor())
    torch.testing.assert_close(segmenter.palette * 255, torch.tensor(ADE20K_PALETTE, dtype=torch.float32))


def test_mask_classification_models_segment_too(transformers, images, tmp_path):
    torch.manual_seed(0)
    backbone = transformers.SwinConfig(
        image_size=32,
        embed_dim=8,
        depths=[1] * 4,
        num_heads=[1] * 4,
        window_size=4,
        out_features=[f"stage{i}" for i in range(1, 5)],
    )
    config = transformers.MaskFormerConfig(
        backbone_config=backbone,
        decoder_config=transformers.DetrConfig(
            d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=6,
        ),
        fpn_feature_size=32, mask_feature_size=32,
        id2label=dict(enumerate(CLASSES)), label2id={name: label for label, name in enumerate(CLASSES)},
    )  # fmt: skip
    transformers.MaskFormerForInstanceSegmentation(config).save_pretrained(tmp_path)
    transformers.MaskFormerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    segmenter = segmenter_from_transformers(tmp_path)
    labels = segmenter.segment(images)
    assert labels.shape == (3, 40, 56)
    assert labels.dtype == torch.int64
    assert torch.equal(labels[1:2], segmenter.segment(images[1:2]))
    assert labels.max() < len(segmenter.class_names) == 5


def _tokenizer(transformers):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({word: token for token, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token="[DEC]", pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]",
    )  # fmt: skip


def _tokenizer_of_gpt2(transformers):
    """One marker for everything, and no padding."""
    words = _tokenizer(transformers).backend_tokenizer
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="[SEP]", eos_token="[SEP]", unk_token="[SEP]"
    )


def _blip(transformers):
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    markers = {"bos_token_id": DEC, "pad_token_id": PAD, "eos_token_id": SEP, "sep_token_id": SEP}
    config = transformers.BlipConfig(
        text_config={**small, **markers, "vocab_size": len(WORDS), "encoder_hidden_size": 16, "initializer_range": 1.0},
        vision_config={**small, "image_size": 32, "patch_size": 8, "initializer_range": 1.0},
    )
    processor = transformers.BlipImageProcessor(
        size={"height": 32, "width": 32}, image_mean=[0.1] * 3, image_std=[0.2] * 3
    )
    return transformers.BlipForConditionalGeneration(config), processor


def _vit_gpt2(transformers):
    vit = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8
    )
    gpt2 = transformers.GPT2Config(
        vocab_size=len(WORDS), n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=CLS, eos_token_id=SEP,
        initializer_range=1.0,
    )  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(vit, gpt2)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = CLS, PAD, SEP
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    return transformers.VisionEncoderDecoderModel(config=config), processor


@pytest.fixture(scope="module", params=[_blip, _vit_gpt2])
def folder(transformers, tmp_path_factory, request):
    """A folder with a small image-to-text model, its image processor and its tokenizer."""
    folder = tmp_path_factory.mktemp("captioner")
    torch.manual_seed(1)
    for part in (*request.param(transformers), _tokenizer(transformers)):
        part.save_pretrained(folder)
    return folder


def test_captions_are_transformers_own(transformers, folder, images):
    captioner = captioner_from_transformers(folder, max_length=T)
    CaptionFeature(captioner)
    tokens = captioner.generate(images)
    assert tokens.shape == (3, T)
    assert tokens.dtype == torch.int64
    assert len({tuple(row) for row in tokens.tolist()}) == 3, "captions should differ between images"
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for image, row in zip(images, tokens, strict=True):
        pixels = processor(images=_pillow(image), return_tensors="pt")["pixel_values"]
        raw = model.generate(pixel_values=pixels, max_new_tokens=T, do_sample=False)[0]
        assert captioner.text(row[None]) == [tokenizer.decode(raw, skip_special_tokens=True)]
        words = [token for token in raw.tolist() if token not in (PAD, CLS, SEP, MASK, DEC)]
        assert row.tolist() == words + [PAD] * (T - len(words))


def test_captions_do_not_depend_on_each_other_even_in_train_mode(folder, images):
    for beam_size in (1, 3):
        captioner = captioner_from_transformers(str(folder), max_length=T, beam_size=beam_size)
        alone = torch.cat([captioner.generate(image[None]) for image in images])
        assert torch.equal(captioner.train().generate(images), alone)


def test_words_are_embedded_as_the_model_does(folder):
    captioner = captioner_from_transformers(folder, max_length=T)
    names = {"text_decoder.bert.embeddings.word_embeddings.weight", "decoder.transformer.wte.weight"}
    (table,) = (value for name, value in captioner.model.named_parameters() if name in names)
    embedded = captioner.embed(torch.tensor([[A, DOG, PAD], [PAD, PAD, PAD]]))
    assert embedded.shape == (2, 3, captioner.embedding_size) == (2, 3, 16)
    assert not embedded.requires_grad
    assert torch.equal(embedded[0, :2], table[[A, DOG]])
    assert embedded[0, 2].eq(0).all()
    assert embedded[1].eq(0).all(), "an empty caption embeds to zeros"


def test_an_empty_caption(folder, monkeypatch):
    captioner = captioner_from_transformers(folder, max_length=T)
    start = DEC if captioner.model.config.model_type == "blip" else CLS
    monkeypatch.setattr(captioner.model, "generate", lambda **_: torch.tensor([[start, SEP], [start, A]]))
    tokens = captioner.generate(torch.rand(2, 3, 32, 32))
    assert tokens.tolist() == [[PAD] * T, [A] + [PAD] * (T - 1)]
    assert captioner.text(tokens) == ["", "a"]
    assert captioner.embed(tokens)[0].eq(0).all()


def test_a_tokenizer_without_padding(transformers, images, tmp_path):
    torch.manual_seed(3)
    for part in (*_vit_gpt2(transformers), _tokenizer_of_gpt2(transformers)):
        part.save_pretrained(tmp_path)
    captioner = captioner_from_transformers(tmp_path, max_length=T)
    assert captioner.pad == SEP
    tokens = torch.tensor([[A, DOG, SEP, SEP], [SEP, SEP, SEP, SEP]])
    assert torch.equal(captioner.strip(tokens), tokens)
    assert captioner.text(tokens) == ["a dog", ""]
    assert captioner.embed(tokens).abs().sum(2).gt(0).tolist() == [[True, True, False, False], [False] * 4]
    assert captioner.generate(images).shape == (3, T)


def test_what_cannot_caption_is_refused(transformers, segformer):
    model = transformers.SegformerForSemanticSegmentation.from_pretrained(segformer)
    with pytest.raises(ValueError, match="has no word embeddings, required: an image-to-text model"):
        TransformersCaptioner(model, None, _tokenizer(transformers))
    bare = transformers.PreTrainedTokenizerFast(tokenizer_object=_tokenizer(transformers).backend_tokenizer)
    with pytest.raises(ValueError, match="tokenizer has neither a padding nor an end token"):
        TransformersCaptioner(model, None, bare)


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
def test_torchvision_in_other_precisions_labels_nearly_the_same(images, precision):
    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, len(CLASSES), 1)

        def forward(self, x):
            return {"out": self.layer(x)}

    torch.manual_seed(0)
    model = Scores()
    exact, other = (
        segmenter_from_torchvision(one, class_names=CLASSES, short_side=32)
        for one in (model, copy.deepcopy(model).to(precision))
    )
    assert (other.segment(images) == exact.segment(images)).float().mean() > 0.9


def test_half_precision_images_are_converted(folder, segformer, lraspp, images):
    half = images.half()
    exact = half.float()
    captioner, segmenter = captioner_from_transformers(folder, max_length=T), segmenter_from_transformers(segformer)
    assert torch.equal(captioner.generate(half), captioner.generate(exact))
    assert torch.equal(segmenter.segment(half), segmenter.segment(exact))
    segmenter = segmenter_from_torchvision(lraspp, class_names=CLASSES, short_side=64)
    assert torch.equal(segmenter.segment(half), segmenter.segment(exact))


def test_raw_input_is_checked(folder, segformer):
    captioner = captioner_from_transformers(folder)
    with pytest.raises(ValueError, match=r"images has shape \(3, 8, 8\)"):
        captioner.generate(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match=r"images has shape \(3, 8, 8\)"):
        segmenter_from_transformers(segformer).segment(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="tokens range from 20 to 20, required: 0 to 19"):
        captioner.embed(torch.tensor([[20]]))
    with pytest.raises(ValueError, match="max_length must be an integer of at least 1, got 0"):
        captioner_from_transformers(folder, max_length=0)
    with pytest.raises(ValueError, match="beam_size must be an integer of at least 1, got 0"):
        captioner_from_transformers(folder, beam_size=0)


@pytest.mark.parametrize(
    ("load", "kind"),
    [(segmenter_from_transformers, "semantic-segmentation"), (captioner_from_transformers, "image-to-text")],
)
def test_a_model_of_another_kind_is_refused(transformers, tmp_path, load, kind):
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"is a bert model, required: a transformers {kind} model"):
        load(tmp_path)


def test_a_model_without_its_head_is_refused(transformers, tmp_path):
    _segformer(transformers, CLASSES).segformer.save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"is no semantic-segmentation model: its checkpoint lacks \d+ parameters: decode_head"
    ):
        segmenter_from_transformers(tmp_path)


@pytest.mark.parametrize("load", [segmenter_from_transformers, captioner_from_transformers])
def test_missing_parts_are_named(transformers, tmp_path, load, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="gone' has no configuration to load"):
        load(tmp_path / "gone")
    make = _blip if load is captioner_from_transformers else lambda t: (_segformer(t, CLASSES), None)
    model = make(transformers)[0]
    model.config.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="has no weights to load"):
        load(tmp_path)
    model.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="has no image processor to load"):
        load(tmp_path)


@pytest.mark.parametrize("load", [segmenter_from_transformers, captioner_from_transformers])
def test_without_transformers_the_extra_is_named(monkeypatch, load):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'semcomm\[hf\]'"):
        load("some/model")
