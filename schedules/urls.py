from __future__ import annotations

from django.urls import path

from .views import capture, day, feeds, files, link, lists, moving, schedule, sections

urlpatterns = [
    path("", lists.schedules, name="schedules"),
    path("captures/", lists.captures, name="captures"),
    path("captures/columns/", lists.choose_columns, name="choose_columns"),
    path("day/", day.day, name="day"),
    path("search/", lists.search, name="search"),
    path("link/", link.link_course, name="link_course"),
    path("link/people/", link.suggest_instructors, name="suggest_instructors"),
    path("linked/<uuid:key>/", link.linked, name="linked"),
    path("linked/<uuid:key>/undo/", link.undo, name="undo_link"),
    path("<int:pk>/", schedule.schedule, name="schedule"),
    path("<int:pk>/change/", schedule.change_schedule, name="change_schedule"),
    path("<int:pk>/end/", schedule.end_schedule, name="end_schedule"),
    path("<int:pk>/delete/", schedule.delete_schedule, name="delete_schedule"),
    path("captures/move/", moving.move_captures, name="move_captures"),
    path("captures/moved/<uuid:key>/", moving.moved_captures, name="moved_captures"),
    path("captures/moved/<uuid:key>/undo/", moving.undo_move, name="undo_move"),
    path("captures/<int:pk>/", capture.capture, name="capture"),
    path("captures/<int:pk>/change/", capture.change_capture, name="change_capture"),
    path("captures/<int:pk>/cancel/", capture.cancel_capture, name="cancel_capture"),
    path("captures/<int:pk>/restore/", capture.restore_capture, name="restore_capture"),
    path("sections/<int:pk>/", sections.section, name="section"),
    path("sections/<int:pk>/change/", sections.change_section, name="change_section"),
    path("sections/<int:pk>/consent/", sections.say_consent, name="say_consent"),
    path("links/<int:pk>/unlink/", sections.unlink, name="unlink"),
    path("links/<int:pk>/move/", sections.relink, name="relink"),
    # Calendar feeds, and what recorders report (docs/feeds.md).
    path("feeds/", feeds.feeds_page, name="feeds"),
    path("feeds/<int:key>/revoke/", feeds.revoke, name="revoke_feed"),
    path("feeds/<str:token>.ics", feeds.feed, name="feed"),
    path("recorder/<str:token>/<int:key>/", feeds.report, name="recorder_report"),
    # CSV files (docs/csv.md).
    path("files/", files.overview, name="files"),
    path("files/checked/<int:pk>/", files.job, name="file_job"),
    path("files/<str:kind>/", files.upload, name="file_upload"),
    path("files/<str:kind>/export/", files.export, name="file_export"),
    path("files/<str:kind>/sample/", files.sample, name="file_sample"),
]
