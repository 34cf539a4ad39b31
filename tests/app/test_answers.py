"""Answers are computed once, one at a time, a visitor's before those that are prepared, nearest SNR first."""

import threading
import time
from dataclasses import replace

import pytest
import torch

from semcomm.app.answers import Answers, Question
from semcomm.app.photographs import Photograph

PHOTOGRAPH = Photograph("digest", torch.zeros(3, 8, 8, dtype=torch.uint8), (8, 8))
QUESTION = Question(PHOTOGRAPH, "model", None, "AWGN", 2.0)
SNRS_DB = (0.0, 1.0, 2.0, 3.0, 4.0)


class Work:
    """Two jobs that note what they are asked, and that nobody else is asked meanwhile."""

    def __init__(self):
        self.asked, self.at_work, self.gate = [], 0, threading.Event()
        self.gate.set()

    def note(self, name, question):
        self.at_work += 1
        assert self.at_work == 1
        self.gate.wait(10)
        self.asked.append((name, question.snr_db))
        self.at_work -= 1
        return f"{name} {question.snr_db:g}"

    def picture(self, question):
        return self.note("picture", question)

    def codecs(self, question):
        return self.note("codecs", question)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def answers(work):
    picture, codecs = work.picture, work.codecs
    made = Answers((picture, codecs), SNRS_DB)
    yield made
    made.close()


def wait_until(holds):
    for _ in range(1000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("never came true")


def test_a_question_is_answered_once(answers, work):
    picture = answers.jobs[0]
    assert answers.kept(picture, QUESTION) is None
    assert [answers.ask(picture, QUESTION) for _ in range(3)] == ["picture 2"] * 3
    assert answers.kept(picture, QUESTION) == "picture 2"
    assert work.asked == [("picture", 2.0)]
    started = time.thread_time()
    answers.ask(picture, QUESTION)
    assert time.thread_time() - started < 0.05


def test_the_other_snrs_are_prepared_nearest_first_pictures_before_codecs(answers, work):
    answers.prepare(QUESTION)
    wait_until(lambda: len(work.asked) == 10)
    assert answers.ready(QUESTION) == len(SNRS_DB)
    order = [2.0, 1.0, 3.0, 0.0, 4.0]
    assert work.asked == [("picture", snr_db) for snr_db in order] + [("codecs", snr_db) for snr_db in order]
    assert answers.ask(answers.jobs[1], replace(QUESTION, snr_db=4.0)) == "codecs 4"
    assert len(work.asked) == 10


def test_a_visitor_comes_before_what_is_prepared(answers, work):
    work.gate.clear()
    answers.prepare(QUESTION)
    wait_until(lambda: work.at_work == 1)
    got = []
    other = replace(QUESTION, channel="Rician")
    visitor = threading.Thread(target=lambda: got.append(answers.ask(answers.jobs[1], other)))
    visitor.start()
    time.sleep(0.05)
    work.gate.set()
    visitor.join(10)
    assert got == ["codecs 2"]
    assert work.asked[1] == ("codecs", 2.0)


def test_a_new_question_ends_the_preparation_of_the_one_before(answers, work):
    work.gate.clear()
    answers.prepare(QUESTION)
    wait_until(lambda: work.at_work == 1)
    other = replace(QUESTION, model="another")
    answers.prepare(other)
    work.gate.set()
    wait_until(lambda: len(work.asked) == 11)
    assert answers.ready(other) == len(SNRS_DB)
    assert answers.ready(QUESTION) == 1


def test_what_fails_is_said_again_and_not_tried_again(work):
    tried = []

    def fail(question):
        tried.append(question)
        raise ValueError("levels must be None")

    answers = Answers((fail, work.codecs), SNRS_DB)
    for _ in range(2):
        with pytest.raises(ValueError, match="levels must be None"):
            answers.ask(fail, QUESTION)
    answers.prepare(QUESTION)
    wait_until(lambda: answers.ready(QUESTION) == len(SNRS_DB))
    assert len(tried) == len(SNRS_DB)
    answers.close()


def test_only_the_last_answers_are_kept(work):
    answers = Answers((work.picture,), SNRS_DB, keep=2)
    job = answers.jobs[0]
    for snr_db in (0.0, 1.0, 0.0, 2.0):  # 0 dB is looked at again, so that 1 dB is the oldest
        answers.ask(job, replace(QUESTION, snr_db=snr_db))
    assert [answers.kept(job, replace(QUESTION, snr_db=snr_db)) is None for snr_db in (0.0, 1.0, 2.0)] == [
        False,
        True,
        False,
    ]
    answers.close()


def test_photographs_are_equal_if_their_pixels_are():
    same = Photograph("digest", torch.ones(3, 8, 8, dtype=torch.uint8), (16, 16))
    assert Question(same, "model", None, "AWGN", 2.0) == QUESTION
    assert replace(QUESTION, photograph=Photograph("other", PHOTOGRAPH.pixels, (8, 8))) != QUESTION


def test_closing_waits_for_what_is_computed_and_refuses_the_rest(work):
    answers = Answers((work.picture,), SNRS_DB)
    work.gate.clear()
    visitor = threading.Thread(target=answers.ask, args=(answers.jobs[0], QUESTION))
    visitor.start()
    wait_until(lambda: work.at_work == 1)
    closing = threading.Thread(target=answers.close)
    closing.start()
    time.sleep(0.05)
    assert closing.is_alive()
    work.gate.set()
    closing.join(10)
    visitor.join(10)
    assert answers.ask(answers.jobs[0], QUESTION) == "picture 2"
    with pytest.raises(ValueError, match="the page is closed"):
        answers.ask(answers.jobs[0], replace(QUESTION, snr_db=3.0))
    assert len(work.asked) == 1
