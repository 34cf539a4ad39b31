import json
import pickle

import pytest
import torch

from semcomm.extractors.vocabulary import MARKERS, check_tokens, check_vocabulary, read_vocabulary

WORDS = [*MARKERS, "a", "café", "don't"]


def test_json_and_text_read_alike(tmp_path):
    (tmp_path / "words.json").write_text(json.dumps(WORDS), encoding="utf-8")
    (tmp_path / "words.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    assert read_vocabulary(tmp_path / "words.json") == read_vocabulary(str(tmp_path / "words.txt")) == WORDS


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_is_refused_with_the_way_out(tmp_path, protocol):
    path = tmp_path / "vocab.pkl"
    path.write_bytes(pickle.dumps(WORDS, protocol=protocol))
    with pytest.raises(ValueError, match=r"vocab\.pkl' is refused.*json\.dump"):
        read_vocabulary(path)


def test_json_too_deep_to_read_is_refused(tmp_path):
    path = tmp_path / "words.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"words\.json' is refused: required is a JSON list of words"):
        read_vocabulary(path)


@pytest.mark.parametrize("content", ['{"a": 1}', "[1, 2]", "3"])
def test_other_json_is_refused(tmp_path, content):
    path = tmp_path / "words.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"words\.json' holds a \w+, required: a JSON list of words"):
        read_vocabulary(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.json' is not there"):
        read_vocabulary(tmp_path / "gone.json")


def test_vocabulary_faults_are_named():
    check_vocabulary(WORDS, words=7)
    with pytest.raises(ValueError, match="vocabulary lacks <start>, <unk>, required"):
        check_vocabulary(["<pad>", "<end>", "a"], words=3)
    with pytest.raises(ValueError, match="vocabulary has 7 words, required: the decoder's 9"):
        check_vocabulary(WORDS, words=9)
    with pytest.raises(ValueError, match="vocabulary repeats 'a', required: every word once"):
        check_vocabulary([*WORDS, "a"], words=8)


@pytest.mark.parametrize("tokens", [[[0, 7]], [[-1, 3]]])
def test_tokens_of_another_vocabulary_are_refused(tokens):
    check_tokens(torch.tensor([[0, 6]]), words=7)
    check_tokens(torch.empty(1, 0, dtype=torch.int64), words=7)
    with pytest.raises(ValueError, match="tokens range from .* required: 0 to 6"):
        check_tokens(torch.tensor(tokens), words=7)
