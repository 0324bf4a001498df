from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from .roles import grant_role_permissions


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        # After auth's own receiver, which makes the permissions: auth comes first in INSTALLED_APPS.
        post_migrate.connect(grant_role_permissions, dispatch_uid="accounts.grant_role_permissions")
