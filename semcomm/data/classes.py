"""PASCAL VOC's 21 classes, which the lite segmenter tells apart, and how other data's labels map to them."""

VOC_CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted plant",
    "sheep",
    "sofa",
    "train",
    "tv monitor",
)
"""VOC's classes in label order."""

IGNORED = 255
"""Label of a pixel that says nothing: VOC's unsure, CamVid's void."""

CAMVID_LABELS = 12
"""CamVid's labels: Sky, Building, Pole, Road, Pavement, Tree, SignSymbol, Fence, Car, Pedestrian, Bicyclist, void."""

CAMVID_TO_VOC = (0, 0, 0, 0, 0, 0, 0, 0, VOC_CLASSES.index("car"), VOC_CLASSES.index("person"), IGNORED, IGNORED)
"""VOC label of each of CamVid's. A bicyclist is two of VOC's classes at once, so that such a pixel says nothing."""

_RENAMED = {
    "airplane": "aeroplane",
    "couch": "sofa",
    "motorcycle": "motorbike",
    "tv": "tv monitor",
}
"""COCO's names for VOC's classes, where they differ."""


def voc_label(coco_category: str) -> int:
    """Give the VOC label of a COCO category: background where VOC has no such class.

    Args:
        coco_category: the category's name in COCO's instances file.

    Example:
        >>> VOC_CLASSES[voc_label("couch")], VOC_CLASSES[voc_label("zebra")]
        ('sofa', 'background')
    """
    name = _RENAMED.get(coco_category, coco_category)
    return VOC_CLASSES.index(name) if name in VOC_CLASSES else 0
