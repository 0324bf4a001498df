"""The admin's pages of a configuration: what may be entered, what is shown and what never is."""

from __future__ import annotations

import pytest
from django.urls import reverse

from configurations.models import ApiConfiguration, Authorization, ConnectionEvent
from tests.support.consent import authorize

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "admin:configurations_apiconfiguration_changelist"
ADD = "admin:configurations_apiconfiguration_add"
SECRET = "planted-client-secret-0123456789"


@pytest.fixture
def signed_in(client, admin):
    client.force_login(admin)
    return client


def entered(sandbox, **changes):
    return {
        "name": "Sandbox",
        "base_url": sandbox.url,
        "client_id": "10000000000001",
        "new_secret": SECRET,
        "account_id": "self",
        "enabled": "on",
    } | changes


def errors_of(answer):
    return {name: list(texts) for name, texts in answer.context["adminform"].form.errors.items()}


# --- Add ------------------------------------------------------------------------------------------------
def test_add_saves_encrypted_and_leads_to_authorize(signed_in, sandbox, admin):
    answer = signed_in.post(reverse(ADD), entered(sandbox), follow=True)

    assert "Sandbox is saved. Next: choose Authorize." in answer.content.decode()
    configuration = ApiConfiguration.objects.get()
    assert (configuration.client_secret, configuration.created_by) == (SECRET, admin)
    assert SECRET not in answer.content.decode()
    assert "••••6789" in answer.content.decode()


@pytest.mark.parametrize("paste", ["  {} ", "{}/", "{}/courses/1?x#y", "{}/login/canvas"])
def test_the_domain_may_be_pasted_from_the_browser(paste, signed_in, sandbox):
    signed_in.post(reverse(ADD), entered(sandbox, base_url=paste.format(sandbox.url.upper())))

    assert ApiConfiguration.objects.get().base_url == sandbox.url


PRIVATE = (
    "This address is not on the public internet, so echo_lms does not connect to it. Check the Canvas Domain. For "
    "a Canvas on this machine, name it in the setting LMS_ALLOWED_INSECURE_HOSTS."
)


@pytest.mark.parametrize(
    "domain",
    [
        "http://school.instructure.com",
        "ftp://school.instructure.com",
        "https://user:password@school.instructure.com",
        "127.0.0.1",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "https://127.0.0.1:1",
        "canvas.internal",
        "canvas",
        "https://school.instructure.com:99999",
        "",
    ],
)
def test_a_domain_that_is_no_public_https_origin_is_refused_with_a_reason(domain, signed_in, sandbox):
    answer = signed_in.post(reverse(ADD), entered(sandbox, base_url=domain))

    (reason,) = errors_of(answer)["base_url"]
    assert reason.endswith(".")
    assert not ApiConfiguration.objects.exists()


def test_a_name_that_leads_to_a_private_address_is_refused(signed_in, sandbox, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.0.0.7", 443))])

    answer = signed_in.post(reverse(ADD), entered(sandbox, base_url="https://school.instructure.com"))

    assert errors_of(answer) == {"base_url": [PRIVATE]}


NO_NUMBER = "A client ID is a number. In Canvas it stands in the Details column, above the Show Key button."
NO_ACCOUNT = "Enter the number of a Canvas account, or self for the root account."


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"client_id": "abc"}, {"client_id": [NO_NUMBER]}),
        ({"new_secret": " "}, {"new_secret": ["Enter the client secret of the developer key."]}),
        ({"name": ""}, {"name": ["This field is required."]}),
        ({"account_id": "../users"}, {"account_id": [NO_ACCOUNT]}),
    ],
)
def test_what_is_missing_or_malformed_is_said(changes, errors, signed_in, sandbox):
    answer = signed_in.post(reverse(ADD), entered(sandbox, **changes))

    assert errors_of(answer) == errors


def test_one_canvas_has_one_configuration(signed_in, sandbox, configuration):
    answer = signed_in.post(reverse(ADD), entered(sandbox, name="Second"))

    assert errors_of(answer) == {"base_url": ["LMS API configuration with this Canvas Domain already exists."]}


# --- Change ---------------------------------------------------------------------------------------------
def test_an_empty_secret_keeps_the_old_one(signed_in, sandbox, configuration):
    before = configuration.client_secret
    change = entered(sandbox, name="Renamed", client_id=configuration.client_id, new_secret="")

    signed_in.post(configuration.get_admin_url(), change)

    configuration.refresh_from_db()
    assert (configuration.name, configuration.client_secret) == ("Renamed", before)
    event = ConnectionEvent.objects.latest("pk")
    assert (event.kind, event.detail) == (ConnectionEvent.Kind.CHANGED, "Name: Sandbox → Renamed")


def test_a_replaced_secret_is_noted_without_being_shown(signed_in, sandbox, configuration):
    change = entered(sandbox, client_id=configuration.client_id, new_secret=SECRET)

    signed_in.post(configuration.get_admin_url(), change)

    assert ConnectionEvent.objects.latest("pk").detail == "LMS API Client Secret: replaced"


@pytest.mark.parametrize("changes", [{"client_id": "10000000000002"}, {"base_url": "http://127.0.0.1:1"}])
def test_another_canvas_or_key_removes_the_authorization_and_says_so(
    changes, signed_in, configuration, sandbox, admin, settings
):
    settings.LMS_ALLOWED_INSECURE_HOSTS = [*settings.LMS_ALLOWED_INSECURE_HOSTS, "127.0.0.1:1"]
    authorize(configuration, sandbox, admin)
    before = signed_in.get(configuration.get_admin_url()).content.decode()
    assert before.count("Changing it removes the authorization.") == 2
    change = entered(sandbox, client_id=configuration.client_id, new_secret="") | changes

    page = signed_in.post(configuration.get_admin_url(), change, follow=True).content.decode()

    assert "The authorization belonged to the Canvas Domain and Client ID of before and was removed." in page
    assert sandbox.state()["tokens"] == 0


