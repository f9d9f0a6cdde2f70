"""The tags under which things are found in MLflow: ours, those of whoever trains, MLflow's own."""

from typing import Final

# written by Stile on a model version
TAG_REQUEST: Final = "stile.request_id"
TAG_DECISION: Final = "stile.decision"
TAG_BUNDLE: Final = "stile.bundle"
TAG_POLICY: Final = "stile.policy"
TAG_LEDGER_HEAD: Final = "stile.ledger_head"
TAG_DIGEST_OF: Final = "stile.digest."  # followed by a side
TAG_FLAG: Final = "stile.flag"
TAG_FLAG_REASON: Final = "stile.flag_reason"
TAG_ANCHOR: Final = "stile.ledger_anchor"
TAG_COPIED_FROM: Final = "stile.copied_from"
OURS: Final = "stile."

# written by whoever trains, scores or registers
TAG_HOLDOUT: Final = "stile.holdout"
TAG_EVALUATES: Final = "stile.evaluates"
TAG_REGISTERED_BY: Final = "stile.registered_by"

# written by MLflow
TAG_USER: Final = "mlflow.user"
TAG_RUN_NAME: Final = "mlflow.runName"
TAG_COMMIT: Final = "mlflow.source.git.commit"
TAG_SOURCE: Final = "mlflow.source.name"
