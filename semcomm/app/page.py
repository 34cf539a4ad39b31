"""The page itself, on Gradio: controls at the left, answers at the right."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semcomm.app.answers import Answers, Question
from semcomm.app.cards import codec_cards, codecs_to_come, message, received_cards
from semcomm.app.photographs import Photograph, open_photograph, samples
from semcomm.app.sending import CHANNELS, LEVELS, SNRS_DB, Sender
from semcomm.pretrained import list_pretrained
from semcomm.saving import DEFAULT

STYLE = Path(__file__).parent / "page.css"
OWN = "my own"
FIRST_SNR_DB, FIRST_LEVELS = 10, 10
VISITORS = 8
"""Whose answers are handed out at the same time; they are computed one after another."""
HEAD = """<div class="semcomm-head"><h1>semcomm</h1>
<p>Send a photograph over a noisy channel. Slide the SNR and see what arrives.</p></div>"""


def answers_of(sender: Sender) -> Answers:
    """What the page asks: a system's cards, and those of the codecs beside it."""

    def received(question: Question) -> str:
        return received_cards(question, sender.send(question))

    def beside(question: Question) -> str:
        return codec_cards(question, sender.send_codecs(question))

    return Answers((received, beside), SNRS_DB)


def build_page(sender: Sender, answers: Answers) -> Any:
    """Lay the page out, a `gradio.Blocks`.

    Args:
        sender: what photographs are sent by.
        answers: what became of them, of `answers_of`.
    """
    import gradio as gr  # pyright: ignore[reportMissingImports]

    received, beside = answers.jobs
    offered = samples()
    open_sample = functools.cache(lambda name: open_photograph(offered[name]))

    def ask(
        name: str, own: Photograph | None, model: str, levels: float, channel: str, knows: bool, told: float, snr: float
    ) -> Question:
        photograph = (
            own if name == OWN and own is not None else open_sample(name if name in offered else _first(offered))
        )
        asked = int(levels) if sender.has_levels(model) else None
        return Question(photograph, model, asked, channel, float(snr), None if knows else float(told))

    def show(*values: Any) -> tuple[str, Any, str, Any]:
        question = ask(*values)
        try:
            arrived = answers.ask(received, question)
            codecs = codecs_to_come() if answers.kept(beside, question) is None else gr.skip()  # show_codecs has them
        except ValueError as error:
            return message(str(error)), "", "", gr.Timer(active=False)
        answers.prepare(question)
        return arrived, codecs, *tell(*values)

    def show_codecs(*values: Any) -> str:
        try:
            return answers.ask(beside, ask(*values))
        except ValueError as error:
            return message(str(error))

    def tell(*values: Any) -> tuple[str, Any]:
        ready, of = answers.ready(ask(*values)), len(answers.snrs_db)
        words = "All SNRs are prepared." if ready == of else f"{ready} of {of} SNRs are prepared; others take seconds."
        return f'<p class="ready">{words}</p>', gr.Timer(active=ready < of)

    def take(path: str | None) -> tuple[Any, Any, str]:
        if path is None:
            return gr.skip(), gr.skip(), ""
        try:
            photograph = open_photograph(path)
        except (OSError, ValueError) as error:
            return gr.skip(), gr.skip(), message(str(error).replace(path, Path(path).name))
        return photograph, gr.Radio(choices=[*offered, OWN], value=OWN), ""

    with gr.Blocks(title="semcomm", analytics_enabled=False) as page:
        gr.HTML(HEAD)
        own = gr.State(None)
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                name = gr.Radio(list(offered), value=_first(offered), label="Photograph")
                file = gr.File(label="Or drop one of your own", height=160)
                trouble = gr.HTML()
                model = gr.Dropdown(list_pretrained(), value=DEFAULT, label="System")
                levels = gr.Slider(*LEVELS, value=FIRST_LEVELS, step=1, label="Levels sent", buttons=[])
                channel = gr.Dropdown(list(CHANNELS), value=_first(CHANNELS), label="Channel")
                knows = gr.Checkbox(True, label="The sender knows the SNR")
                told = _snr_slider(gr, "SNR that it believes in, dB", visible=False)
            with gr.Column(scale=3, min_width=320):
                snr = _snr_slider(gr, "SNR of the channel, dB", elem_id="snr")
                ready = gr.HTML()
                shown = gr.HTML(elem_id="received")
                codecs = gr.HTML(elem_id="codecs")
        timer = gr.Timer(1.0, active=False)
        controls = [name, own, model, levels, channel, knows, told, snr]
        quick = {"show_progress": "hidden", "concurrency_limit": VISITORS}
        knows.change(lambda knows: gr.Slider(visible=not knows), knows, told, **quick)
        model.change(lambda model: gr.Slider(visible=sender.has_levels(model)), model, levels, **quick)
        taken = file.change(take, file, [own, name, trouble], **quick)
        changed = [page.load, *(one.change for one in (name, model, levels, channel, knows, told, snr))]
        latest = {"trigger_mode": "always_last", "concurrency_limit": VISITORS}
        answered = [shown, codecs, ready, timer]
        for event in (
            gr.on(changed, show, controls, answered, **latest),
            taken.then(show, controls, answered, **latest),
        ):
            event.then(show_codecs, controls, codecs, show_progress="hidden", **latest)
        timer.tick(tell, controls, [ready, timer], **quick)
    return page


def _snr_slider(gr: Any, label: str, *, elem_id: str | None = None, visible: bool = True) -> Any:
    return gr.Slider(
        SNRS_DB[0],
        SNRS_DB[-1],
        value=FIRST_SNR_DB,
        step=1,
        label=label,
        elem_id=elem_id,
        visible=visible,
        buttons=[],
    )


def _first(names: Iterable[str]) -> str:
    return next(iter(names))
