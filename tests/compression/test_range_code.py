"""Streams and their prefixes: what comes out is what went in, as far as the bytes tell, and nothing else."""

import numpy as np
import pytest
from coded_messages import random_messages
from constriction import stream as coding
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.compression.channel import MOST_CANDIDATES
from ddpm.compression.index_code import MAGNITUDES, IndexCode
from ddpm.compression.range_code import EndOfPrefix, StreamDecoder, StreamEncoder


def encoded(messages) -> StreamEncoder:
    encoder = StreamEncoder()
    for symbols, *model in messages:
        encoder.encode(symbols, *model)
    return encoder


def decoded(stream: bytes, messages, *, whole: bool) -> int:
    """How many messages a stream tells; all of these must be right."""
    decoder = StreamDecoder(stream, whole=whole)
    for number, (symbols, *model) in enumerate(messages):
        try:
            found = decoder.decode(len(symbols), *model)
        except EndOfPrefix:
            return number
        assert found.tolist() == symbols.tolist()
    return len(messages)


MESSAGES = st.builds(random_messages, st.integers(0, 2**32), st.integers(0, 12))


@settings(max_examples=300)
@given(messages=MESSAGES)
def test_every_prefix_tells_the_truth_or_nothing(messages):
    stream = encoded(messages).finish()
    told = [decoded(stream[:length], messages, whole=False) for length in range(len(stream) + 1)]
    assert told == sorted(told)
    assert decoded(stream, messages, whole=True) == len(messages)


@settings(max_examples=300)
@given(messages=MESSAGES)
def test_streams_are_as_long_as_their_information(messages):
    encoder = encoded(messages)
    assert 8 * len(encoder.finish()) <= encoder.bits + 16


def test_a_prefix_tells_nearly_all_that_it_could():
    """One symbol a message: of so many bits all come but those of the last two bytes and a word."""
    random = np.random.default_rng(0)
    model = coding.model.Categorical(np.array([0.5, 0.25, 0.125, 0.125]), perfect=False)
    messages = [(np.array([symbol], np.int32), model) for symbol in random.integers(0, 4, 300)]
    stream = encoded(messages).finish()
    for length in (0, 5, 20, len(stream) - 1):
        told = decoded(stream[:length], messages, whole=False)
        assert encoded(messages[: told + 1]).bits > 8 * length - 2


def test_no_prefix_tells_what_is_certain_to_come_wrongly():
    """A symbol of probability near 1 is not taken for granted where the bytes leave room for the other."""
    model = coding.model.Categorical(np.array([1 - 1e-6, 1e-6]), perfect=False)
    messages = [(np.array([1], np.int32), model)]
    stream = encoded(messages).finish()
    assert [decoded(stream[:length], messages, whole=False) for length in range(len(stream))] == [0] * len(
        stream
    )
    assert len(stream) <= 4


def test_nothing_is_no_bytes():
    assert StreamEncoder().finish() == b""
    assert StreamEncoder().bits == 0
    assert StreamDecoder(b"", whole=True).decode(0, coding.model.Uniform(5)).tolist() == []
    with pytest.raises(EndOfPrefix):
        StreamDecoder(b"", whole=False).decode(1, coding.model.Uniform(5))


def test_information_is_that_of_the_model():
    encoder = StreamEncoder()
    encoder.encode(np.arange(5), coding.model.Uniform(), np.array([8, 8, 16, 1024, 2**20], np.int32))
    assert encoder.bits == pytest.approx(3 + 3 + 4 + 10 + 20, abs=0.01)


@settings(max_examples=200)
@given(stream=st.binary(max_size=60), messages=MESSAGES, whole=st.booleans())
def test_any_bytes_decode_to_something_or_end(stream, messages, whole):
    decoder = StreamDecoder(stream, whole=whole)
    try:
        for symbols, *model in messages:
            assert len(decoder.decode(len(symbols), *model)) == len(symbols)
    except EndOfPrefix:
        pass


FREQUENCIES = st.lists(st.integers(1, 70_000), min_size=MAGNITUDES, max_size=MAGNITUDES).map(tuple)
INDICES = st.one_of(
    st.integers(0, MOST_CANDIDATES - 1),
    st.sampled_from([0, 1, 2, 3, 2**16 - 1, 2**16, MOST_CANDIDATES - 2, MOST_CANDIDATES - 1]),
)


@given(
    counts=st.sets(st.integers(1, 30), min_size=1).map(sorted),
    frequencies=FREQUENCIES,
    index=st.lists(INDICES, min_size=30, max_size=30),
    data=st.data(),
)
def test_indices_come_back(counts, frequencies, index, data):
    code = IndexCode(tuple(counts), tuple(range(1, len(counts) + 1)), frequencies)
    count = data.draw(st.sampled_from(counts))
    sent = np.array(index[:count], np.int64)
    encoder = StreamEncoder()
    code.send_count(encoder, count)
    code.send_indices(encoder, sent)
    stream = encoder.finish()
    for length in range(len(stream) + 1):
        decoder = StreamDecoder(stream[:length], whole=length == len(stream))
        try:
            assert code.receive_count(decoder) == count
            assert code.receive_indices(decoder, count).tolist() == sent.tolist()
        except EndOfPrefix:
            assert length < len(stream)


def test_length_of_indices():
    """-log2 of the magnitude's frequency, and the bits below it."""
    frequencies = (2, 6, 4, *(1,) * (MAGNITUDES - 3))
    code, encoder = IndexCode((3, 4), (3, 1), frequencies), StreamEncoder()
    code.send_count(encoder, 4)
    assert encoder.bits == pytest.approx(2, abs=0.001)
    code.send_indices(encoder, np.array([0, 1, 4, MOST_CANDIDATES - 1]))
    shares = np.array([2, 6, 4, 1]) / sum(frequencies)
    assert encoder.bits == pytest.approx(2 - np.log2(shares).sum() + 0 + 1 + 2 + 20, abs=0.01)
    alone, nothing = IndexCode((3,), (1,), frequencies), StreamEncoder()
    alone.send_count(nothing, 3)
    assert nothing.bits == 0


MANY = (1,) * MAGNITUDES


@pytest.mark.parametrize(
    ("counts", "frequencies", "magnitudes", "message"),
    [
        ((1, 2), (1,), MANY, "for each count and each magnitude"),
        ((1,), (1,), MANY[1:], "for each count and each magnitude"),
        ((0,), (1,), MANY, "positive"),
        ((1,), (0,), MANY, "positive"),
        ((1,), (1,), (0, *MANY[1:]), "positive"),
    ],
)
def test_impossible_index_codes(counts, frequencies, magnitudes, message):
    with pytest.raises(ValueError, match=message):
        IndexCode(counts, frequencies, magnitudes)
