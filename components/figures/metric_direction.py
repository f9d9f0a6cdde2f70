"""Which way is better for a metric, where its name says so; otherwise nobody claims to know."""

import re
from enum import Enum
from typing import Final


class Direction(Enum):
    """What a better value of a metric looks like."""

    LOWER = "lower is better"
    HIGHER = "higher is better"
    UNKNOWN = "better is not known from the name"


# Words of the field as they stand in metric names; the lower ones win ("auc_loss" is a loss).
_LOWER: Final = frozenset(
    {"loss", "logloss", "error", "err", "rmse", "mae", "mse", "mape", "smape", "rmsle", "brier"}
    | {"deviance", "nll", "perplexity", "entropy", "ece", "regret", "latency", "wer", "cer"}
)
_HIGHER: Final = frozenset(
    {"auc", "auroc", "auprc", "roc", "accuracy", "acc", "precision", "recall", "f1", "r2", "ap"}
    | {"map", "ndcg", "mcc", "kappa", "gini", "iou", "dice", "bleu", "rouge", "sensitivity"}
    | {"specificity"}
)


def direction(metric: str) -> Direction:
    """The direction a metric's name gives away."""
    words = set(re.split(r"[^a-z0-9]+", metric.lower()))
    if words & _LOWER:
        return Direction.LOWER
    if words & _HIGHER:
        return Direction.HIGHER
    return Direction.UNKNOWN


def verdict(metric: str, delta: float) -> str:
    """*better* or *worse* for a difference from the baseline; empty when nobody can tell."""
    way = direction(metric)
    if way is Direction.UNKNOWN or delta == 0 or delta != delta:
        return ""
    return "better" if (delta < 0) is (way is Direction.LOWER) else "worse"


def best(metric: str) -> str:
    """The word for the best value of a metric: lowest, highest, or (unknown) highest."""
    return "lowest" if direction(metric) is Direction.LOWER else "highest"
