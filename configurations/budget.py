"""One budget of requests for each Canvas, shared by every process through Redis (docs/canvas.md §7).

At most so many requests run at a time; fewer while Canvas says that little of its budget remains; none while it
has asked to slow down. Without Redis each process keeps a small budget of its own: a person is still served.
"""

from __future__ import annotations

import functools
import logging
import random
import time
import uuid
from collections.abc import Callable

import redis
from django.conf import settings

from canvas.errors import BackingOff
from canvas.throttle import LONGEST_PAUSE, LOW_REMAINING, OUTFLOW, UP_FRONT, LocalThrottle, Outcome

logger = logging.getLogger(__name__)

# Longer than a request can take, so that a slot is free again even if its process was killed.
SLOT_SECONDS = 60
KEYS = ("slots", "quiet_until", "strikes", "allowed")

# All by the clock of Redis, the only one that the processes share.
_NOW = "local t = redis.call('TIME'); local now = tonumber(t[1]) + tonumber(t[2]) / 1000000\n"
# Returns "0": go; "-1": no free slot; else for how many seconds nothing may be sent.
_ACQUIRE = (
    _NOW
    + """
local quiet = tonumber(redis.call('GET', KEYS[2]) or '0')
if quiet > now then return tostring(quiet - now) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local parallel = tonumber(ARGV[2])
local allowed = tonumber(redis.call('GET', KEYS[4]) or parallel)
if redis.call('ZCARD', KEYS[1]) >= math.min(parallel, allowed) then return '-1' end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return '0'
"""
)
# After an answer. ARGV: ticket, what remains of Canvas's budget ('' if it did not say), how many may run in
# parallel, what each takes, the reserve, how fast the budget comes back, the longest pause. A request holds a
# fixed part of the budget while it runs; one that costs more than that needs as much room.
_ANSWERED = (
    _NOW
    + """
local running = redis.call('ZCARD', KEYS[1])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[3])
if ARGV[2] == '' then return end
local remaining, parallel = tonumber(ARGV[2]), tonumber(ARGV[3])
local each, reserve = tonumber(ARGV[4]), tonumber(ARGV[5])
local own = each * math.max(running - 1, 0)
local allowed = math.max(1, math.floor((remaining + own - reserve) / each))
if allowed < parallel then redis.call('SET', KEYS[4], allowed, 'EX', 5) else redis.call('DEL', KEYS[4]) end
local pause = math.min((reserve - remaining - own) / tonumber(ARGV[6]), tonumber(ARGV[7]))
if pause > 0 then redis.call('SET', KEYS[2], string.format('%.6f', now + pause), 'EX', math.ceil(pause) + 1) end
"""
)
# Requests that were under way together are refused together: that is one strike. Returns which one in a row it is.
_STRIKE = (
    _NOW
    + """
redis.call('ZREM', KEYS[1], ARGV[1])
local quiet = tonumber(redis.call('GET', KEYS[2]) or '0')
local strikes = tonumber(redis.call('GET', KEYS[3]) or '0')
if strikes == 0 or quiet <= now then strikes = redis.call('INCR', KEYS[3]) end
redis.call('EXPIRE', KEYS[3], 600)
return strikes
"""
)
_BE_QUIET = (
    _NOW
    + """
local quiet = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), now + tonumber(ARGV[1]))
redis.call('SET', KEYS[2], string.format('%.6f', quiet), 'EX', math.ceil(quiet - now) + 1)
"""
)


@functools.cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3)


@functools.cache
def _without_redis(host: str) -> LocalThrottle:
    return LocalThrottle(parallel=1)


class SharedThrottle:
    """The budget of one Canvas (a `Throttle`). Safe to share between threads.

    `parallel`: how many requests of all processes may run at a time. `patience`: seconds that `acquire` waits for
    the end of a back-off before it raises BackingOff; for a free slot it waits as long.
    """

    def __init__(
        self,
        host: str,
        *,
        parallel: int,
        patience: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host = host
        self._parallel = parallel
        self._patience = patience
        self._sleep = sleep
        self._keys = [f"echo_lms:canvas:{host}:{name}" for name in KEYS]

    def acquire(self) -> str:
        try:
            return self._acquire()
        except redis.RedisError:
            logger.warning("Redis is away: requests to %s are limited in this process alone", self._host)
            return _without_redis(self._host).acquire()

    def _acquire(self) -> str:
        ticket = uuid.uuid4().hex
        left = self._patience
        while (wait := float(_run(_ACQUIRE, self._keys, ticket, self._parallel, SLOT_SECONDS))) != 0:
            if wait < 0:
                wait = random.uniform(0.01, 0.05)  # noqa: S311 - so that those who wait do not come back in step
            if wait > left:
                raise BackingOff(wait if wait > 1 else 1)
            left -= wait
            self._sleep(wait)
        return ticket

    def release(self, ticket: str, outcome: Outcome) -> None:
        if not ticket:
            _without_redis(self._host).release(ticket, outcome)
            return
        try:
            self._release(ticket, outcome)
        except redis.RedisError:
            logger.warning("Redis is away: what %s said about its limit is not shared", self._host)

    def _release(self, ticket: str, outcome: Outcome) -> None:
        if outcome.throttled:
            strikes = int(_run(_STRIKE, self._keys, ticket))
            _run(_BE_QUIET, self._keys, outcome.back_off(strikes))
            return
        remaining = "" if outcome.remaining is None else outcome.remaining
        each = max(UP_FRONT, outcome.cost)
        budget = (self._parallel, each, LOW_REMAINING, OUTFLOW, LONGEST_PAUSE)
        _run(_ANSWERED, self._keys, ticket, remaining, *budget)


def _run(script: str, keys: list[str], *arguments: object) -> bytes:
    found: bytes = _registered(script)(keys=keys, args=list(arguments))
    return found


@functools.cache
def _registered(script: str) -> Callable[..., bytes]:
    return _redis().register_script(script)
