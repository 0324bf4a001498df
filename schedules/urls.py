from __future__ import annotations

from django.urls import path

from .views import feeds

urlpatterns = [
    # Calendar feeds, and what recorders report (docs/feeds.md).
    path("feeds/", feeds.feeds_page, name="feeds"),
    path("feeds/<int:key>/revoke/", feeds.revoke, name="revoke_feed"),
    path("feeds/<str:token>.ics", feeds.feed, name="feed"),
    path("recorder/<str:token>/<int:key>/", feeds.report, name="recorder_report"),
]
