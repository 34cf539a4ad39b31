"""The small merged list of classes that the lite segmenter tells apart, and how labelled data map to it.

The first eleven are CamVid's, in its order, so that a CamVid label is its own merged label. COCO's 80 categories
of things fall into those eleven where they fit and into four more classes otherwise.
"""

CLASS_NAMES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "vegetation",
    "sign",
    "fence",
    "vehicle",
    "person",
    "bicycle",
    "animal",
    "food",
    "furniture",
    "object",
)
"""Merged classes in label order."""

CAMVID_CLASSES = 11
"""The first so many merged labels are CamVid's labels: Sky, Building, Pole, Road, Pavement, Tree, SignSymbol,
Fence, Car, Pedestrian, Bicyclist."""

IGNORED = 255
"""Label of a pixel that says nothing: CamVid's void."""

NOT_A_THING = 254
"""Label of a pixel that no COCO object covers: any class of `STUFF`, we are not told which."""

STUFF = tuple(range(8))
"""Merged labels that a pixel outside all COCO objects may have: sky, building, pole, road, pavement, vegetation,
sign, fence."""

COCO_THINGS = {
    "person": ("person",),
    "bicycle": ("bicycle", "motorcycle"),
    "vehicle": ("car", "airplane", "bus", "train", "truck", "boat"),
    "sign": ("traffic light", "stop sign", "parking meter"),
    "vegetation": ("potted plant",),
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
    "food": (
        "banana",
        "apple",
        "sandwich",
        "orange",
        "broccoli",
        "carrot",
        "hot dog",
        "pizza",
        "donut",
        "cake",
    ),
    "furniture": (
        "bench",
        "chair",
        "couch",
        "bed",
        "dining table",
        "toilet",
        "microwave",
        "oven",
        "sink",
        "refrigerator",
    ),
}
"""COCO categories by merged class; every category not named here is an "object"."""

PALETTE = (
    (120, 198, 250),
    (121, 29, 27),
    (230, 250, 196),
    (125, 16, 97),
    (224, 53, 250),
    (85, 154, 80),
    (250, 250, 5),
    (132, 121, 120),
    (25, 5, 173),
    (207, 7, 5),
    (5, 221, 205),
    (241, 146, 10),
    (128, 250, 113),
    (47, 74, 168),
    (15, 5, 27),
)
"""RGB colours in label order, 0 to 255, found by maximising the least CIELAB distance between two of them as seen
with normal sight and with simulated protanopia and deuteranopia (Machado et al., 2009)."""


def merged_label(coco_category: str) -> int:
    """Give the merged label of a COCO category.

    Args:
        coco_category: the category's name in COCO's instances file.

    Example:
        >>> CLASS_NAMES[merged_label("zebra")], CLASS_NAMES[merged_label("umbrella")]
        ('animal', 'object')
    """
    for name, categories in COCO_THINGS.items():
        if coco_category in categories:
            return CLASS_NAMES.index(name)
    return CLASS_NAMES.index("object")
