"""Pure ground for everything: JSON, YAML, references and entities as frozen values."""
