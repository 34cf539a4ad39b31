"""Tiny folders in the layouts of MSCOCO and ADE20K."""

import json

import numpy as np
from PIL import Image


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array).astype(np.uint8)).save(path)


def box(left, top, right, bottom):
    return [[left, top, right, top, right, bottom, left, bottom]]


def write_json(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def coco_documents(split):
    """Two photographs of 8 x 10 pixels, three captions, three objects of two categories, and one file not there."""
    prefix = f"COCO_{split}_" if split.endswith("2014") else ""
    images = [
        {"id": number, "file_name": f"{prefix}{number:012}.jpg", "height": 8, "width": 10} for number in (9, 25, 30)
    ]
    said = [(25, "A dog ."), (9, "One ."), (25, "It runs .")]
    captions = [{"id": n, "image_id": image, "caption": text} for n, (image, text) in enumerate(said)]
    runs = {"size": [8, 10], "counts": [3, 2, 75]}
    objects = [
        {"image_id": 9, "category_id": 1, "area": 60, "iscrowd": 0, "segmentation": box(0, 0, 10, 6)},
        {"image_id": 9, "category_id": 18, "area": 4.0, "iscrowd": 0, "segmentation": box(2, 2, 4, 4)},
        {"image_id": 9, "category_id": 18, "area": 2, "iscrowd": 1, "segmentation": runs},
    ]
    categories = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    return {
        "captions": {"images": images, "annotations": captions},
        "instances": {
            "images": images,
            "annotations": [{"id": number} | one for number, one in enumerate(objects)],
            "categories": categories,
        },
    }


def write_coco(root, *splits):
    """Write MSCOCO's layout."""
    for split in splits:
        documents = coco_documents(split)
        for record in documents["captions"]["images"][:2]:
            save(root / split / record["file_name"], np.full((8, 10, 3), record["id"]))
        for name, document in documents.items():
            write_json(root / "annotations" / f"{name}_{split}.json", document)
    return root


def write_full_ade20k(root, *, split="training"):
    """Write the layout of ADE20K's release of 2021: one street of 4 x 6 pixels, and what is beside it."""
    folder = root / "images" / "ADE" / split / "urban" / "street"
    stem = f"ADE_{split[:5]}_00000001"
    save(folder / f"{stem}.jpg", np.full((4, 6, 3), 90))
    # class = 256 floor(R / 10) + G: sky 2420, building 312, pot 1906, flowerpot 1907, something without a name
    classes = np.repeat([2420, 312, 1906, 1907, 3000, 0], 4).reshape(6, 4).T
    save(folder / f"{stem}_seg.png", np.stack([classes // 256 * 10 + 7, classes % 256, classes % 5], axis=-1))
    save(folder / f"{stem}_parts_1.png", np.zeros((4, 6, 3)))
    save(folder / stem / f"instance_000_{stem}.png", np.zeros((4, 6)))
    names = {2420: "sky", 312: "building, edifice", 1906: "pot", 1907: "pot, flowerpot"}
    objects = [{"id": n, "name": name, "name_ndx": index} for n, (index, name) in enumerate(names.items())]
    write_json(folder / f"{stem}.json", {"annotation": {"filename": f"{stem}.jpg", "object": objects}})
    return folder / f"{stem}.jpg"


def write_ade20k_benchmark(root, *splits):
    """Write ADEChallengeData2016's layout: one photograph of 3 x 5 pixels per split."""
    for split in splits:
        save(root / "images" / split / "ADE_1.jpg", np.full((3, 5, 3), 90))
        save(root / "annotations" / split / "ADE_1.png", np.arange(15).reshape(3, 5) * 10 + 10)
    return root
