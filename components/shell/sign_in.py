"""The demonstration's sign-in page: a plain HTML form, so that no session exists before it."""

from collections.abc import Sequence
from html import escape
from string import Template
from typing import Final

from starlette.responses import HTMLResponse

from core.identity.people import Person, Role

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in · Stile</title>
<link rel="icon" href="/assets/stile.png" type="image/png">
<link rel="stylesheet" href="/assets/sign-in.css">
</head>
<body>
<main>
<header>
<img src="/assets/stile.svg" alt="" width="56" height="56">
<h1>Stile</h1>
<p>The steps over the wall between
<span class="data_science">data science</span> and
<span class="data_engineering">data engineering</span>.</p>
</header>
$refusal
<form method="post" action="/login">
<h2>Who is climbing?</h2>
<input type="hidden" name="next" value="$wanted">
$people
</form>
<footer><strong>Demonstration.</strong> These log-ins have no password. They work only on this
computer and are not for real decisions.</footer>
</main>
</body>
</html>
""")

_NOBODY: Final = "<p>No people yet. Run <code>python -m core demo</code> to seed them.</p>"


def page(people: Sequence[Person], *, wanted: str, refusal: str = "") -> HTMLResponse:
    """The sign-in page with a button for each person who may come in."""
    rows = "\n".join(_button(person) for person in people if person.active) or _NOBODY
    alert = f'<p role="alert">{escape(refusal)}</p>' if refusal else ""
    html = _PAGE.substitute(people=rows, wanted=escape(wanted, quote=True), refusal=alert)
    return HTMLResponse(
        html, status_code=403 if refusal else 200, headers={"Cache-Control": "no-store"}
    )


def _button(person: Person) -> str:
    dots = "".join(f'<i class="{side.value}"></i>' for side in person.all_sides)
    return (
        f'<button name="username" value="{escape(person.username, quote=True)}">'
        f'<span class="dots" aria-hidden="true">{dots or "<i></i>"}</span>'
        f"<span><b>{escape(person.name)}</b><small>{escape(_may(person))}</small></span></button>"
    )


def _may(person: Person) -> str:
    """What this person may do, in a few words."""
    if person.all_sides:
        return f"turns the {person.held} key"
    return {
        Role.VIEWER: "looks, decides nothing",
        Role.MEMBER: "opens requests, turns no key",
        Role.ADMINISTRATOR: "publishes policies, lets people in",
    }[person.role]
