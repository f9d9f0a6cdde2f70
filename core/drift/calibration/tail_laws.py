"""How far a quantity strays without drift, as laws with a tail: distance in, p-value out. Pure.

Few laws are enough. Squared distances of random draws are gamma distributed, to good measure.
Distances of real windows that follow each other are better told by their logarithms, with the wide
tail of Student's t while few of them were seen. Shares that chance alone moves are binomial.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from core.drift.statistics.effective_size import effective_sample_size

Distances = npt.NDArray[np.float64]
_MANY: Final = 1e6
_MOST_ALIKE: Final = 0.95
_TAIL: Final = 0.1
_GRANTED: Final = 4
_GRANTED_SPREAD: Final = 0.7
"""Outages taken for granted: the logarithms of so many had this standard deviation, so that half
of all outages are between 0.6 and 1.6 times as large as the middle one."""


@dataclass(frozen=True, slots=True)
class GammaTail:
    """The square of a distance is gamma distributed, with a mean that was itself estimated.

    `support` is on how many independent windows `mean` rests: the quotient of a new square and
    that mean follows an F distribution, whose tail is the heavier the fewer there were
    (Fisher 1924).
    """

    shape: float
    mean: float
    support: float = _MANY

    def p_values(self, distances: Distances) -> Distances:
        """How often a window without drift strays at least as far as each of these, 0 to 1."""
        found: Distances = special.fdtrc(*self._degrees, np.square(distances) / self.mean)
        return found

    def distance_at(self, p_value: float) -> float:
        """The distance that is exceeded with this probability."""
        # The F quantile by way of the beta distribution keeps its digits for small probabilities.
        d1, d2 = self._degrees
        tail = float(special.betaincinv(d2 / 2, d1 / 2, p_value))
        return math.sqrt(self.mean * d2 * (1 - tail) / (d1 * tail)) if tail > 0 else math.inf

    @property
    def _degrees(self) -> tuple[float, float]:
        return 2 * self.shape, 2 * self.shape * self.support


@dataclass(frozen=True, slots=True)
class LogStudentT:
    """A window strays in the share `often`; then the logarithm of its distance is normal.

    `center` and `spread` are of that logarithm, estimated with `freedom` degrees of freedom, so
    that a new one follows Student's t (the prediction interval of Guttman 1970).
    """

    often: float
    center: float
    spread: float
    freedom: float

    def p_values(self, distances: Distances) -> Distances:
        """How often a window without drift strays at least as far as each of these, 0 to 1."""
        logs = np.log(np.where(distances > 0, distances, 1.0))
        tails = self.often * special.stdtr(self.freedom, (self.center - logs) / self.spread)
        return np.where(distances > 0, tails, 1.0)

    def distance_at(self, p_value: float) -> float:
        """The distance that is exceeded with this probability."""
        if p_value >= self.often:
            return 0.0
        beyond = -float(special.stdtrit(self.freedom, p_value / self.often))
        return math.exp(min(self.center + beyond * self.spread, 700.0))


@dataclass(frozen=True, slots=True)
class Binomial:
    """The share of a window's `rows` that chance gives is binomial around `share`.

    A distance is how far the window's share lies from `known`: from the reference's own share for
    missing values, from 0 for values never seen.
    """

    share: float
    rows: float
    known: float

    def p_values(self, distances: Distances) -> Distances:
        """How often a window without drift strays at least as far as each of these, 0 to 1."""
        # A thousandth of a row: a count that was divided and multiplied again is the same count.
        above = self.rows * (self.known + distances) - 1e-3
        below = self.rows * (self.known - distances) + 1e-3
        with np.errstate(invalid="ignore"):  # of ends that cannot be, and are not taken
            more = special.betainc(above, self.rows - above + 1, self.share)
            fewer = special.betaincc(below + 1, self.rows - below, self.share)
        tails = np.where(above <= self.rows, more, 0.0) + np.where(below >= 0, fewer, 0.0)
        return np.where(distances > 0, np.minimum(tails, 1.0), 1.0)

    def distance_at(self, p_value: float) -> float:
        """The distance that is exceeded with this probability, to a millionth."""
        low, high = 0.0, 1.0
        while high - low > 1e-6:
            middle = (low + high) / 2
            low, high = (middle, high) if p_value_of(self, middle) > p_value else (low, middle)
        return high


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """Beyond a square of `start`, passed in the share `often`, squares fall off exponentially.

    Squared distances of random draws do that: those of Kolmogorov and Smirnov as ``exp(-2 x)``.
    The mean excess was estimated from `seen` of them, which makes the tail of a new one Pareto's.
    """

    often: float
    start: float
    excess: float
    seen: int

    def p_values(self, distances: Distances) -> Distances:
        """How often a window without drift strays at least as far; `often` up to the start."""
        far = np.maximum(0.0, np.square(distances) - self.start) / (self.seen * self.excess)
        found: Distances = self.often * (1 + far) ** -self.seen
        return found

    def distance_at(self, p_value: float) -> float:
        """The distance that is exceeded with this probability."""
        if p_value >= self.often:
            return 0.0
        past = (self.often / p_value) ** (1 / self.seen) - 1
        return math.sqrt(self.start + past * self.seen * self.excess)


Law = GammaTail | LogStudentT | Binomial | ParetoTail


def p_value_of(law: Law, distance: float) -> float:
    """How often a window without drift strays at least as far, by one law."""
    return float(law.p_values(np.asarray([distance]))[0])


@dataclass(frozen=True, slots=True)
class AlertLevel:
    """How far a quantity strays without drift: as often as the most tolerant of its laws says.

    `furthest` is the largest distance among the reference's own windows: what the reference did
    itself never alerts.
    """

    laws: tuple[Law, ...]
    furthest: float = 0.0

    def p_value(self, distance: float) -> float:
        """How often a window without drift strays at least as far, 0 to 1."""
        return max(p_value_of(law, distance) for law in self.laws)

    def p_values(self, distances: Distances) -> Distances:
        """How often a window without drift strays at least as far as each of these, 0 to 1."""
        found: Distances = np.max([law.p_values(distances) for law in self.laws], axis=0)
        return found

    def distance_at(self, p_value: float) -> float:
        """The distance from which a p-value of `p_value` is an alert."""
        return max(self.furthest, *(law.distance_at(p_value) for law in self.laws))


def by_chance(distances: Distances) -> AlertLevel:
    """The level of distances that independent draws gave: gamma, and the tail as it was drawn."""
    squares = np.square(distances)
    laws: list[Law] = [_gamma_tail(squares, support=float(max(len(distances), 2)))]
    ends = np.sort(squares)[::-1][: math.ceil(_TAIL * len(squares))]
    excess = float((ends - ends[-1]).mean()) if len(ends) > 1 else 0.0
    if excess > 0:
        laws.append(ParetoTail(_TAIL, float(ends[-1]), excess, len(ends)))
    return AlertLevel(tuple(laws))


def by_windows(distances: Distances, *, endless: bool = False) -> AlertLevel:
    """The level of the distances of windows that follow each other in time.

    Neighbours in time resemble each other (or overlap), so they count for fewer than they are: by
    the autocorrelation of their squares.

    Parameters
    ----------
    distances : float64 array of shape (n,)
        Distances of the reference's windows from the rest of the reference.
    endless : bool, default False
        The distance has no upper end, as rain has none: its logarithm gives it a heavier tail.

    Returns
    -------
    Level
        Of an empty array one by which nothing is unusual.
    """
    if len(distances) == 0:
        return AlertLevel((GammaTail(0.5, _MANY),))
    squares = np.square(distances)
    laws: list[Law] = [
        _gamma_tail(squares, support=effective_sample_size(squares, most_alike=_MOST_ALIKE))
    ]
    far = distances[distances > 0]
    if endless and len(far) > 1:
        logs = np.log(far)
        support = effective_sample_size(logs, most_alike=_MOST_ALIKE)
        spread = max(float(logs.std(ddof=1)), 1e-6) * math.sqrt(1 + 1 / support)
        laws.append(LogStudentT(1.0, float(logs.mean()), spread, support - 1))
    return AlertLevel(tuple(laws), float(distances.max()))


def by_outages(distances: Distances, chance: Binomial) -> AlertLevel:
    """The level of a share that chance moves all the time and outages now and then.

    Parameters
    ----------
    distances : float64 array of shape (n,)
        Distances of the reference's windows from the rest of the reference. An outage is more
        than three standard deviations of `chance`.
    chance : Draws
        What chance alone does to a window of this size.

    Returns
    -------
    Level
        Never stricter than `chance`. How often outages come is told by Laplace's rule; how far
        they go by those seen and a few that are taken for granted, for one or two tell little.
    """
    noise = 3 * math.sqrt(chance.share * (1 - chance.share) / chance.rows)
    far = np.log(distances[distances > max(noise, 1e-12)])
    furthest = float(distances.max(initial=0.0))
    if len(far) == 0:
        return AlertLevel((chance,), furthest)
    freedom = float(len(far) + _GRANTED - 1)
    around = float(np.square(far - far.mean()).sum()) + _GRANTED * _GRANTED_SPREAD**2
    often = (len(far) + 1) / (len(distances) + 1)
    spread = math.sqrt(around / freedom * (1 + 1 / len(far)))
    return AlertLevel((chance, LogStudentT(often, float(far.mean()), spread, freedom)), furthest)


def _gamma_tail(squares: Distances, *, support: float) -> GammaTail:
    mean = max(float(squares.mean()) if len(squares) else 0.0, 1e-12)
    spread = float(squares.var(ddof=1)) if len(squares) > 1 else 0.0
    if spread <= 0:
        return GammaTail(shape=0.5, mean=mean)
    # A dozen windows do not show how thin a tail is: between half of one squared normal and 50.
    return GammaTail(min(max(mean**2 / spread, 0.25), 50.0), mean, support)
