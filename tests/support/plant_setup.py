"""Run in an installation of its own: a configuration of the sandbox named on the command line, authorized."""

from __future__ import annotations

import sys

import django

from tests.support.sandbox import Sandbox


def main(address: str) -> None:
    from accounts.models import User  # noqa: PLC0415 - needs django.setup()
    from configurations.authorization import redirect_uri  # noqa: PLC0415
    from configurations.models import ApiConfiguration  # noqa: PLC0415
    from tests.support.consent import authorize  # noqa: PLC0415

    sandbox = Sandbox.at(address)
    key = sandbox.create_key(redirect_uris=[redirect_uri()], on=True)
    configuration = ApiConfiguration.objects.create(
        name="Sandbox", base_url=address, client_id=key["id"], client_secret=key["secret"]
    )
    authorize(configuration, sandbox, User.objects.create_user(email="admin@example.edu"))


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
