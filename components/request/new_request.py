"""What may be asked for a version: its promotion, or the way back to it where it was approved."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from components.request import decision_drawers, rollback_drawer
from components.shell import champion_state, frame, queries, state, theme
from core.governance.rules.requests import PromotionRequest
from core.governance.use_cases.rollback import approved_before
from core.identity.people import Person, Role
from core.values.mlflow_entities import CHAMPION, ModelVersion, RegisteredModel


def choose_alias(model: RegisteredModel, alias: str) -> None:
    """Draw the choice of the alias that the page is about; one that nobody has set can be typed."""
    st.session_state["versions_alias"] = alias
    st.selectbox(
        "Alias",
        list(dict.fromkeys((*champion_state.aliases(model), alias))),
        key="versions_alias",
        accept_new_options=True,
        on_change=lambda: state.put(alias=st.session_state["versions_alias"]),
        help="Each alias has a policy, keys and a time-line of its own. Type one to begin it.",
        width=200,
    )


def of_a_version(
    model: RegisteredModel, versions: Sequence[ModelVersion], person: Person, *, alias: str
) -> None:
    """Draw the choice of a version by its number, and what may be done with it."""
    stands = model.aliases.get(alias)
    numbers = [version.version for version in versions]
    wanted = state.number("version")
    first = next((n for n in numbers if n != stands), numbers[0])
    chosen = wanted if wanted in numbers else first
    st.session_state["versions_version"] = chosen
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Version",
            numbers,
            key="versions_version",
            on_change=lambda: state.put(version=st.session_state["versions_version"]),
            width=120,
        )
        if chosen == stands:
            st.markdown(f"{chosen} is {theme.plain(alias)} already.", width="content")
        elif person.role.covers(Role.MEMBER):
            request_promotion(model.name, chosen, alias=alias)
        else:
            st.markdown(
                "Only a member may request a promotion; you are signed in as "
                f"{theme.plain(person.name)}."
            )
        if chosen != stands:
            _way_back(model, chosen, person, alias=alias)
        runs = {v.version: v.run_id for v in versions}
        ours, theirs = runs.get(chosen), runs.get(stands or 0)
        if ours and theirs and ours != theirs:
            frame.link(
                f"Compare with {theme.plain(alias)} {stands}", "compare",
                icon=":material/compare_arrows:", runs=f"{theirs},{ours}",
            )  # fmt: skip


def _way_back(model: RegisteredModel, version: int, person: Person, *, alias: str) -> None:
    approved = approved_before(frame.services().store.entries(), model.name, alias)
    if version in approved:
        rollback_drawer.roll_back(
            model.name, version, alias=alias, approved=approved[version], person=person
        )


def request_promotion(model: str, version: int, *, alias: str = CHAMPION) -> None:
    """Draw *Request promotion…* for one version, and its drawer when it is open."""
    about = f"{model}/{version}/{alias}"
    decision_drawers.button("Request promotion…", "open_request", about, primary=True)
    drawer = decision_drawers.opened(about)
    if drawer is not None and drawer.kind == "open_request":
        st.dialog("Request a promotion", position="right", on_dismiss=decision_drawers.close)(
            _ask_for
        )(drawer, model, version, alias)


def _ask_for(drawer: decision_drawers.DecisionDrawer, model: str, version: int, alias: str) -> None:
    drawer = decision_drawers.as_it_is_now(drawer)
    if drawer.said is not None:
        said = drawer.said
        with st.spinner("Gathering evidence from MLflow and the inference log …"):
            request = frame.perform(
                _command(drawer, model, version, alias, said),
                success="The request is open, its evidence frozen.",
            )
        decision_drawers.close()
        if request is None:
            st.rerun()
        frame.go("request", id=request.request_id)
    into = _into(drawer, model)
    copied = (
        ""
        if into == model
        else "It is copied first, once; nothing serves the copy yet, and the rules and keys are "
        "those of where it goes. "
    )
    where = "" if into == model else f" of **{theme.plain(into)}**"
    st.markdown(
        f"**{theme.plain(model)} {version}** should become **{theme.plain(alias)}**{where}. "
        f"{copied}"
        "The evidence of both sides is gathered and frozen now; then it takes a key of each side, "
        "and neither may be yours."
    )
    st.text_area(
        "Why this version (optional)", key=drawer.comment_key, max_chars=10_000, height=120
    )
    st.button(
        "Gather the evidence and ask",
        key="decisions_confirm",
        type="primary",
        width="stretch",
        on_click=_send_request,
        args=(drawer,),
    )


def _into(drawer: decision_drawers.DecisionDrawer, model: str) -> str:
    """The registered model it should serve in: this one, or another it is copied into."""
    models = frame.ask(queries.models, keep_as="models") or ()
    others = [each.name for each in models if each.name != model]
    if not others:
        return model
    return str(
        st.selectbox(
            "Registered model",
            [model, *others],
            key=_into_key(drawer),
            help="Another one, say prod after dev: the version is copied there and judged by that "
            "model’s policy, keys and live inputs.",
        )
    )


def _into_key(drawer: decision_drawers.DecisionDrawer) -> str:
    return f"asking_into_{drawer.form}"


def _command(
    drawer: decision_drawers.DecisionDrawer, model: str, version: int, alias: str, said: str
) -> Callable[[], PromotionRequest]:
    """The one call into core; what was chosen is read before the drawer's widgets are drawn."""
    services, at = frame.services(), datetime.now(UTC)
    into, actor = drawer.into or model, decision_drawers.acting
    if into == model:
        return lambda: services.promotions.open_request(
            actor(), model=model, version=version, alias=alias, comment=said,
            idempotency_key=drawer.form, at=at,
        )  # fmt: skip
    return lambda: services.copies.request_copy(
        actor(), from_model=model, version=version, model=into, alias=alias, comment=said,
        idempotency_key=drawer.form, at=at,
    )  # fmt: skip


def _send_request(drawer: decision_drawers.DecisionDrawer) -> None:
    text = str(st.session_state.get(drawer.comment_key, ""))
    into = str(st.session_state.get(_into_key(drawer), ""))
    st.session_state[state.DRAWER] = replace(drawer, said=text, into=into)
