"""Which ledger entries people want to be told of, and in which words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from core.governance.rules.ledger.entries import LedgerEntry
from core.governance.rules.ledger.plain_words import line

LONGEST: Final = 400
_TITLES: Final[Mapping[str, str]] = {
    "request_opened": "Key wanted",
    "request_revised": "Key wanted",
    "policy_proposed": "Key wanted",
    "policy_revised": "Key wanted",
    "request_applied": "Decided",
    "request_rejected": "Decided",
    "request_withdrawn": "Decided",
    "request_expired": "Decided",
    "policy_published": "Decided",
    "policy_rejected": "Decided",
    "policy_withdrawn": "Decided",
    "policy_expired": "Decided",
    "alias_adopted": "Decided",
    "request_conflict": "Conflict",
    "request_failed": "Write to MLflow failed",
    "alias_seen": "Moved around Stile",
    "finding_opened": "Found in the registry",
    "glass_broken": "Glass broken, review due",
    "review_due": "Review due",
    "alert_opened": "Drift alert",
    "alert_closed": "Drift is over",
}
# What chat services and mail programs read as a mention, a link or markup becomes harmless.
_HARMLESS: Final = str.maketrans({"<": "‹", ">": "›", "@": "＠", "[": "(", "]": ")", "`": "'"})


@dataclass(frozen=True, slots=True)
class LedgerNews:
    """One thing to be told: a short title, one plain sentence, and the path of its page."""

    entry: int
    title: str
    says: str
    path: str


def news_of(entries: Sequence[LedgerEntry], names: Mapping[str, str]) -> tuple[LedgerNews, ...]:
    """What of these entries people want to be told, oldest first; `names` are people's names."""
    return tuple(
        LedgerNews(entry.seq, _TITLES[entry.kind], harmless(line(entry, names)), _path(entry))
        for entry in entries
        if entry.kind in _TITLES and not _is_first_sight(entry)
    )


def message(news: Sequence[LedgerNews], public_url: str) -> tuple[str, str]:
    """Title and plain text of one message about one or several things."""
    base = public_url.rstrip("/")
    told = [n.says + (f"\n{base}{n.path}" if base else "") for n in news]
    if len(news) == 1:
        return f"Stile: {news[0].title}", told[0]
    titled = [f"{n.title}: {text}" for n, text in zip(news, told, strict=True)]
    return f"Stile: {len(news)} things happened", "\n\n".join(titled)


def harmless(text: str) -> str:
    """Foreign text for a message: one line, not too long, nothing that pings or links."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    joined = " ".join(shown.split()).translate(_HARMLESS)
    return joined if len(joined) <= LONGEST else f"{joined[: LONGEST - 1]}…"


def _is_first_sight(entry: LedgerEntry) -> bool:
    return entry.kind == "alias_seen" and entry.facts.get("first") is True


def _path(entry: LedgerEntry) -> str:
    facts = entry.facts
    request, model = facts.get("request"), str(facts.get("model", ""))
    if entry.kind.startswith("policy_"):
        return "/policies"
    if entry.kind.startswith("request_") and isinstance(request, int):
        return f"/request?id={request}"
    page = "drift" if entry.kind.startswith("alert_") else "versions"
    return f"/{page}?{urlencode({'model': model}, quote_via=quote)}"
