"""Stopping together: a signal that reached one process stops all of them after the same update."""

from __future__ import annotations

import time

from ddpm.training.ranks import Ranks

# A GPU works behind its processor; asking at each update would let neither run ahead.
SECONDS_BETWEEN_QUESTIONS = {"cpu": 0.0, "cuda": 1.0}


class StopAgreement:
    """Asks all processes now and then whether one was told to stop.

    After how many updates they ask again is agreed along with the answer, so that all ask after the
    same update.

    Args:
        ranks: the processes that train together.
        device: "cpu" (asks after each update) or "cuda" (about once a second).
    """

    def __init__(self, ranks: Ranks, device: str) -> None:
        self._ranks, self._between = ranks, SECONDS_BETWEEN_QUESTIONS.get(device, 0.0)
        self._interval, self._since, self._asked_at = 1, 0, time.monotonic()

    def after_update(self, own: int | None) -> int | None:
        """The signal after which all processes must stop now, or None.

        Args:
            own: the number of the signal that this process got; None if it got none.
        """
        if self._ranks.count == 1:
            return own
        self._since += 1
        if self._since < self._interval:
            return None
        now = time.monotonic()
        number, seconds = self._ranks.largest(own or 0, (now - self._asked_at) / self._since)
        # At most doubled: the first updates only seem fast, as they are queued before the GPU has begun.
        self._interval = max(1, min(2 * self._interval, int(self._between / max(seconds, 1e-9))))
        self._since, self._asked_at = 0, now
        return int(number) or None
