"""A stack gives back what was pushed, and in the end the bits that it began with."""

import numpy as np
import pytest
from coded_messages import random_messages
from constriction import stream as coding
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.compression.stack import Coder, Stack, StackExhausted, image_key, initial_words

MESSAGES = st.builds(random_messages, st.integers(0, 2**32), st.integers(0, 12))


def new(words: int = 200, number: int = 0) -> Stack:
    return Stack(initial_words(number, words), sealed=False)


@settings(max_examples=100)
@given(messages=MESSAGES)
def test_what_was_pushed_comes_back_in_turn(messages):
    stack = new()
    for symbols, *model in messages:
        stack.push(symbols, *model)
    for symbols, *model in reversed(messages):
        assert stack.pop(len(symbols), *model).tolist() == symbols.tolist()
    assert stack.has_returned_to(initial_words(0, 200))


@settings(max_examples=100)
@given(messages=MESSAGES)
def test_what_was_popped_can_be_pushed_back(messages):
    """Bits-back: samples of any models take bits, and give back exactly these."""
    stack, found = new(), []
    for symbols, *model in messages:
        found.append((stack.pop(len(symbols), *model), model))
    if any(len(symbols) for symbols, _ in found):
        assert not stack.has_returned_to(initial_words(0, 200))
    for symbols, model in reversed(found):
        stack.push(symbols, *model)
    assert stack.has_returned_to(initial_words(0, 200))


def test_popped_symbols_are_samples_of_the_model():
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    model = coding.model.Categorical(shares, perfect=False)
    symbols = new(3000).pop(20_000, model)
    found = np.bincount(symbols, minlength=4) / 20_000
    assert (np.abs(found - shares) < 4 * (shares * (1 - shares) / 20_000) ** 0.5).all()


@given(messages=MESSAGES)
def test_only_what_was_reached_is_kept(messages):
    stack = new()
    popped = [(stack.pop(len(symbols), *model), model) for symbols, *model in messages]
    words, cut = stack.kept()
    assert len(words) <= 200 + 2 - cut
    opened = Stack(words, sealed=True)
    for symbols, model in reversed(popped):
        opened.push(symbols, *model)
    assert opened.has_returned_to(initial_words(0, 200 - cut))


def test_an_untouched_stack_is_kept_as_a_few_words():
    words, cut = new().kept()
    assert len(words) <= 4
    assert cut > 195


def test_initial_words_are_counted_from_the_top():
    many = initial_words(3, 500)
    assert (initial_words(3, 20) == many[-20:]).all()
    assert (initial_words(4, 500) != many).mean() > 0.99
    bits = np.unpackbits(many.view(np.uint8))
    assert abs(bits.mean() - 0.5) < 4 * 0.5 / bits.size**0.5


@given(messages=MESSAGES, bits=st.floats(0, 1600), number=st.integers(0, 1000))
def test_whitened_twice_is_not_whitened(messages, bits, number):
    stack, key = new(60), image_key(7)
    for symbols, *model in messages:
        stack.push(symbols, *model)
    before = Stack.kept(stack)[0]
    stack.whiten(bits, key, number)
    stack.whiten(bits, key, number)
    after = Stack.kept(stack)[0]
    # Whitening reaches words, so more of them are kept.
    assert after[-len(before) :].tolist() == before.tolist()
    for symbols, *model in reversed(messages):
        assert stack.pop(len(symbols), *model).tolist() == symbols.tolist()
    assert stack.has_returned_to(initial_words(0, 60))


