from __future__ import annotations

from django.urls import path

from .views import files

urlpatterns = [
    # CSV files
    path("files/", files.overview, name="files"),
    path("files/checked/<int:pk>/", files.job, name="file_job"),
    path("files/<str:kind>/", files.upload, name="file_upload"),
    path("files/<str:kind>/export/", files.export, name="file_export"),
    path("files/<str:kind>/sample/", files.sample, name="file_sample"),
]
