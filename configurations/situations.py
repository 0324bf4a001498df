"""What can be wrong with a configuration before Canvas is even asked: errors in the same form as Canvas's own."""

from __future__ import annotations

from canvas.errors import CanvasError


class ConfigurationDisabled(CanvasError):
    code = "configuration_disabled"
    transient = False
    actor = "echo_lms admin"
    headline = "This configuration is disabled."
    advice = "Enable it in the list of LMS API configurations, then try again."


class NotAuthorized(CanvasError):
    code = "not_authorized"
    transient = False
    actor = "echo_lms admin"
    headline = "This configuration has not been authorized yet."
    advice = "Choose Authorize and sign in to Canvas as an administrator."


class AuthorizationLost(CanvasError):
    code = "authorization_lost"
    transient = False
    actor = "echo_lms admin"
    headline = "The authorization was lost."
    advice = "Choose Re-authorize and sign in to Canvas as an administrator."


class RenewalJustFailed(CanvasError):
    code = "renewal_just_failed"
    transient = True
    actor = "nobody"
    headline = "Canvas could not renew the token a moment ago."
    advice = "Wait a few seconds and try again."
