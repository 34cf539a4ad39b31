"""The README of a trained lite extractor's folder, written from its record."""

from semcomm.data.classes import CAMVID_CLASSES, CLASS_NAMES, COCO_THINGS

_CAMVID_NAMES = (
    "Sky",
    "Building",
    "Pole",
    "Road",
    "Pavement",
    "Tree",
    "SignSymbol",
    "Fence",
    "Car",
    "Pedestrian",
    "Bicyclist",
)


def readme_text(record: dict) -> str:
    """Write the README: what the extractor is, what it was trained on, how it scores and what it cannot do.

    Args:
        record: what `training.json` holds.
    """
    kind = record["kind"].removesuffix("-lite")
    if kind == "caption":
        about, scores = _about_captioner(), _captioner_scores(record["metrics"])
    else:
        about, scores = _about_segmenter(), _segmenter_scores(record["metrics"])
    data = "\n".join(
        f"- `{source['folder']}` ({source['layout']} layout, {source['split']}): {source['images']} images, "
        f"SHA-256 of its files `{source['sha256']}`"
        for source in record["data"]
    )
    folders = " ".join(f"--data {source['folder'].upper().replace('-', '_')}" for source in record["data"])
    trunk = f" --begin-from {record['begin_from']}" if record["begin_from"] else ""
    begun = f" Training began with the weights of `{record['begin_from']}`." if record["begin_from"] else ""
    notes = f"\n{record['notes']}\n" if "notes" in record else ""
    return f"""# {record["kind"]}

{about}

## Trained on

{data}

{record["steps_taken"]} steps of {record["batch_size"]} images, seed {record["seed"]}; the network of step
{record["best_step"]} was the best by its validation score ({record["best_validation_score"]:.3f}). No
weights pretrained elsewhere.{begun}
{notes}
The whole recipe is in `training.json`. To train it again:

    semcomm train-extractor {kind} {folders} --steps {record["steps"]} --batch-size {record["batch_size"]} \\
        --lr {record["learning_rate"]}{trunk} --seed {record["seed"]} --out FOLDER

## Scores

On images never trained on, printed by `semcomm score-extractor {kind} {folders}`:

{scores}

`golden.json` is the output for a synthetic picture; a test recomputes it.
"""


def _about_segmenter() -> str:
    coco = {name: ", ".join(categories) for name, categories in COCO_THINGS.items()} | {"object": "all others"}
    rows = "\n".join(
        f"| {label} | {name} | {_CAMVID_NAMES[label] if label < CAMVID_CLASSES else ''} | {coco.get(name, '')} |"
        for label, name in enumerate(CLASS_NAMES)
    )
    return f"""A small segmenter: a residual trunk with strip pooling, {len(CLASS_NAMES)} classes, any image size.

What it can do: label street scenes seen from a car well enough to recognise them, and mark large people, vehicles
and animals in photographs. What it cannot: it saw few photographs other than street scenes, so indoor rooms, food
and small objects are mostly labelled wrongly, and everything that belongs to no class (a wall, a shadow, water)
gets the label that looks most alike. It is a stand-in that works offline, not a match for a network pretrained on
ADE20K or COCO.

| label | class | CamVid | COCO |
|---|---|---|---|
{rows}

A pixel outside every COCO object was trained to be one of the first eight classes, without being told which. CamVid's
void pixels were left out."""


def _about_captioner() -> str:
    return """A small captioner: a residual trunk, a layer that names likely words and a GRU; beam search with 3 beams.

What it can do: tell common scenes apart (dogs, grass, water, snow, children, people in the street) and write a
mostly grammatical sentence about them. What it cannot: count, tell what people do in detail, or name things seen
rarely in its few training images; many captions are wrong in most words. Compare the scores below with their
controls before relying on it. It is a stand-in that works offline, not a match for a captioner with a pretrained
trunk."""


def _segmenter_scores(metrics: dict) -> str:
    names = {
        "camvid_val": "CamVid val (used to choose the step)",
        "camvid_test": "CamVid test",
        "coco_val_objects": "COCO val, pixels inside annotated objects only",
    }
    found = [name for name in names if name in metrics]
    rows = [
        f"| {names[name]} | {metrics[name]['images']} | {metrics[name]['mean_iou']:.3f} | "
        f"{metrics[name]['pixel_accuracy']:.3f} |"
        for name in found
    ]
    classes = [
        f"| {label} | " + " | ".join(_three(metrics[name]["iou"].get(label)) for name in found) + " |"
        for label in CLASS_NAMES
    ]
    return "\n".join(
        [
            "| data | images | mean IoU | pixel accuracy |",
            "|---|---|---|---|",
            *rows,
            "",
            "IoU per class:",
            "",
            f"| class | {' | '.join(names[name].split(',')[0].split(' (')[0] for name in found)} |",
            "|---" * (1 + len(found)) + "|",
            *classes,
        ]
    )


def _captioner_scores(metrics: dict) -> str:
    scores = metrics["flickr8k_test"]
    rows = [
        f"| {name} | " + " | ".join(f"{scores[key][f'bleu_{n}']:.3f}" for n in (1, 2, 3, 4)) + " |"
        for key, name in (
            ("captioner", "this captioner"),
            ("most_frequent", f'control: "{scores["most_frequent_caption"]}" for every image'),
            ("shuffled", "control: its captions dealt to other images"),
        )
    ]
    likelihood = scores["likelihood"]
    return "\n".join(
        [
            f"{scores['images']} Flickr8k images with their captions as references; "
            f"{scores['distinct']} distinct captions.",
            "",
            "| captions | BLEU-1 | BLEU-2 | BLEU-3 | BLEU-4 |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Mean log-likelihood per token of the true captions: {likelihood['right_image']:.3f} with the right "
            f"image, {likelihood['wrong_image']:.3f} with another image; higher with the right one for "
            f"{likelihood['better_with_right']:.0%} of the images, p = {likelihood['p_value']:.2g} "
            f"({likelihood['test']}).",
        ]
    )


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
