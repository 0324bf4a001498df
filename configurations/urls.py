from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("lms/api/oauth2/complete", views.complete, name="oauth2_complete"),
    path("lms/api/oauth2/result", views.result, name="oauth2_result"),
    path("lms/api/configurations/<int:pk>/authorize", views.authorize, name="authorize"),
    path("lms/api/configurations/<int:pk>/progress", views.progress, name="authorization_progress"),
]
