from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

    from .models import User


def signed_in(request: HttpRequest) -> User:
    """The person of a request that has passed the sign-in; types cannot know that it has."""
    if not request.user.is_authenticated:
        raise RuntimeError("This view is open to anonymous people.")
    return request.user
