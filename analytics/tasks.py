from __future__ import annotations

from celery import shared_task

from . import folding, identities


@shared_task
def fold_events() -> None:
    """Every tick: what came in since becomes figures. A second worker that is rung meanwhile finds it locked."""
    folding.fold_all()


@shared_task
def match_rosters() -> None:
    """People who came onto a roster get their learner, and with it what they watched before."""
    while identities.match_rosters():
        pass
