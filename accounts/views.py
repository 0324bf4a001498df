from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, PasswordChangeView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .forms import ProfileForm, SignInForm
from .models import User
from .navigation import items_for
from .roles import is_administrator, is_instructor, roles_of


class SignIn(LoginView):
    authentication_form = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect("sign_in")


class ChangePassword(PasswordChangeView):
    template_name = "accounts/change_password.html"
    success_url = reverse_lazy("profile")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is changed. Other devices were signed out.")
        return super().form_valid(form)


@login_not_required
@never_cache
@require_safe
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Django admin sends here whoever it does not let in; there is one sign-in page, ours."""
    wanted = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        wanted = reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(wanted)
    if not is_administrator(request.user):
        raise PermissionDenied
    return redirect(wanted)


def locked_out(request: HttpRequest, _response: HttpResponse | None, _credentials: Any = None) -> HttpResponse:
    """django-axes' answer while an address and an e-mail together are locked."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    page = render(request, "429.html", {"minutes": seconds // 60}, status=429)
    page["Retry-After"] = str(seconds)
    return page


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = request.user
    held = roles_of(user)
    shown = {item.url for item in items_for(request)} if is_instructor(user) else set()
    context = {
        "signed_in_as": f"{user} · {', '.join(sorted(held))}" if held else "",
        "has_no_analytics_yet": is_instructor(user) and reverse("analytics") not in shown,
        "has_role": bool(held),
    }
    return render(request, "accounts/home.html", context)


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    # A copy from the database: a refused form must not change the name in the header.
    person = User.objects.get(email=request.user.get_username())
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("profile")
    return render(request, "accounts/profile.html", {"form": form, "roles": sorted(roles_of(request.user))})