def test_the_name_of_an_authorized_configuration_may_change(signed_in, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    change = entered(sandbox, name="Renamed", client_id=configuration.client_id, new_secret="")

    page = signed_in.post(configuration.get_admin_url(), change, follow=True).content.decode()

    assert "was removed" not in page
    assert sandbox.state()["tokens"] == 1


def test_disabling_in_the_list_is_noted(signed_in, configuration):
    signed_in.post(reverse(LIST), {"action": "disable", "_selected_action": [configuration.pk]})

    configuration.refresh_from_db()
    assert not configuration.enabled
    assert ConnectionEvent.objects.latest("pk").detail == "Enabled: True → False"


def test_deleting_in_the_list_revokes_the_tokens(signed_in, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    confirm = {"action": "delete_selected", "_selected_action": [configuration.pk], "post": "yes"}

    signed_in.post(reverse(LIST), confirm)

    assert not ApiConfiguration.objects.exists()
    assert sandbox.state()["tokens"] == 0


def test_the_question_before_deleting_says_what_goes_and_what_stays(signed_in, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    address = reverse("admin:configurations_apiconfiguration_delete", args=[configuration.pk])

    page = signed_in.get(address).content.decode()
    assert "forgets the client secret and the tokens of <b>Sandbox</b>" in page
    assert "The history of the connection is kept." in page
    signed_in.post(address, {"post": "yes"})

    assert not ApiConfiguration.objects.exists()
    assert sandbox.state()["tokens"] == 0
    assert ConnectionEvent.objects.latest("pk").configuration_name == "Sandbox"


def test_disconnecting_asks_first(signed_in, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    address = reverse("admin:configurations_apiconfiguration_disconnect", args=[configuration.pk])

    assert signed_in.get(address).status_code == 200
    assert Authorization.objects.exists()
    page = signed_in.post(address, follow=True).content.decode()

    assert "Sandbox is disconnected." in page
    assert not Authorization.objects.exists()


# --- The list -------------------------------------------------------------------------------------------
def test_an_empty_list_says_what_to_do(signed_in, db):
    page = signed_in.get(reverse(LIST)).content.decode()

    assert "No Canvas is connected yet." in page
    assert reverse(ADD) in page


def test_the_list_costs_the_same_for_one_and_for_three(
    signed_in, configuration, sandbox, admin, django_assert_num_queries, django_assert_max_num_queries
):
    authorize(configuration, sandbox, admin)
    with django_assert_max_num_queries(12) as with_one:
        signed_in.get(reverse(LIST))
    for number in (2, 3):
        other = ApiConfiguration.objects.create(
            name=f"Canvas {number}", base_url=f"https://{number}.example.edu", client_id="1", client_secret="x"
        )
        Authorization.objects.create(configuration=other, authorized_at="2026-01-01T00:00Z")
        ConnectionEvent.record(other, ConnectionEvent.Kind.TESTED, actor=admin)
    with django_assert_num_queries(len(with_one.captured_queries)):
        signed_in.get(reverse(LIST))


# --- Test -----------------------------------------------------------------------------------------------
def test_the_test_window_lists_the_courses(signed_in, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    address = reverse("admin:configurations_apiconfiguration_test", args=[configuration.pk])

    page = signed_in.post(address, {"email": "Instructor@Demo.Example "}).content.decode()

    for text in ("Algebra I", "ALG101", "Botany I", "Published", f"{sandbox.url}/courses/"):
        assert text in page


@pytest.mark.parametrize("email", ["", "instructor", "a@b", "x" * 300 + "@demo.example"])
def test_an_address_that_is_none_is_refused_before_canvas_is_asked(email, signed_in, configuration, sandbox):
    sandbox.clear_log()
    address = reverse("admin:configurations_apiconfiguration_test", args=[configuration.pk])

    page = signed_in.post(address, {"email": email}).content.decode()

    assert "errornote" in page
    assert sandbox.log() == []


def test_what_canvas_calls_a_course_cannot_break_the_page(signed_in, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    course = sandbox.state()["courses"][0]
    sandbox.edit(course={"id": course["id"], "name": "<script>alert(1)</script>"})
    address = reverse("admin:configurations_apiconfiguration_test", args=[configuration.pk])

    page = signed_in.post(address, {"email": "instructor@demo.example"}).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_history_can_be_read_and_not_changed(signed_in, configuration, admin):
    event = ConnectionEvent.record(configuration, ConnectionEvent.Kind.TESTED, actor=admin, detail="what it said")
    page = reverse("admin:configurations_connectionevent_change", args=[event.pk])

    assert "what it said" in signed_in.get(page).content.decode()
    assert signed_in.post(page, {"detail": "forged"}).status_code == 403
    assert (
        signed_in.post(reverse("admin:configurations_connectionevent_delete", args=[event.pk])).status_code == 403
    )


def test_hourly_renewals_do_not_crowd_the_page(signed_in, configuration, admin):
    ConnectionEvent.record(configuration, ConnectionEvent.Kind.AUTHORIZED, actor=admin, detail="what matters")
    for _ in range(40):
        ConnectionEvent.record(configuration, ConnectionEvent.Kind.REFRESHED)

    page = signed_in.get(configuration.get_admin_url()).content.decode()

    assert "what matters" in page
    assert "Token renewed" not in page
