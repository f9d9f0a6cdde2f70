"""MLflow's scoring server behind an alias, with what it is asked and answers captured."""

from core.inference.serve.supervisor import RunningVersion, ServeTarget, serve, serving

__all__ = ["RunningVersion", "ServeTarget", "serve", "serving"]
