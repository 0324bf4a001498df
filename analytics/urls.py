from __future__ import annotations

from django.urls import path

from .views import files, tab

urlpatterns = [
    path("analytics/", tab.analytics, name="analytics"),
    path("analytics/<slug:table>.csv", files.table_file, name="analytics_file"),
]
