"""The encrypted column. Models use this class and no other of `fernet_fields`.

Keys: `settings.FERNET_KEYS`, newest first. The first encrypts, all decrypt; they are read once per process, so a
rotation ends with a restart of web and workers (docs/operations.md, "Rotate the encryption keys").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fernet_fields
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col, Value
from fernet_fields import hkdf

if TYPE_CHECKING:
    # The package has no types; to the type checker the column is what it looks like from outside.
    _EncryptedTextField = models.TextField[str, str]
else:
    _EncryptedTextField = fernet_fields.EncryptedTextField


class Unreadable(str):
    """Stands for a stored value that none of the keys fits; empty, so that it leads nowhere."""

    __slots__ = ()


class EncryptedTextField(_EncryptedTextField):
    """Text, encrypted with Fernet. It can be read and written, not searched.

    The package encrypts the *text* of an SQL expression (after `bulk_update` a column reads back as
    "Cast(CASE WHEN …"), and lets `update(column=Value("x"))` store plain text; both are mended here.
    """

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """A value that none of the keys fits must not take every page down that shows its row."""
        try:
            return super().from_db_value(value, expression, connection)  # type: ignore[misc]  # the package's own
        except InvalidToken:
            return Unreadable()

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        if isinstance(value, Value):
            value = value.value
        if isinstance(value, Unreadable):
            raise FieldError(f"{self.name} cannot be read with these FERNET_KEYS, and is not overwritten.")
        if isinstance(value, Col):
            raise FieldError(f"{self.name} is encrypted and cannot be copied from another column.")
        if hasattr(value, "as_sql"):
            return value  # bulk_update's CASE: the values inside it come through here one by one
        return super().get_db_prep_save(value, connection)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        return value if hasattr(value, "as_sql") else super().get_db_prep_value(value, connection, prepared)


def _fernet(key: str) -> Fernet:
    return Fernet(hkdf.derive_fernet_key(key))


def encrypted_with_newest_key(token: bytes) -> bool:
    try:
        _fernet(settings.FERNET_KEYS[0]).decrypt(token)
    except InvalidToken:
        return False
    return True


def reencrypt(token: bytes) -> bytes:
    """The same text under the newest key; raises InvalidToken if none of the keys fits."""
    return MultiFernet([_fernet(key) for key in settings.FERNET_KEYS]).rotate(token)
