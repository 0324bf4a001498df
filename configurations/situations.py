"""What can be wrong with a configuration before Canvas is even asked: errors in the same form as Canvas's own."""

from __future__ import annotations

from canvas.errors import CanvasError


class Situation(CanvasError):
    from_canvas = False


class ConfigurationDisabled(Situation):
    code = "configuration_disabled"
    headline = "This configuration is disabled."
    advice = "Enable it in the list of LMS API configurations, then try again."


class NotAuthorized(Situation):
    code = "not_authorized"
    headline = "This configuration has not been authorized yet."
    advice = "Choose Authorize and sign in to Canvas as an administrator."


class AuthorizationLost(Situation):
    code = "authorization_lost"
    headline = "The authorization was lost."

    def __init__(self, reason: str) -> None:
        """`reason`: what happened and what to do about it, as kept with the authorization."""
        super().__init__()
        self.advice = reason


class RenewalJustFailed(Situation):
    code = "renewal_just_failed"
    transient = True
    actor = "nobody"
    headline = "Canvas could not renew the token a moment ago."
    advice = "Wait a few seconds and try again."


class ConfigurationChanged(Situation):
    code = "configuration_changed"
    transient = True
    headline = "The configuration was given another Canvas Domain or Client ID meanwhile."
    advice = "Look at the configuration, and authorize it again if it is not authorized."


class SecretUnreadable(Situation):
    code = "secret_unreadable"
    headline = "What is stored encrypted cannot be read with the keys in FERNET_KEYS."
    advice = (
        "Put the missing key back into FERNET_KEYS and restart. If it is lost, enter the client secret again and "
        "choose Re-authorize."
    )
