"""Sentences for photographs that nobody captioned, where ImageNet's classifier is sure what they show.

Few captions of Flickr8k tell of tennis or baseball, and the trunk knows both by their rackets and players. Such
photographs are taught these sentences beside the captions. They say no more than the class does: "a player" is neither
a man nor a woman.
"""

from collections.abc import Sequence

from torch import Tensor

CLASS_SENTENCES: dict[tuple[int, ...], tuple[str, ...]] = {
    # racket, tennis ball
    (752, 852): (
        "a tennis player is playing tennis on a court",
        "a tennis player is swinging at the ball",
        "a tennis player is jumping for the ball on the court",
        "a person is playing tennis",
    ),
    # baseball, ballplayer
    (429, 981): (
        "a baseball player is playing baseball on a field",
        "a baseball player is swinging a bat at the ball",
        "a baseball player is throwing a ball",
        "a person in a uniform is playing baseball",
    ),
    # soccer ball
    (805,): (
        "a soccer player is running with the ball on a field",
        "two people are playing soccer on the grass",
        "a person is playing with a soccer ball",
    ),
    # football helmet, rugby ball
    (560, 768): (
        "a football player is running with the ball on a field",
        "people in uniform are playing football",
    ),
    # basketball
    (430,): ("a person is playing basketball", "a basketball player is jumping with the ball"),
    # tabby, tiger cat, Persian cat, Siamese cat, Egyptian cat
    (281, 282, 283, 284, 285): ("a cat is sitting and looking at the camera", "a cat is lying down"),
    # school bus, minibus, trolleybus
    (654, 779, 874): ("a bus is on the street", "a bus is parked on the side of the street"),
    # bullet train, electric locomotive, freight car, passenger car, steam locomotive, streetcar
    (466, 547, 565, 705, 820, 829): ("a train is on the track", "a train next to a building"),
    # computer keyboard, desk, desktop computer, laptop, monitor, screen
    (508, 526, 527, 620, 664, 782): ("a desk with a computer in a room", "a computer on a table"),
}
"""Sentences for groups of ImageNet's classes, which are named in their numbers' order."""


def sentences_for(logits: Tensor, *, sure: float) -> Sequence[str]:
    """Give the sentences of the group of classes that is likely enough, none if none is.

    Args:
        logits: ImageNet's 1,000, of one image.
        sure: the least probability of a group.

    Shape:
        `(1000,)`.

    Example:
        >>> import torch
        >>> sentences_for(torch.zeros(1000).index_fill(0, torch.tensor([805]), 20.0), sure=0.5)[2]
        'a person is playing with a soccer ball'
    """
    shares = logits.softmax(0)
    found = {group: float(shares[list(group)].sum()) for group in CLASS_SENTENCES}
    best = max(found, key=lambda group: found[group])
    return CLASS_SENTENCES[best] if found[best] >= sure else ()
