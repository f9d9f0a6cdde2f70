"""How much numbers that follow each other in time tell about others like them. Pure."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def effective_sample_size(values: Floats, *, most_alike: float = 0.9) -> float:
    """How many independent values tell as much about the mean as these do, in their order.

    By their autocorrelation of lag one, taken as no more than `most_alike`; at least 2, at most as
    many as there are.
    """
    centred = values - values.mean()
    total = float((centred**2).sum())
    alike = float((centred[1:] * centred[:-1]).sum()) / total if total > 0 else 0.0
    alike = min(max(alike, 0.0), most_alike)
    return max(2.0, len(values) * (1 - alike) / (1 + alike))
