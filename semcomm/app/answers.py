"""Answers to questions: kept, computed one at a time, and prepared for the SNRs around the one asked for."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

from semcomm.app.photographs import Photograph

KEPT = 160
"""Answers kept at most: pictures of some three full sliders, at most half a gigabyte."""


@final
@dataclass(frozen=True)
class Question:
    """What a visitor asks for.

    Args:
        photograph: what is sent.
        model: a name of `list_pretrained()`.
        levels: how many levels are sent; None for systems that do not choose.
        channel: a name of `semcomm.app.sending.CHANNELS`.
        snr_db: SNR in dB.
        told_snr_db: the SNR in dB that the sender believes; None is the real one.
    """

    photograph: Photograph
    model: str
    levels: int | None
    channel: str
    snr_db: float
    told_snr_db: float | None = None


Job = Callable[[Question], str]


@final
class Answers:
    """Whatever jobs make of questions.

    One answer is computed at a time: a visitor's first, then those that visitors may ask for next, nearest SNR first.
    A job that fails is not tried again; its error is the answer.

    Args:
        jobs: what is prepared of each question, in this order.
        snrs_db: the SNRs in dB that are prepared.
        keep: answers kept at most, the last ones.
    """

    def __init__(self, jobs: Sequence[Job], snrs_db: Sequence[float], *, keep: int = KEPT):
        self.jobs = tuple(jobs)
        self.snrs_db = tuple(snrs_db)
        self.keep = keep
        self._kept: OrderedDict[tuple[Job, Question], str | Exception] = OrderedDict()
        self._turn = threading.Condition()
        self._computing = self._closed = False
        self._waiting = 0
        self._next: Question | None = None
        self._thread = threading.Thread(target=self._prepare_forever, daemon=True)
        self._thread.start()

    def ask(self, job: Job, question: Question) -> str:
        """Answer: at once where it is prepared, else as soon as it is computed.

        Raises:
            ValueError: if it is not prepared and `close` was called.
        """
        key = (job, question)
        with self._turn:
            self._waiting += 1
            self._turn.wait_for(lambda: key in self._kept or not self._computing)
            self._waiting -= 1
            self._turn.notify_all()
            if key in self._kept:
                return self._give(key)
            if self._closed:
                raise ValueError("the page is closed; start semcomm app again")
            self._computing = True
        self._compute(key)
        with self._turn:
            return self._give(key)

    def kept(self, job: Job, question: Question) -> str | None:
        """The answer, if there is one already."""
        with self._turn:
            return self._give((job, question)) if (job, question) in self._kept else None

    def prepare(self, question: Question) -> None:
        """Prepare the answers at all SNRs from now on, instead of those of the question before."""
        with self._turn:
            self._next = question
            self._turn.notify_all()

    def ready(self, question: Question) -> int:
        """At how many SNRs the first job is answered."""
        with self._turn:
            return sum((self.jobs[0], one) in self._kept for one in self._neighbours(question))

    def close(self) -> None:
        """Compute nothing more, and wait for what is being computed: at exit, threads inside of torch would abort."""
        with self._turn:
            self._closed = True
            self._turn.notify_all()
            self._turn.wait_for(lambda: not self._computing)
        self._thread.join()

    def _give(self, key: tuple[Job, Question]) -> str:
        self._kept.move_to_end(key)
        answer = self._kept[key]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _neighbours(self, question: Question) -> list[Question]:
        nearest = sorted(self.snrs_db, key=lambda snr_db: abs(snr_db - question.snr_db))
        return [replace(question, snr_db=snr_db) for snr_db in nearest]

    def _open(self) -> tuple[Job, Question] | None:
        """What is to be prepared next; all of one job first, so that the picture is there before its rivals."""
        if self._next is None or self._computing or self._waiting:
            return None
        neighbours = self._neighbours(self._next)
        return next(((job, one) for job in self.jobs for one in neighbours if (job, one) not in self._kept), None)

    def _prepare_forever(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or self._open() is not None)
                if self._closed:
                    return
                key = self._open()
                assert key is not None
                self._computing = True
            self._compute(key)

    def _compute(self, key: tuple[Job, Question]) -> None:
        job, question = key
        try:
            answer: str | Exception = job(question)
        except Exception as error:
            answer = error
        with self._turn:
            self._kept[key] = answer
            while len(self._kept) > self.keep:
                self._kept.popitem(last=False)
            self._computing = False
            self._turn.notify_all()