def test_whitening_changes_the_topmost_bits_alone():
    """So many as the next pop takes, and not those of the coder's state; others for each image and latent."""
    uniform = coding.model.Uniform(256)

    def whitened(bits, image=7, number=0):
        stack = new()
        stack.pop(4 * 190, uniform)  # So that all words are kept.
        stack.push(np.zeros(4 * 190, np.int32), uniform)
        stack.whiten(bits, image_key(image), number)
        return stack.kept()[0]

    nothing = whitened(-100)
    places = np.flatnonzero(whitened(320) != nothing)
    assert places.tolist() == list(range(places[0], len(nothing) - 2))
    assert 320 <= 32 * len(places) <= 320 + 64
    # What follows is no longer the zeros that were pushed.
    stack = new()
    stack.push(np.zeros(4000, np.int32), uniform)
    stack.whiten(8 * 2000, image_key(7), 0)
    symbols = stack.pop(2000, uniform)
    assert np.unique(symbols[16:]).size > 200
    assert abs(symbols[16:].mean() - 127.5) < 4 * 74 / 1984**0.5
    for other in (whitened(320, image=8), whitened(320, number=1)):
        assert (other != whitened(320)).sum() == len(places)


def test_a_stack_can_be_exhausted():
    uniform = coding.model.Uniform(1 << 16)
    with pytest.raises(StackExhausted):
        new(20).pop(100, uniform)
    coder = Coder(new(20), 0)
    assert coder.pop(100, uniform).tolist() == [0] * 100
    assert coder.failed
    for words in (np.zeros(0, np.uint32), np.zeros(3, np.uint32), np.array([5, 0], np.uint32)):
        try:
            stack = Stack(words, sealed=True)
        except StackExhausted:
            continue
        with pytest.raises(StackExhausted):
            stack.pop(100, uniform)


def test_words_that_are_no_stack():
    with pytest.raises(StackExhausted):
        Stack(np.array([1, 2, 0], np.uint32), sealed=True)


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    actions=st.lists(st.sampled_from(["push", "pop", "push_near", "pop_near", "whiten", "far"]), max_size=12),
)
def test_undo_restores_the_stack_word_for_word(seed, actions):
    random, stack = np.random.default_rng(seed), new(300, number=1)
    stack.push(random.integers(0, 256, 50).astype(np.int32), coding.model.Uniform(256))
    before = [stack.bits, stack.kept()[0].tolist()]
    coder, failed = Coder(stack, 5), False
    for number, action in enumerate(actions):
        mean, deviation = random.normal(0, 1e6, 10), random.uniform(2, 500)
        near = np.rint(mean + deviation * random.standard_normal(10)).astype(np.int64)
        if action == "push":
            coder.push(random.integers(0, 9, 10).astype(np.int32), coding.model.Uniform(9))
        elif action == "pop":
            coder.pop(10, coding.model.Uniform(1000))
        elif action == "push_near":
            coder.push_near(near, mean, deviation, 8.0)
        elif action == "pop_near":
            found = coder.pop_near(mean, deviation, 8.0)
            assert (np.abs(found - mean) <= 8 * deviation + 2).all()
        elif action == "whiten":
            coder.whiten(100.0, number)
        else:
            coder.push_near(near + 10_000, mean, deviation, 8.0)
            failed = True
    assert coder.failed == failed
    coder.undo()
    words = stack.kept()[0].tolist()
    assert stack.bits == before[0]
    assert words[len(words) - len(before[1]) :] == before[1]


@given(
    seed=st.integers(0, 2**32),
    deviation=st.floats(1, 1000),
    window=st.sampled_from([8.0, 12.0, 25.0]),
)
def test_grid_points_near_a_mean(seed, deviation, window):
    """Whatever is popped can be pushed, and the information is that of the normal density."""
    random = np.random.default_rng(seed)
    mean = random.normal(0, 1e7, 40)
    stack, before = new(400), new(400).bits
    coder = Coder(stack, 0)
    points = coder.pop_near(mean, deviation, window)
    taken = before - stack.bits
    exact = np.log2(deviation * (2 * np.pi) ** 0.5) + ((points - mean) / deviation) ** 2 / 2 / np.log(2)
    if deviation > 2:
        # No point has less than 2^-24. Bits of a stack are counted to whole words at times.
        assert taken == pytest.approx(np.minimum(exact, 24).sum(), abs=33, rel=0.02)
    coder.push_near(points, mean, deviation, window)
    assert stack.has_returned_to(initial_words(0, 400))
    assert not coder.failed
