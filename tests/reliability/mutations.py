"""Ways in which files are damaged: by disks, by networks, by editors, and by people who mean harm."""

import copy
import json
import math

ODD_VALUES = (
    None,
    True,
    False,
    0,
    1,
    -1,
    7,
    2**31,
    2**63,
    10**40,
    -(10**40),
    0.5,
    -0.0,
    1e308,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "x",
    "0",
    "-1",
    "lite",
    "custom",
    "../../../x",
    "/",
    "a" * 5000,
    "\ud800",
    "\0",
    "é\u202e",
    [],
    [[]],
    [None],
    [0, 1],
    [1e308, "x"],
    {},
    {"x": 1},
    {"": None},
)
"""What a field of a JSON file may hold instead of what belongs there."""


def damaged(content, random):
    """Damage a file's bytes in one of nine ways."""
    content = bytearray(content)
    size = len(content)
    at = int(random.integers(size)) if size else 0
    run = int(random.integers(1, 65))
    match int(random.integers(9)):
        case 0:
            return bytes(content[:at])
        case 1 if size:  # a few bits anywhere
            for place in random.integers(size, size=int(random.integers(1, 9))):
                content[place] ^= 1 << int(random.integers(8))
        case 2 if size:  # a few bits at the start, where headers are
            for place in random.integers(min(size, 64), size=int(random.integers(1, 5))):
                content[place] ^= 1 << int(random.integers(8))
        case 3:
            content[at : at + run] = bytes(min(run, size - at))
        case 4:
            content[at:at] = random.bytes(run)
        case 5:
            del content[at : at + run]
        case 6:
            content[at:at] = content[at : at + run]
        case 7:
            content[at : at + 4] = random.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\1\0\0"])
        case 8:
            content[at:] = random.bytes(size - at)
    return bytes(content)


def misfilled(document, random):
    """Change one place of a JSON document: another value, a missing one, one too many, one of another place."""
    document = copy.deepcopy(document)
    places = list(_places(document))
    if not places:
        return odd_value(random)
    holder, key = places[int(random.integers(len(places)))]
    match int(random.integers(6)):
        case 0:
            del holder[key]
        case 1:
            other, place = places[int(random.integers(len(places)))]
            holder[key] = copy.deepcopy(other[place])
        case 2 if isinstance(holder, list):
            holder.append(odd_value(random))
        case 2:
            holder["more"] = odd_value(random)
        case _:
            holder[key] = odd_value(random)
    return document


def misfilled_text(document, random):
    """Write a JSON document with a fault in its content, or with one in its text."""
    if random.integers(3):
        return json.dumps(misfilled(document, random)).encode()
    text = json.dumps(document).encode()
    if random.integers(12) == 0:
        return random.choice([b"", b"[" * 100_000, b"null", b"\xff\xfe", b'{"a":' * 50_000, b"\xef\xbb\xbf" + text])
    return damaged(text, random)


def odd_value(random):
    """Draw one of `ODD_VALUES`."""
    return copy.deepcopy(ODD_VALUES[int(random.integers(len(ODD_VALUES)))])


def _places(document):
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)
