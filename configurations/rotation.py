"""Re-encrypts every encrypted column under the newest key.

Each batch is its own transaction and a row that is already under the newest key is left alone, so the work can
be interrupted and started again at any time. A value that somebody changes meanwhile is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import connection, models, transaction
from psycopg import sql

from .encryption import EncryptedTextField, encrypted_with_newest_key, reencrypt

BATCH = 500


@dataclass
class Rotation:
    """Counts of encrypted values; `unreadable` names those that none of the keys fits."""

    rotated: int = 0
    current: int = 0
    unreadable: list[str] = field(default_factory=list)


Column = models.Field[Any, Any]


def encrypted_fields() -> Iterator[tuple[type[models.Model], Column]]:
    for model in apps.get_models():
        for column in model._meta.local_fields:
            if isinstance(column, EncryptedTextField):
                yield model, column


def _column(field: Column) -> str:
    return str(field.column)


def rotate_keys(*, dry_run: bool = False) -> Rotation:
    """Walks through all encrypted columns; with `dry_run` only counts what still needs an old key."""
    rotation = Rotation()
    for model, column in encrypted_fields():
        last = None
        while True:
            with transaction.atomic():
                rows = _batch(model, column, after=last)
                for key, token in rows:
                    _rotate_value(model, column, key, token, rotation, dry_run=dry_run)
            if len(rows) < BATCH:
                break
            last = rows[-1][0]
    return rotation


def _batch(model: type[models.Model], column: Column, *, after: Any) -> list[tuple[Any, bytes]]:
    """The stored bytes as they are: reading through the model would decrypt them."""
    key = _column(model._meta.pk)
    query = sql.SQL(
        "SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL AND (%s::text IS NULL OR {key} > %s)"
        " ORDER BY {key} LIMIT %s"
    ).format(
        key=sql.Identifier(key),
        column=sql.Identifier(_column(column)),
        table=sql.Identifier(model._meta.db_table),
    )
    with connection.cursor() as cursor:
        cursor.execute(query.as_string(cursor.cursor), [None if after is None else str(after), after, BATCH])
        return [(row[0], bytes(row[1])) for row in cursor.fetchall()]


def _rotate_value(
    model: type[models.Model],
    column: Column,
    key: Any,
    token: bytes,
    rotation: Rotation,
    *,
    dry_run: bool,
) -> None:
    if encrypted_with_newest_key(token):
        rotation.current += 1
        return
    try:
        fresh = reencrypt(token)
    except InvalidToken:
        rotation.unreadable.append(f"{model._meta.label} {key}, {column.name}")
        return
    if not dry_run:
        _replace(model, column, key, old=token, new=fresh)
    rotation.rotated += 1


def _replace(model: type[models.Model], column: Column, key: Any, *, old: bytes, new: bytes) -> None:
    query = sql.SQL("UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s").format(
        key=sql.Identifier(_column(model._meta.pk)),
        column=sql.Identifier(_column(column)),
        table=sql.Identifier(model._meta.db_table),
    )
    with connection.cursor() as cursor:
        cursor.execute(query.as_string(cursor.cursor), [new, key, old])
