"""Images to a file and back, in either mode, with an account of the bits."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ddpm.compression import progressive
from ddpm.compression.archive import Archived, archive, restore
from ddpm.compression.file_format import CodeFile, Header, checksum, written
from ddpm.compression.model import CodingModel
from ddpm.compression.schedule_file import FittedCode
from ddpm.diffusion.process import GaussianDiffusion, Network

_GROUP = 256  # images that are coded side by side, at most
Told = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Names:
    """What a file says it was made with: see `ddpm.compression.file_format.Header`."""

    study: str
    model: str
    seed: int
    schedule: str
    weights_hash: str


@dataclasses.dataclass(frozen=True)
class Compressed:
    """A file and its account.

    Attributes:
        content: the bytes of the file.
        bits: by part; together all bits of the file. Progressive: "chunk counts", "indices", "x_0",
            "rounding" (to whole bytes), "header". Archive: "images", "rounding" (to
            words), "initial", "header".
        sent: each image as it was sent, in progressive mode.
        raw: how many images were stored without the model, in archive mode.
    """

    content: bytes
    bits: dict[str, float]
    sent: tuple[progressive.Sent, ...] = ()
    raw: int = 0


@dataclasses.dataclass(frozen=True)
class Decompressed:
    """What came out of a file.

    Attributes:
        images: uint8 [C, H, W] of each image: the original, or x_0-hat of the last latent; None for one that
            is lost, or of which not even x_T came.
        lossless: of each, whether its checksum is that of the original.
        steps: of each, how many latents came whole; all of them in archive mode.
    """

    images: tuple[np.ndarray | None, ...]
    lossless: tuple[bool, ...]
    steps: tuple[int, ...]


class Codec:
    """A model with a fitted code.

    Args:
        diffusion, network: the model, on one device.
        code: its fitted code.
        batch_size: images in a network call.
    """

    def __init__(
        self, diffusion: GaussianDiffusion, network: Network, code: FittedCode, batch_size: int
    ) -> None:
        self.code = code
        self.model = CodingModel(diffusion, network, code.schedule, batch_size)

    def compress(
        self, pixels: np.ndarray, names: Names, told: Told = lambda _: None, watched: int = 0
    ) -> Compressed:
        """Codes images.

        Args:
            pixels: uint8 [n, C, H, W], n > 0.
            names: for the header.
            told: called with the number of images after each network call.
            watched: of how many of the first images what the receiver sees is kept (progressive mode).
        """
        if self.code.mode == "archive":
            return self._archive(pixels, names, told)
        keys, sent = [checksum(image) for image in pixels], []
        for start in range(0, len(pixels), _GROUP):
            part = slice(start, start + _GROUP)
            left = max(0, watched - start)
            sent += progressive.send(self.model, self.code.codes, pixels[part], keys[part], told, left)
        streams = [image.stream for image in sent]
        content = written(self._header(pixels, names, [len(stream) for stream in streams]), streams)
        bits = {part: sum(image.bits[part] for image in sent) for part in sent[0].bits}
        bits["header"] = 8.0 * (len(content) - sum(map(len, streams)))
        return Compressed(content, bits, tuple(sent))

    def decompress(
        self,
        file: CodeFile,
        *,
        most_bytes: int | None = None,
        steps: int | None = None,
        told: Told = lambda _: None,
    ) -> Decompressed:
        """Decodes what a file has of each image.

        Args:
            file: of this codec's mode, weights and schedule.
            most_bytes: use so many bytes of each image's stream (progressive mode).
            steps: stop after so many latents, x_T included (progressive mode).
            told: as for `compress`.
        """
        header = file.header
        if header.mode == "archive":
            words = tuple(_words(part) for part in file.parts)
            archived = Archived(words, np.array(header.raw, bool), 0, 0)
            images = restore(self.model, archived, header.shape, told)
            lossless = tuple(
                image is not None and checksum(image) == wanted
                for image, wanted in zip(images, header.checksums, strict=True)
            )
            right = tuple(image if known else None for image, known in zip(images, lossless, strict=True))
            return Decompressed(right, lossless, (len(self.code.schedule.times),) * len(images))
        received: list[progressive.Received] = []
        partly = most_bytes is not None or steps is not None
        for start in range(0, len(header.checksums), _GROUP):
            part = range(start, min(start + _GROUP, len(header.checksums)))
            cut = [file.parts[i][:most_bytes] for i in part]
            whole = [file.is_whole(i) and len(cut[i - start]) == len(file.parts[i]) for i in part]
            received += progressive.receive(
                self.model,
                self.code.codes,
                cut,
                [header.checksums[i] for i in part],
                header.shape,
                whole=whole,
                steps=steps,
                told=told,
            )
        judged = [
            _judged(image, header.checksums[i], certain=file.intact or partly or not file.is_whole(i))
            for i, image in enumerate(received)
        ]
        return Decompressed(*zip(*judged, strict=True)) if judged else Decompressed((), (), ())

    def _archive(self, pixels: np.ndarray, names: Names, told: Told) -> Compressed:
        found = archive(self.model, pixels, told)
        # The top of a stack first: a file that is cut off still has the images that are decoded first.
        parts = [words[::-1].astype("<u4").tobytes() for words in found.stacks]
        header = self._header(pixels, names, [len(words) for words in found.stacks], found.raw)
        content = written(header, parts)
        bits = {
            "images": float(found.bits - found.initial_bits),
            "rounding": float(found.rounding),
            "initial": float(found.initial_bits),
            "header": 8.0 * (len(content) - sum(map(len, parts))),
        }
        return Compressed(content, bits, raw=int(found.raw.sum()))

    def _header(
        self, pixels: np.ndarray, names: Names, lengths: Sequence[int], raw: np.ndarray | None = None
    ) -> Header:
        channels, height, width = pixels.shape[1:]
        return Header(
            mode=self.code.mode,
            shape=(channels, height, width),
            batch=self.model.batch_size,
            weights_hash=names.weights_hash,
            schedule_hash=self.code.hash,
            study=names.study,
            model=names.model,
            seed=names.seed,
            schedule=names.schedule,
            conditions=conditions(self.model.device),
            checksums=tuple(checksum(image) for image in pixels),
            lengths=tuple(lengths),
            raw=() if raw is None else tuple(raw.tolist()),
        )


def conditions(device: str) -> str:
    """What the last bits of a network's outputs depend on here, in words."""
    where = torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor()
    return f"torch {torch.__version__}, float32, {where}"


def _processor() -> str:
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def _words(part: bytes) -> np.ndarray:
    """Words of a stack, the bottom first, as far as they are there."""
    return np.frombuffer(part[: len(part) // 4 * 4], "<u4").astype(np.uint32)[::-1].copy()


def _judged(
    received: progressive.Received, wanted: int, *, certain: bool
) -> tuple[np.ndarray | None, bool, int]:
    """The image as far as it is known, whether it is the original, and how many latents came whole.

    Args:
        received: what came.
        wanted: the original's checksum.
        certain: whether another checksum says nothing against the bytes: they are as they were written, or
            only some of them were there or asked for. Otherwise nothing of the image can be trusted.
    """
    if received.x_0 is not None and checksum(received.x_0) == wanted:
        return received.x_0, True, received.steps
    if not certain or not received.steps:
        return None, False, 0
    return received.x_0_hat, False, received.steps
