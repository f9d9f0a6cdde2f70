"""MLflow's scoring server behind an alias, with what it is asked and answers captured."""

from core.live.serve.supervisor import Served, Target, serve, serving

__all__ = ["Served", "Target", "serve", "serving"]
