"""Write a shipped system's `golden.json`: `python tests/make_golden.py mlsc-image-l4-t8`."""

import argparse
import json


def main():
    import test_pretrained

    from semcomm.files.atomic import write_whole
    from semcomm.pretrained import SHIPPED, from_pretrained

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="a name of semcomm.list_pretrained()")
    name = parser.parse_args().name
    golden = test_pretrained.golden_output(from_pretrained(name, device="cpu"))
    with write_whole(SHIPPED / name / "golden.json") as temporary:
        temporary.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"wrote {SHIPPED / name / 'golden.json'}")


if __name__ == "__main__":
    main()
