"""Fewer pieces: the cuts whose removal makes the shortest pieces go first.

This module knows lengths alone; it knows neither text nor authors.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from typing import Final

_CROWD: Final = 32
_THINNED: Final = 8


def merged(edges: Sequence[int], fixed: Collection[int], most: int) -> list[int]:
    """Drop inner edges until at most `most` pieces are left, in O(n log n).

    The pair of neighbours with the smallest combined length is merged first, the earlier of equals first. From more
    than 32 pieces for each one allowed, every few neighbours are first merged in one pass.

    Args:
        edges: Increasing; piece i lies between edges i and i + 1.
        fixed: Edges that stay; where they alone make more than `most` pieces, they win.
        most: The cap.

    >>> merged([0, 10, 11, 12, 30, 31], (), 3)
    [0, 12, 30, 31]
    """
    pieces = len(edges) - 1
    if pieces > _CROWD * most:
        stride = pieces // (_THINNED * most)
        kept = [e for i, e in enumerate(edges) if i % stride == 0 or i == pieces or e in fixed]
        return _shortest_first(kept, fixed, most)
    return _shortest_first(edges, fixed, most)


def _shortest_first(edges: Sequence[int], fixed: Collection[int], most: int) -> list[int]:
    """Drop the inner edge with the nearest neighbours, again and again; the heap forgets stale lengths lazily."""
    left, right = list(range(-1, len(edges) - 1)), list(range(1, len(edges) + 1))
    inner = {i for i in range(1, len(edges) - 1) if edges[i] not in fixed}
    heap = [(edges[i + 1] - edges[i - 1], i) for i in inner]
    heapq.heapify(heap)
    surplus = len(edges) - 1 - most
    dropped: set[int] = set()
    while surplus > 0 and heap:
        length, i = heapq.heappop(heap)
        if i in dropped or length != edges[right[i]] - edges[left[i]]:
            continue
        dropped.add(i)
        surplus -= 1
        right[left[i]], left[right[i]] = right[i], left[i]
        for j in (left[i], right[i]):
            if j in inner:
                heapq.heappush(heap, (edges[right[j]] - edges[left[j]], j))
    return [e for i, e in enumerate(edges) if i not in dropped]
