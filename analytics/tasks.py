from __future__ import annotations

from celery import shared_task

from . import folding, identities, partitions, recordings


@shared_task
def fold_events() -> None:
    """Every tick: what came in since becomes figures. A second worker that is rung meanwhile finds it locked."""
    folding.fold_all()


@shared_task
def match_rosters() -> None:
    """People who came onto a roster get their learner, and with it what they watched before."""
    while identities.match_rosters():
        pass


@shared_task
def make_media() -> None:
    """Every minute: what recorders have reported as recorded can be watched."""
    recordings.make_media()


@shared_task
def keep_months() -> None:
    """Every night: partitions of the next months exist, and those whose time is over are dropped."""
    partitions.make_ahead()
    partitions.drop_before(partitions.kept_since())
    partitions.forget_dropped_statements()
