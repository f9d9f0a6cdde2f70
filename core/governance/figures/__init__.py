"""Where figures come from: a run, the registry and live inputs, read when evidence is frozen."""
