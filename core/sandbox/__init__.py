"""A process with limits in which a model version is loaded and tried; never the app's own.

Imported by the worker and the command line only. What it protects from, and what not, is in
docs/trials.md: it bounds time, memory and files, hands over no secrets, and is no jail.
"""

from core.sandbox.contest import try_models
from core.sandbox.trial import Answered, Bout, Latency, Limits, Outcome, Trial

__all__ = ["Answered", "Bout", "Latency", "Limits", "Outcome", "Trial", "try_models"]
