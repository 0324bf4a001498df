"""A session remembers its last events: what comes late is put into its place without reading the others."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import playback
from analytics.playback import NOWHERE, Event, Kind, Session

LENGTH = 60
places = st.integers(NOWHERE, LENGTH + 10)
event = st.tuples(
    st.integers(0, 40),
    st.sampled_from([*Kind, Kind.PLAYED, Kind.PLAYED, Kind.INTERACTED, Kind.INTERACTED]).map(int),
    places,
    places,
)


def of(events: list[Event]) -> Session:
    """All of them at once."""
    session = Session.beginning(0, sorted(events))
    session.add(sorted(events), LENGTH)
    return session


def figures(session: Session) -> tuple[object, ...]:
    return session.started, session.now.last, session.plays(LENGTH), session.watched(LENGTH)


@given(data=st.data(), events=st.lists(event, min_size=1, max_size=60), remembered=st.integers(1, 8))
def test_events_in_any_order_and_number_at_a_time_count_as_all_in_their_order(data, events, remembered):
    arriving = data.draw(st.permutations(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playback, "REMEMBERED", remembered)
        so_far: list[Event] = []
        session: Session | None = None
        while arriving:
            size = data.draw(st.integers(1, 5))
            new, arriving = sorted(arriving[:size]), arriving[size:]
            so_far += new
            session = session or Session.beginning(0, new)
            if not session.add(new, LENGTH):
                session = of(so_far)
            # As it is kept from one fold to the next.
            session = msgspec.msgpack.decode(msgspec.msgpack.encode(session), type=Session)
            assert len(session.recent) <= 2 * remembered

    assert session is not None
    assert figures(session) == figures(of(events))


def test_what_is_late_by_less_than_is_remembered_needs_no_other_events():
    heartbeats = [(15 * number, int(Kind.INTERACTED), number, NOWHERE) for number in range(1, 60)]
    late = heartbeats.pop(-playback.REMEMBERED)
    session = of([(0, int(Kind.PLAYED), 0, NOWHERE), *heartbeats])

    assert session.add([late], LENGTH)
    assert session.plays(LENGTH) == [(0, 59)]


def test_what_is_late_by_more_is_told_and_changes_nothing():
    session = of([(15 * number, int(Kind.INTERACTED), number, NOWHERE) for number in range(60)])
    before = msgspec.msgpack.encode(session)

    assert not session.add([(1, int(Kind.PLAYED), 0, NOWHERE)], LENGTH)
    assert msgspec.msgpack.encode(session) == before


def test_in_one_moment_comes_first_a_pause_then_a_jump_then_playing_on():
    moment = 1_000
    told = [
        (moment, int(Kind.PLAYED), 40, NOWHERE),
        (moment, int(Kind.SEEKED), 20, 40),
        (moment, int(Kind.PAUSED), 20, NOWHERE),
        (0, int(Kind.PLAYED), 0, NOWHERE),
        (2_000, int(Kind.TERMINATED), 50, NOWHERE),
    ]

    assert of(told).plays(LENGTH) == [(0, 20), (40, 50)]
