from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

OURS = ("accounts", "configurations", "directory", "schedules")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("label", OURS)
def test_migrations_go_back_and_forth(label, django_db_serialized_rollback):
    try:
        call_command("migrate", label, "zero", verbosity=0)
        tables = connection.introspection.table_names()
        assert [name for name in tables if name.startswith(f"{label}_")] == []
    finally:
        call_command("migrate", verbosity=0)

    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    models = {model._meta.db_table for model in apps.get_app_config(label).get_models()}
    assert models <= set(connection.introspection.table_names())
