"""The shared vocabulary: each word once, with what it means on either side of the wall."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Word:
    """One term of the field. `page` is the screen it is best seen on, as its URL path."""

    term: str
    to_data_science: str
    to_data_engineering: str
    page: str


GLOSSARY: Final[tuple[Word, ...]] = (
    Word(
        "run",
        "One training or evaluation you made: its params, metrics, curves and artifacts.",
        "The receipt of a job: which code and data made these files, and when.",
        "experiments",
    ),
    Word(
        "experiment",
        "The runs you compare with one another, because they answer the same question.",
        "A folder of runs that share an owner and a place for artifacts.",
        "experiments",
    ),
    Word(
        "registered model",
        "The name under which your best runs are kept as versions.",
        "The name a serving job asks for; it never names a run.",
        "versions",
    ),
    Word(
        "model version",
        "One trained model, fixed, with the run it came from.",
        "One deployable: files, signature and environment under a number.",
        "versions",
    ),
    Word(
        "alias",
        "A movable label, such as champion, on one version of a model.",
        "What serving reads: when the alias moves, production moves.",
        "versions",
    ),
    Word(
        "champion",
        "The version every candidate has to be compared with.",
        "The version that answers requests now.",
        "versions",
    ),
    Word(
        "challenger",
        "A version you believe should replace the champion.",
        "A version that has not earned the alias yet.",
        "promotions",
    ),
    Word(
        "hold-out",
        "Rows no candidate was trained on; each look at them makes luck more likely.",
        "A frozen data set with a digest, so that two scores can be compared at all.",
        "compare",
    ),
    Word(
        "margin",
        "How much worse a loss may be and still count as not worse; set before the result.",
        "A tolerance in the policy, in the unit of the loss; 0 asks for proof of no loss at all.",
        "compare",
    ),
    Word(
        "correction for candidates",
        "The more candidates were tried on the same rows, the wider each interval.",
        "The number of runs scored on one hold-out digest is counted here, not trusted.",
        "compare",
    ),
    Word(
        "slice",
        "A part of the hold-out, such as one airport, compared on its own.",
        "A column slice_… of the predictions; a slice under 100 rows is inconclusive.",
        "compare",
    ),
    Word(
        "calibration",
        "Whether forecasts come true: of those that say 30 %, do 30 % happen?",
        "Numbers that downstream rules may use as probabilities, or may not.",
        "compare",
    ),
    Word(
        "trivial baseline",
        "One answer for every row, the best there is; a model that cannot beat it knows nothing.",
        "The cheapest thing that could be served instead.",
        "promotions",
    ),
    Word(
        "lineage",
        "Commit, data, params and seed: what it takes to train this version again.",
        "Where a deployable came from; complete only when nothing of it is missing.",
        "promotions",
    ),
    Word(
        "evaluation run",
        "A run that scores an existing version on newer rows, without training.",
        "The regular re-examination of what is already in production.",
        "experiments",
    ),
    Word(
        "signature",
        "The inputs and outputs your model was trained to expect.",
        "The contract live inputs must keep, column by column.",
        "run",
    ),
    Word(
        "reference",
        "The inputs a version learnt from, logged or attached; drift is distance from it.",
        "The stored profile that every live window is held against; evidence says who attached it.",
        "drift",
    ),
    Word(
        "source",
        "Where the rows of a live model come from, when Stile does not capture them itself.",
        "Files or a table, described in a small YAML; only counts are taken out of them.",
        "drift",
    ),
    Word(
        "window",
        "A day or week of live inputs, by the time the events happened.",
        "A partition of the inference log that is counted once and never read again.",
        "drift",
    ),
    Word(
        "drift",
        "The inputs no longer look like what the model learnt from.",
        "Upstream data changed: a season, a source, a schema or a fault.",
        "drift",
    ),
    Word(
        "drift statistic",
        "A distance between two distributions, such as Kolmogorov-Smirnov; not a p-value.",
        "One number per column and window, computed from counts alone.",
        "drift",
    ),
    Word(
        "alert level",
        "How far a column usually strays between windows of the training period.",
        "The distance above which a window is unusual for its size and season.",
        "drift",
    ),
    Word(
        "drift alert",
        "A champion's newest window drifts: the world moved away from what your model learnt.",
        "A record with an owner: opened and closed by itself, acknowledged by somebody.",
        "drift",
    ),
    Word(
        "severity",
        "Mean distance of the inputs, weighted by how much the model relies on each.",
        "One figure to ask: does this drift touch what the model uses?",
        "drift",
    ),
    Word(
        "estimated performance",
        "What your scores promise before labels come, calibrated on the hold-out.",
        "How well the model probably does today; blind to a world that answers otherwise.",
        "drift",
    ),
    Word(
        "realised performance",
        "The loss of live predictions once their labels have arrived, with an interval.",
        "How well the model did; it lags as long as labels take.",
        "drift",
    ),
    Word(
        "segment",
        "The rows of one level of an input, held against the same level of training; up to three"
        " inputs cut the rows that are counted.",
        "Where something moved: one airport, one customer, one region. `watch` says which.",
        "drift",
    ),
    Word(
        "all inputs together",
        "Whether a classifier tells a window from training, and by which inputs.",
        "Finds what no column shows alone; usual is what training's own windows come to.",
        "drift",
    ),
    Word(
        "inference log",
        "The inputs your model really saw and what it answered.",
        "Parquet (or a table) of inputs, predictions, version and times, by day.",
        "drift",
    ),
    Word(
        "promotion request",
        "Your proposal to move an alias, with the evidence frozen at that moment.",
        "A change ticket for production that cannot be applied without both sides.",
        "promotions",
    ),
    Word(
        "evidence",
        "The metrics, comparisons and artifacts a decision looks at.",
        "The lineage, signature, drift and freshness a decision looks at.",
        "promotions",
    ),
    Word(
        "trial",
        "Your model loaded and asked in a process with limits, where an administrator allows it.",
        "Does it load clean, predict its example and live inputs, and how quickly: beside the "
        "champion, on one machine.",
        "promotions",
    ),
    Word(
        "rollback rehearsed",
        "The version one would go back to still loads and predicts.",
        "The way back, tried before it is needed.",
        "promotions",
    ),
    Word(
        "pinned",
        "Facts that do not move by themselves; your key signs their digest.",
        "SHA-256 over everything on your side that must still be true at the end.",
        "promotions",
    ),
    Word(
        "live condition",
        "Something that moves, such as today's drift; it holds a promotion, never voids a key.",
        "Judged again at the moment of acting, not only when it was approved.",
        "promotions",
    ),
    Word(
        "figure",
        "One named value of the evidence: known, inconclusive or not evaluable.",
        "The same: with its unit, its time and its source.",
        "promotions",
    ),
    Word(
        "check",
        "One rule of the policy over named figures.",
        "A gate: pass, fail, inconclusive or not evaluable. Only pass is green.",
        "promotions",
    ),
    Word(
        "finding",
        "What a check says about this evidence, with the figures behind it.",
        "One line of the report a person can act on.",
        "promotions",
    ),
    Word(
        "policy",
        "The published rules a version has to meet; set before the result, ideally.",
        "Versioned, immutable rules for one alias of one model, known by a digest.",
        "policies",
    ),
    Word(
        "back-test",
        "A draft policy run over what earlier decisions saw: which of them would have flipped.",
        "The draft judged over frozen evidence; nothing is read again.",
        "policies",
    ),
    Word(
        "bar",
        "What a check asks; set after the result, it may have been fitted to it.",
        "A rule in its present form, and the moment it was published.",
        "policies",
    ),
    Word(
        "dry run",
        "A check with the level off: you see what it would say, and it holds nothing.",
        "Judged and recorded like any other check, without effect.",
        "policies",
    ),
    Word(
        "key",
        "Your approval of the data-science evidence: you vouch for it. The right to turn it holds "
        "for every model or for named ones.",
        "Your approval of the data-engineering evidence: you vouch for it. The right to turn it "
        "holds for every model or for named ones.",
        "promotions",
    ),
    Word(
        "attested question",
        "What no figure can tell, such as whether these data may be used: your key says yes.",
        "What no probe can tell, such as who is called at night: your key says yes.",
        "policies",
    ),
    Word(
        "ledger",
        "Who decided what, when, over which evidence.",
        "An append-only chain of hashes; an edit, a gap or a fork shows.",
        "ledger",
    ),
    Word(
        "pending",
        "Decided, but MLflow has not confirmed yet; not in production.",
        "The write is queued; the worker sets the alias last and reads it back.",
        "promotions",
    ),
    Word(
        "conflict",
        "The champion moved while the request was decided; nothing was overwritten.",
        "The alias was neither source nor target when the worker came to write.",
        "promotions",
    ),
    Word(
        "ungoverned",
        "Somebody made another version champion without its keys; what it did stays marked.",
        "The alias was moved around Stile; restore it, or adopt it with two keys.",
        "versions",
    ),
    Word(
        "unknown",
        "Nobody here saw which version answered, or who put it there.",
        "Before the first look at the registry, or while no worker was looking.",
        "versions",
    ),
    Word(
        "restore",
        "The decision that stood is issued again; nothing new is decided.",
        "The same queued write-back, after somebody moved the alias or stripped its tags.",
        "overview",
    ),
    Word(
        "rollback",
        "One key brings back a version that both sides approved before, on the evidence of then.",
        "The way out when production is in trouble: facts read again, one click, one write.",
        "versions",
    ),
    Word(
        "copy",
        "A version of another model, say dev, registered in this one and judged by its rules.",
        "The same bytes under a new number; nothing serves it before its keys are turned.",
        "versions",
    ),
    Word(
        "adopt",
        "A version that serves already is judged by the policy and gets its two keys.",
        "What stands becomes governed from that day; nothing moves.",
        "overview",
    ),
    Word(
        "break-glass",
        "An administrator promotes without keys, with a reason, and somebody reviews it.",
        "The emergency door: loud in the ledger and on the first page.",
        "promotions",
    ),
    Word(
        "review due",
        "An approval is too old, or inputs or live loss left its bounds: look at it again.",
        "The version serves on; somebody with a key confirms it or asks for another one.",
        "versions",
    ),
    Word(
        "token",
        "What a pipeline shows to ask in your name; it is printed once and expires.",
        "256 random bits in STILE_TOKEN; rights are those of its owner at each use.",
        "ledger",
    ),
    Word(
        "governed",
        "This production move has its keys, and the ledger says whose.",
        "The alias stands where the ledger put it.",
        "versions",
    ),
    Word(
        "not evaluable",
        "There is nothing to judge by; it is never read as fine.",
        "A figure is absent, not finite, or rests on too few rows.",
        "promotions",
    ),
    Word(
        "inconclusive",
        "The rows at hand cannot tell; the interval crosses the margin.",
        "More rows are needed; the check says how many.",
        "promotions",
    ),
)
