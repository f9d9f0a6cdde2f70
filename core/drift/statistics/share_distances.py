"""Each distance once, over the last axis: of one window, or of a thousand replicas at a time.

Shares of rows per bin in, one distance for each row of them out. What a distance means, and what
it says of sides without rows, stands in `core.drift.statistics.count_distances`.
"""

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Sums = npt.NDArray[np.float64]


def gaps(r: Shares, w: Shares) -> Shares:
    """Differences of the two distribution functions at the end of each bin."""
    found: Shares = np.cumsum(r - w, axis=-1)
    return found


def kolmogorov_smirnov(r: Shares, w: Shares) -> Shares:
    """The largest gap between the two distribution functions."""
    found: Shares = np.abs(gaps(r, w)).max(axis=-1)
    return found


def total_variation(r: Shares, w: Shares) -> Shares:
    """Half the sum over bins of ``|r - w|``."""
    found: Shares = np.minimum(1.0, np.abs(r - w).sum(axis=-1) / 2)
    return found


def mann_whitney(r: Shares, w: Shares) -> Shares:
    """How much likelier than not a row of the window lies above one of the reference."""
    found: Shares = (w * (np.cumsum(r, axis=-1) - r / 2)).sum(axis=-1) - 0.5
    return found


def jensen_shannon(r: Shares, w: Shares, *, base: float = 2.0) -> Shares:
    """The root of the mean divergence of both sides from their mixture."""
    middle = (r + w) / 2
    divergence = (_relative_entropy(r, middle) + _relative_entropy(w, middle)) / 2
    found: Shares = np.sqrt(np.maximum(0.0, divergence) / np.log(base))
    return found


def steps(
    reference: tuple[Rows, Sums], window: tuple[Rows, Sums], r: Shares, w: Shares
) -> tuple[Shares, Shares]:
    """Differences of the two distribution functions, and how far each of them reaches.

    Each side's rows of a bin stand at their own mean. What stands nowhere, an empty bin, is put
    where it makes no difference: beside the first row.
    """
    held = [_held(rows) for rows, _ in (reference, window)]
    rows = np.concatenate([reference[0][..., held[0]], window[0][..., held[1]]], axis=-1)
    sums = np.concatenate([reference[1][..., held[0]], window[1][..., held[1]]], axis=-1)
    mass = np.concatenate([r[..., held[0]], -w[..., held[1]]], axis=-1)
    at = sums / np.maximum(rows, 1)
    first = np.argmax(rows > 0, axis=-1, keepdims=True)
    at = np.where(rows > 0, at, np.take_along_axis(at, first, axis=-1))
    order = np.argsort(at, axis=-1, kind="stable")
    gap = np.cumsum(np.take_along_axis(mass, order, axis=-1), axis=-1)[..., :-1]
    return gap, np.diff(np.take_along_axis(at, order, axis=-1), axis=-1)


def _relative_entropy(p: Shares, q: Shares) -> Shares:
    held = _held(p)
    if not held.all():
        p, q = np.compress(held, p, axis=-1), np.compress(held, q, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = p / q
        np.log(each, out=each)  # in place: of a thousand replicas, room costs more than arithmetic
        each *= p
    np.copyto(each, 0.0, where=p == 0)
    found: Shares = each.sum(axis=-1)
    return found


def _held(rows: Rows | Shares) -> npt.NDArray[np.bool_]:
    """The bins that hold something in any of the windows."""
    held = (rows > 0).reshape(-1, rows.shape[-1]).any(axis=0)
    return np.asarray(held, dtype=np.bool_)
