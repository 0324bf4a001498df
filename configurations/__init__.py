"""The connection to an LMS: credentials, OAuth2 authorization and tokens, the admin's Add, Authorize and Test."""

from __future__ import annotations
