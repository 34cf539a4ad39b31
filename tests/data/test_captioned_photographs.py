"""Captioned photographs: the two layouts, the split and the words."""

import numpy as np
import pytest
from PIL import Image

from semcomm.data.captions import (
    CaptionedImage,
    common_words,
    read_flickr8k,
    split_by_name,
    tokenize,
)


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(path)


def test_flickr8k_gathers_the_captions_of_each_image(tmp_path):
    picture(tmp_path / "images" / "b.jpg")
    picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "captions.txt").write_text('image,caption\nb.jpg,A dog .\na.jpg,"A cat , asleep ."\nb.jpg,Dogs run .\n')
    assert read_flickr8k(tmp_path) == [
        CaptionedImage(tmp_path / "images" / "a.jpg", ("A cat , asleep .",)),
        CaptionedImage(tmp_path / "images" / "b.jpg", ("A dog .", "Dogs run .")),
    ]


def test_wrong_flickr8k_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold captions\.txt"):
        read_flickr8k(tmp_path)
    (tmp_path / "captions.txt").write_text("image,caption\nb.jpg,A dog .\n")
    with pytest.raises(ValueError, match="must hold every captioned image, 'b.jpg' is missing"):
        read_flickr8k(tmp_path)
    (tmp_path / "captions.txt").write_text("image,caption\n")
    with pytest.raises(ValueError, match="captions.txt must hold captions below its first line, it holds none"):
        read_flickr8k(tmp_path)
    (tmp_path / "captions.txt").write_text("file\nb.jpg\n")
    with pytest.raises(ValueError, match="must have the columns image,caption"):
        read_flickr8k(tmp_path)


def test_the_split_is_disjoint_whole_and_independent_of_the_order(tmp_path):
    samples = [CaptionedImage(tmp_path / f"{number}.jpg", ("a",)) for number in range(30)]
    train, validation, test = split_by_name(samples, test=5, validation=4)
    assert (len(train), len(validation), len(test)) == (21, 4, 5)
    assert {*train, *validation, *test} == {*samples}
    assert split_by_name(samples[::-1], test=5, validation=4) == (train, validation, test)
    # Fixed for good: the shipped captioner's test images are those of this rule.
    assert [sample.path.name for sample in test] == ["26.jpg", "19.jpg", "0.jpg", "5.jpg", "14.jpg"]
    with pytest.raises(ValueError, match=r"must leave images to train on, got 20 \+ 10 of 30"):
        split_by_name(samples, test=20, validation=10)


def test_words():
    samples = [CaptionedImage("x.jpg", ("A Dog's dog .", "The dog , 2 dogs"))]
    assert tokenize("Two dogs' toys, one man's.") == ["two", "dogs", "toys", "one", "man's"]
    assert common_words(samples, least=1)[0] == ["dog", "2", "a", "dog's", "dogs", "the"]
    assert common_words(samples, least=2) == (["dog"], [2])
