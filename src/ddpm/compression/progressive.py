"""Progressive lossy coding (section 4.3): Algorithm 3 sends x_T, ..., x_t and x_0; Algorithm 4 receives them.

Images of one call are coded side by side, so that the network sees batches; each has a stream of its own,
whose bits do not depend on the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ddpm.compression.channel import Chunk, candidates, choose_candidates, chunks, gaussian_kl_bits
from ddpm.compression.codebook import step_keys
from ddpm.compression.decoder import decoder_parameters, grey_levels
from ddpm.compression.index_code import IndexCode
from ddpm.compression.model import CodingModel, Transition
from ddpm.compression.range_code import EndOfPrefix, StreamDecoder, StreamEncoder
from ddpm.data.scaling import to_model, to_pixels

# KL of a step's chunks that the sender keeps to where it can: on average, and of each.
CHUNK_BITS = 8.0
_LONGEST_CHUNK = 11.0
Told = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Sent:
    """One image as Algorithm 3 sent it.

    Attributes:
        stream: the bytes.
        bits: by part: "chunk counts", "indices", "x_0", and "rounding" to whole bytes.
        kl: of each step for this image, bits: x_T first, x_0 not among them.
        after: bits that were sent when each step ended, x_T first, x_0 last.
        errors: mean squared error of x_0-hat of each latent, on [-1, 1].
        indices: N - 1 of each step's chunks, int64 [chunks].
        noise: (x_s - mean of q) / deviation of q of each step, float32 [steps, C, H, W]; of no step where the
            image is not watched.
        pictures: x_0-hat of each latent, uint8 [steps, C, H, W]; of no step where it is not watched.
    """

    stream: bytes
    bits: dict[str, float]
    kl: tuple[float, ...]
    after: tuple[float, ...]
    errors: tuple[float, ...]
    indices: tuple[np.ndarray, ...]
    noise: np.ndarray
    pictures: np.ndarray


@dataclasses.dataclass(frozen=True)
class Received:
    """One image as Algorithm 4 received it.

    Attributes:
        x_0: uint8 [C, H, W]; None if it did not come.
        x_0_hat: uint8 [C, H, W], of the last latent that came whole; mid-grey if none did.
        steps: how many latents came whole, x_T being the first.
    """

    x_0: np.ndarray | None
    x_0_hat: np.ndarray
    steps: int


def _no_telling(steps: int) -> None:
    pass


def send(
    model: CodingModel,
    codes: Sequence[IndexCode],
    pixels: np.ndarray,
    image_keys: Sequence[int],
    told: Told = _no_telling,
    watched: int | None = None,
) -> list[Sent]:
    """Algorithm 3, for each image.

    Args:
        model: the model with its schedule.
        codes: of each step's indices, x_T first.
        pixels: uint8 [n, C, H, W].
        image_keys: of the shared randomness, in [0, 2^32).
        told: called with the number of images after each network call.
        watched: of how many of the first images noise and pictures are kept; None for all.
    """
    x_0 = to_model(torch.from_numpy(pixels)).numpy()
    watched = len(pixels) if watched is None else watched
    senders = [_Sender(x_0[i], pixels[i], key, i < watched) for i, key in enumerate(image_keys)]
    x = np.zeros_like(x_0)
    x_0_hat = np.zeros_like(x_0)
    for step, transition in enumerate(model.transitions):
        for i, sender in enumerate(senders):
            x[i] = sender.send_step(step, transition, codes[step], x[i], x_0_hat[i], model.device)
        x_0_hat = model.predict_x_0(x, model.schedule.times[step])
        for sender, picture in zip(senders, x_0_hat, strict=True):
            sender.see(picture)
        told(len(x))
    return [sender.send_x_0(x_0_hat[i], model.schedule.variances[-1]) for i, sender in enumerate(senders)]


def receive(
    model: CodingModel,
    codes: Sequence[IndexCode],
    streams: Sequence[bytes],
    image_keys: Sequence[int],
    shape: tuple[int, int, int],
    *,
    whole: Sequence[bool] | None = None,
    steps: int | None = None,
    told: Told = _no_telling,
) -> list[Received]:
    """Algorithm 4, for each image: what its stream, or the prefix at hand, determines.

    Args:
        model, codes, image_keys, told: as for `send`.
        streams: the bytes of each image.
        shape: (C, H, W).
        whole: whether each stream is all that was sent; None for yes.
        steps: stop after so many latents, x_T included; None for all, and x_0.
    """
    flags = [True] * len(streams) if whole is None else list(whole)
    receivers = [
        _Receiver(StreamDecoder(stream, whole=flag), key, shape)
        for stream, flag, key in zip(streams, flags, image_keys, strict=True)
    ]
    for step, transition in enumerate(model.transitions[:steps]):
        for receiver in receivers:
            receiver.receive_step(step, transition, codes[step])
        going = [receiver for receiver in receivers if receiver.steps == step + 1]
        if not going:
            break
        predicted = model.predict_x_0(
            np.stack([receiver.x for receiver in going]), model.schedule.times[step]
        )
        for receiver, x_0_hat in zip(going, predicted, strict=True):
            receiver.x_0_hat = x_0_hat
        told(len(going))
    if steps is None:
        for receiver in receivers:
            receiver.receive_x_0(len(model.transitions), model.schedule.variances[-1])
    return [receiver.result() for receiver in receivers]


class _Sender:
    """One image of Algorithm 3."""

    def __init__(self, x_0: np.ndarray, pixels: np.ndarray, key: int, watched: bool) -> None:
        self._x_0, self._pixels, self._key, self._watched = x_0, pixels, key, watched
        self._stream = StreamEncoder()
        self._bits = dict.fromkeys(("chunk counts", "indices", "x_0"), 0.0)
        self._kl: list[float] = []
        self._after: list[float] = []
        self._errors: list[float] = []
        self._indices: list[np.ndarray] = []
        self._noise: list[np.ndarray] = []
        self._pictures: list[np.ndarray] = []

    def send_step(
        self,
        step: int,
        transition: Transition,
        code: IndexCode,
        x_r: np.ndarray,
        x_0_hat: np.ndarray,
        device: str,
    ) -> np.ndarray:
        """Sends x_s ~ q(x_s | x_r, x_0) using p(x_s | x_r); returns x_s."""
        scale = np.float32(transition.c_0 / transition.variance**0.5)
        mean = (scale * (self._x_0 - x_0_hat)).reshape(-1)
        keys = step_keys(self._key, step, mean.size)
        mixed = keys.mixing.mix(mean)
        kl = gaussian_kl_bits(mixed, transition.rho2)
        parts = _divided(kl, code.counts)
        index = choose_candidates(mixed, transition.rho2, parts, keys, device)
        self._account("chunk counts", lambda: code.send_count(self._stream, len(parts)))
        self._account("indices", lambda: code.send_indices(self._stream, index))
        z = candidates(index, parts, keys)
        self._kl.append(float(kl.sum()))
        self._indices.append(index)
        self._after.append(self._stream.bits)
        if self._watched:
            self._noise.append(((z - mean) / np.float32(transition.rho2**0.5)).reshape(x_r.shape))
        return next_latent(transition, x_r, x_0_hat, z)

    def see(self, x_0_hat: np.ndarray) -> None:
        """Notes what the receiver sees now."""
        self._errors.append(float(np.square(self._x_0 - x_0_hat).mean()))
        if self._watched:
            self._pictures.append(to_pixels(torch.from_numpy(x_0_hat)).numpy())

    def send_x_0(self, x_0_hat: np.ndarray, variance: float) -> Sent:
        """Sends x_0 using p(x_0 | x_s), and ends the stream."""
        symbols = self._pixels.reshape(-1).astype(np.int32)
        parameters = decoder_parameters(x_0_hat, variance)
        self._account("x_0", lambda: self._stream.encode(symbols, grey_levels(), *parameters))
        self._after.append(self._stream.bits)
        stream = self._stream.finish()
        rounding = 8.0 * len(stream) - self._stream.bits
        return Sent(
            stream=stream,
            bits=self._bits | {"rounding": rounding},
            kl=tuple(self._kl),
            after=tuple(self._after),
            errors=tuple(self._errors),
            indices=tuple(self._indices),
            noise=np.array(self._noise, np.float32).reshape(-1, *x_0_hat.shape),
            pictures=np.array(self._pictures, np.uint8).reshape(-1, *x_0_hat.shape),
        )

    def _account(self, part: str, sending: Callable[[], None]) -> None:
        before = self._stream.bits
        sending()
        self._bits[part] += self._stream.bits - before


class _Receiver:
    """One image of Algorithm 4."""

    def __init__(self, stream: StreamDecoder, key: int, shape: tuple[int, int, int]) -> None:
        self._stream, self._key, self._shape = stream, key, shape
        self.x = np.zeros(shape, np.float32)
        self.x_0_hat = np.zeros(shape, np.float32)
        self.steps = 0
        self._x_0: np.ndarray | None = None

    def receive_step(self, step: int, transition: Transition, code: IndexCode) -> None:
        """Receives x_s using p(x_s | x_r), if the stream goes so far."""
        if self.steps < step:
            return
        try:
            count = code.receive_count(self._stream)
            index = code.receive_indices(self._stream, count)
        except EndOfPrefix:
            return
        keys = step_keys(self._key, step, self.x.size)
        z = candidates(index, chunks(self.x.size, count), keys)
        self.x = next_latent(transition, self.x, self.x_0_hat, z)
        self.steps += 1

    def receive_x_0(self, steps: int, variance: float) -> None:
        """Receives x_0 using p(x_0 | x_s), if the stream goes so far."""
        if self.steps < steps:
            return
        try:
            found = self._stream.decode(
                self.x.size, grey_levels(), *decoder_parameters(self.x_0_hat, variance)
            )
        except EndOfPrefix:
            return
        self._x_0 = found.astype(np.uint8).reshape(self._shape)

    def result(self) -> Received:
        """What came."""
        return Received(self._x_0, to_pixels(torch.from_numpy(self.x_0_hat)).numpy(), self.steps)


def next_latent(transition: Transition, x_r: np.ndarray, x_0_hat: np.ndarray, z: np.ndarray) -> np.ndarray:
    """x_s = c_0 x_0-hat + c_r x_r + sigma z, float32 [C, H, W], alike at both ends."""
    mean = np.float32(transition.c_0) * x_0_hat + np.float32(transition.c_r) * x_r
    return mean + np.float32(transition.variance**0.5) * z.reshape(x_r.shape)


def _divided(kl: np.ndarray, counts: Sequence[int]) -> list[Chunk]:
    """The fewest chunks that are short enough; the most there may be if none are."""
    until = np.concatenate([[0.0], np.cumsum(kl)])
    for count in counts:
        parts = chunks(kl.size, count)
        longest = max(until[part.last] - until[part.first] for part in parts)
        if until[-1] <= count * CHUNK_BITS and longest <= _LONGEST_CHUNK:
            break
    return parts
