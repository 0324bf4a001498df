from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from . import views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.SignIn.as_view(), name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("profile/", views.profile, name="profile"),
    path("profile/password/", views.ChangePassword.as_view(), name="change_password"),
    # These stand before Django admin's own pages: one way to sign in, sign out and change the password.
    path("admin/login/", views.admin_sign_in, name="admin_sign_in"),
    path("admin/logout/", views.sign_out, name="admin_sign_out"),
    path("admin/password_change/", RedirectView.as_view(pattern_name="change_password")),
]
