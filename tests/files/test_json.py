import pytest

from semcomm.files.json import read_object, write_json


def test_what_is_written_is_read(tmp_path):
    content = {"name": "größer", "numbers": [1, 2.5, None]}
    write_json(tmp_path / "new" / "a.json", content)
    assert read_object(tmp_path / "new" / "a.json") == content
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{not json", r"a\.json is no JSON file"),
        ("[1]", r"a\.json must hold a JSON object, got list"),
        ("\x00", r"a\.json is no JSON file"),
    ],
)
def test_anything_else_is_named(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_object(tmp_path / "a.json")


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.json is no JSON file"):
        read_object(tmp_path / "a.json")


def test_what_json_cannot_say_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_object(tmp_path / "a.json") == {"a": 1}
