from __future__ import annotations

from django.urls import path

from . import event_urls
from .views import files, institution, media, poll, settings, student, tab, watch

urlpatterns = [
    path("analytics/", tab.analytics, name="analytics"),
    path("analytics/institution/", institution.institution, name="institution_figures"),
    path("analytics/institution.csv", institution.institution_file, name="institution_file"),
    path("analytics/institution/pseudonymised/", institution.pseudonymised, name="pseudonymised"),
    path("analytics/<slug:table>.csv", files.table_file, name="analytics_file"),
    path("analytics/media/<int:key>/", media.media_page, name="media_figures"),
    path("analytics/media/<int:key>/<slug:table>.csv", media.media_file, name="media_file"),
    path("analytics/polls/<int:key>/", poll.poll_page, name="poll_figures"),
    path("analytics/polls/<int:key>/<slug:table>.csv", poll.poll_file, name="poll_file"),
    path("analytics/students/<int:key>/", student.student_page, name="student_figures"),
    path("analytics/students/<int:key>/<slug:table>.csv", student.student_file, name="student_file"),
    path("analytics/sections/<int:key>/", settings.section_figures, name="section_figures"),
    path("my-viewing/", student.my_viewing, name="my_viewing"),
    path("my-viewing/<slug:table>.csv", student.my_viewing_file, name="my_viewing_file"),
    *event_urls.urlpatterns,
    path("watch/<uuid:key>/", watch.watch, name="watch"),
    path("watch/<uuid:key>/video", watch.video, name="watch_video"),
    path("watch/<uuid:key>/captions", watch.captions, name="watch_captions"),
    path("watch/<uuid:key>/statements", watch.statements, name="watch_statements"),
    path("watch/<uuid:key>/polls/<uuid:poll_key>", watch.answer, name="answer_poll"),
]
