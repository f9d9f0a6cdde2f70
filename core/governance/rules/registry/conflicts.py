"""What a write-back says when the registry is not as it was decided. Pure."""

from core.governance.rules.requests import PromotionRequest, RequestPurpose, RequestStatus


def begins_at(request: PromotionRequest) -> int | None:
    """Where the alias stands when the write begins; an adopted version is there already."""
    return request.to_version if request.purpose is RequestPurpose.ADOPT else request.from_version


def confirmed(request: PromotionRequest) -> str:
    """What MLflow confirmed."""
    return f"MLflow confirms {request.alias} = {request.to_version}."


def moved_away(request: PromotionRequest, stands: int | None) -> str:
    """The sentence that the alias was set and, read back, stands elsewhere."""
    where = "nowhere" if stands is None else f"at {stands}"
    return (
        f"{request.alias} of {request.model} was set to {request.to_version} and, read back, "
        f"points {where}: somebody moved it in the same moment, so {request.to_version} may have "
        "served for it. Find out who moved it, then open a new request."
    )


def moved_elsewhere(request: PromotionRequest, stands: int | None) -> str:
    """The sentence that the alias is not where it stood when this was decided."""
    if request.status is RequestStatus.APPLYING:  # an attempt before may have set it, unanswered
        return moved_away(request, stands)
    where = "nowhere" if stands is None else f"at {stands}"
    begins = begins_at(request)
    wanted = "nowhere" if begins is None else f"at {begins}"
    return (
        f"{request.alias} of {request.model} points {where} and not {wanted}, where it stood when "
        "this was decided; nothing was overwritten. Find out who moved it, then open a new request."
    )
