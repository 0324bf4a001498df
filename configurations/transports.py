"""How a configuration becomes the objects that the Canvas client needs."""

from __future__ import annotations

from django.conf import settings

from canvas import oauth
from canvas.destinations import Destinations, InvalidDomain, Origin, parse_origin
from canvas.errors import DestinationRefused
from canvas.transport import Transport

from .encryption import Unreadable
from .models import ApiConfiguration
from .situations import SecretUnreadable

USER_AGENT = f"echo_lms ({settings.LMS_CONTACT})"


def origin_of(configuration: ApiConfiguration) -> Origin:
    """Raises DestinationRefused if the settings no longer allow what was allowed when it was saved."""
    try:
        return parse_origin(configuration.base_url, insecure_hosts=settings.LMS_ALLOWED_INSECURE_HOSTS)
    except InvalidDomain as error:
        raise DestinationRefused(configuration.domain) from error


def destinations() -> Destinations:
    return Destinations(insecure_hosts=settings.LMS_ALLOWED_INSECURE_HOSTS)


def transport_for(
    configuration: ApiConfiguration, *, pool_size: int = 10, read_timeout: float | None = None
) -> Transport:
    """A transport that reaches this configuration's Canvas and nothing else. `read_timeout`: seconds, if the usual
    setting is too long for whoever waits.
    """
    usual = settings.LMS_READ_TIMEOUT
    return Transport(
        origin_of(configuration),
        destinations=destinations(),
        user_agent=USER_AGENT,
        connect_timeout=settings.LMS_CONNECT_TIMEOUT,
        read_timeout=min(usual, read_timeout or usual),
        ca_bundle=settings.LMS_CA_BUNDLE or None,
        pool_size=pool_size,
    )


def key_of(configuration: ApiConfiguration, redirect_uri: str) -> oauth.Key:
    """Raises DestinationRefused and SecretUnreadable."""
    if isinstance(configuration.client_secret, Unreadable):
        raise SecretUnreadable()
    return oauth.Key(
        origin=origin_of(configuration),
        client_id=configuration.client_id,
        client_secret=configuration.client_secret,
        redirect_uri=redirect_uri,
    )
