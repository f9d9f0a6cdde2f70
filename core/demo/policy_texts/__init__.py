"""The demonstration's policies, as the YAML texts an administrator would publish."""

from importlib.resources import files

from core.demo.flights import TASKS


def policy_texts() -> tuple[str, ...]:
    """One YAML text for the champion of each task, in the order of the tasks."""
    folder = files(__name__)
    return tuple((folder / f"{task.name}.yaml").read_text(encoding="utf-8") for task in TASKS)
