"""Everything that can go wrong, as one tree.

StileError
├── Refused            a rule or a person's rights say no; the message says what to do instead
├── Unavailable        a system did not answer; trying again may help
├── InsufficientData   a number was asked of too few rows; never to be read as "fine"
└── LedgerBroken       the append-only record does not verify

What the evidence says is a `Finding`, not an error. Foreign exceptions are translated at one
door each (`tracking.client`, `store.transaction`, `drift.sources`) and caught only at a door
(`cli`, `components.shell.frame.perform`).
"""


class StileError(Exception):
    """Base of every error Stile raises; its message is one sentence and what to do about it."""


class Refused(StileError):
    """A rule, a state or a person's rights do not allow this; the person can act on the message."""


class Unavailable(StileError):
    """A system Stile depends on did not answer, or answered that it cannot; a retry may help."""


class InsufficientData(StileError):
    """Too few rows, or none, for the number asked for. Absence is never reported as calm."""


class LedgerBroken(StileError):
    """The ledger's chain, a hash or an anchor does not agree with its entries."""
