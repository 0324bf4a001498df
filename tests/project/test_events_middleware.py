"""What other systems send goes past what only pages need, and what pages need stays theirs."""

from __future__ import annotations

import logging

import pytest
from django.urls import URLPattern

from analytics import event_urls
from analytics.views import caliper, documents, xapi
from tests.support.xapi import ADDRESS, Sender, credentials, statement

pytestmark = pytest.mark.django_db


def test_only_what_knows_its_senders_is_reached_without_signing_in():
    views = {pattern.callback for pattern in event_urls.urlpatterns if isinstance(pattern, URLPattern)}

    kept = {documents.state, documents.activity_profile, documents.agent_profile}
    assert views == {xapi.statements, xapi.about, caliper.events, documents.activity, documents.agent, *kept}


def test_the_length_is_told_so_that_connections_can_be_kept(client):
    answer = Sender(client, credentials()[1]).post(statement())

    assert answer.status_code == 200
    assert int(answer["Content-Length"]) == len(answer.content)


def test_a_name_that_is_not_ours_is_refused(client):
    assert client.post(ADDRESS, headers={"Host": "elsewhere.example.org"}).status_code == 400


@pytest.mark.parametrize("path", ["/xAPI/", "/xAPI/other", "/caliper/", "/xAPI/../analytics/", "/xAPI/../admin/"])
def test_nothing_else_is_behind_these_addresses(client, path):
    answer = client.get(path)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert answer.json() == {"error": "There is nothing at this address."}


def test_head_is_get_without_its_body(client):
    sender = Sender(client, credentials()[1])
    get, head = sender.get(), client.head(ADDRESS, headers=sender._headers())

    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", get["Content-Length"])


def test_a_person_who_is_signed_in_is_nobody_there(client, admin):
    client.force_login(admin)

    assert client.get(ADDRESS, headers={"X-Experience-API-Version": "1.0.3"}).status_code == 401


def test_who_reads_what_is_not_written_into_the_log(client, admin, caplog):
    client.force_login(admin)
    with caplog.at_level(logging.INFO):
        assert client.get("/").status_code == 200

    assert [record.getMessage() for record in caplog.records if "structlog" in record.name] == []


def test_what_is_refused_is(client, caplog):
    with caplog.at_level(logging.INFO):
        client.get(ADDRESS)

    assert "Unauthorized: /xAPI/statements" in [record.getMessage() for record in caplog.records]
