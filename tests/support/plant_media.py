"""Run in an installation of its own: a media by an IRI, and who may send its events."""

from __future__ import annotations

import json
import sys

import django


def main(iri: str) -> None:
    from analytics import sources  # noqa: PLC0415 - needs django.setup()
    from analytics.models import Activity  # noqa: PLC0415
    from tests.support import viewing  # noqa: PLC0415

    viewing.media(activity=Activity.of(iri))
    source, secret = sources.add("Players")
    sys.stdout.write(json.dumps({"key": source.key, "secret": secret}))


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
