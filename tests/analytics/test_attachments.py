"""Statements with files: what must come with what, what is given back, and whose signature is believed."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.utils import timezone

from analytics import attachments, erasure, partitions, retrieval
from analytics.attachments import SIGNATURE, File
from analytics.models import AttachedFile, Learner, RawDrop, Statement
from tests.support.xapi import HOME, Sender, account, credentials, statement

pytestmark = pytest.mark.django_db
# A line end and the beginning of a boundary inside: content is not looked into.
PICTURE = b"\x89PNG\r\n--echo\x00\xff\r\n\r\n"


@pytest.fixture
def sender(client) -> Sender:
    return Sender(client, credentials()[1])


def file(content: bytes = PICTURE, kind: str = "image/png", algorithm: str = "sha256") -> File:
    return File(kind, hashlib.new(algorithm, content).hexdigest(), content)


def spoken_of(*files: File, usage: str = "https://example.edu/certificate", **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "usageType": usage,
            "display": {"en": "Certificate"},
            "contentType": one.content_type,
            "length": len(one.content),
            "sha2": one.sha2,
        }
        | more
        for one in files
    ]


def send(sender: Sender, told: Any, *files: File) -> Any:
    body = attachments.put_together(json.dumps(told).encode(), files, "b-1")
    return sender.post(body, kind="multipart/mixed; boundary=b-1")


def given_back(answer: Any) -> tuple[Any, dict[str, File]]:
    body, files = attachments.taken_apart(answer.content, answer["Content-Type"])
    return json.loads(body), files


# --- In and out -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("algorithm", ["sha224", "sha256", "sha384", "sha512"])
def test_a_file_comes_back_as_it_came(sender, algorithm):
    picture = file(algorithm=algorithm)
    told = statement(attachments=spoken_of(picture))
    assert send(sender, told, picture).status_code == 200

    one, files = given_back(sender.get(statementId=told["id"], attachments="true"))
    assert one["attachments"] == told["attachments"]
    assert files == {picture.sha2: picture}
    several, files = given_back(sender.get(attachments="true"))
    assert [one["id"] for one in several["statements"]] == [told["id"]]
    assert files == {picture.sha2: picture}


def test_a_file_of_two_statements_is_sent_and_given_once(sender):
    picture = file()
    told = [statement(attachments=spoken_of(picture)) for _ in range(2)]
    assert send(sender, told, picture).status_code == 200

    _, files = given_back(sender.get(attachments="true"))
    assert list(files) == [picture.sha2]
    assert AttachedFile.objects.count() == 1


def test_without_being_asked_for_no_file_is_given(sender):
    picture = file()
    send(sender, statement(attachments=spoken_of(picture)), picture)

    assert sender.get()["Content-Type"] == "application/json"
    assert sender.get(attachments="false")["Content-Type"] == "application/json"


def test_a_repetition_stores_no_file_again(sender):
    picture = file()
    told = statement(attachments=spoken_of(picture))
    assert [send(sender, told, picture).status_code for _ in range(2)] == [200, 200]

    assert AttachedFile.objects.count() == 1


def test_a_file_elsewhere_needs_no_part(sender):
    told = statement(attachments=spoken_of(file(), fileUrl="https://example.edu/certificate.png"))

    assert sender.post(told).status_code == 200


def test_of_a_part_of_a_statement_too(sender):
    picture = file()
    inner = {name: value for name, value in statement().items() if name != "id"}
    told = statement(object=inner | {"objectType": "SubStatement", "attachments": spoken_of(picture)})

    assert sender.post(told).status_code == 400
    assert send(sender, told, picture).status_code == 200


# --- What is wrong --------------------------------------------------------------------------------------
def test_a_file_that_is_spoken_of_and_is_not_there(sender):
    answer = sender.post(statement(attachments=spoken_of(file())))
    assert answer.status_code == 400
    assert "fileUrl" in json.loads(answer.content)["error"]
    assert send(sender, statement(attachments=spoken_of(file(), file(b"2"))), file()).status_code == 400
    assert not Statement.objects.exists()


def test_a_file_that_nobody_speaks_of(sender):
    answer = send(sender, statement(attachments=spoken_of(file())), file(), file(b"2"))
    assert (answer.status_code, "no statement" in answer.content.decode()) == (400, True)


def test_a_file_that_is_another_one(sender):
    answer = send(sender, statement(attachments=spoken_of(file())), file()._replace(content=b"other"))
    assert (answer.status_code, "SHA-2" in answer.content.decode()) == (400, True)


PART = b"--b-1\r\nContent-Type: application/json\r\n\r\n"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/mixed", PART + b"[]\r\n--b-1--\r\n"),
        ("multipart/mixed; boundary=other", PART + b"[]\r\n--b-1--\r\n"),
        ("multipart/mixed; boundary=b-1", b""),
        ("multipart/mixed; boundary=b-1", PART + b"[]"),
        ("multipart/mixed; boundary=b-1", b"hello\r\n" + PART + b"[]\r\n--b-1--\r\n"),
        ("multipart/mixed; boundary=b-1", b"--b-1\r\n[]\r\n--b-1--\r\n"),
        ("multipart/mixed; boundary=b-1", PART.replace(b"json", b"text") + b"[]\r\n--b-1--\r\n"),
        ("multipart/mixed; boundary=b-1", PART + b"[]\r\n--b-1\r\nContent-Type: a/b\r\n\r\nx\r\n--b-1--\r\n"),
        ("multipart/form-data; boundary=b-1", PART + b"[]\r\n--b-1--\r\n"),
    ],
)
def test_parts_that_cannot_be_told_apart(sender, kind, body):
    answer = sender.post(body, kind=kind)
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"]


@pytest.mark.parametrize("kind", ["text", f"text/{'x' * 300}", "text/plain\0"])
def test_a_kind_that_cannot_be_given_back(sender, kind):
    odd = file(kind=kind)
    assert send(sender, statement(attachments=spoken_of(odd)), odd).status_code == 400


def test_a_page_ends_before_too_many_files_are_opened(sender, monkeypatch):
    for number in range(4):
        one = file(bytes(1000) + bytes([number]))
        send(sender, statement(attachments=spoken_of(one)), one)
    monkeypatch.setattr(retrieval, "MOST_OPENED", 4000)  # of all four the statements fit
    page, files = given_back(sender.get(attachments="true"))
    rest, others = given_back(sender.client.get(page["more"], headers=sender._headers()))

    assert [len(page["statements"]), len(files), len(rest["statements"]), len(others)] == [3, 3, 1, 1]
    assert not rest["more"]


# --- What goes ------------------------------------------------------------------------------------------
def test_a_file_is_erased_with_the_last_statement_that_speaks_of_it(sender):
    shared, alone = file(), file(b"2")
    gone = statement(actor=account("gone"), attachments=spoken_of(shared, alone))
    stays = statement(actor=account("stays"), attachments=spoken_of(shared))
    send(sender, [gone, stays], shared, alone)
    erasure.erase(Learner.objects.get(identities__key=f"account:{HOME}|gone"), by=None)

    assert [one.sha2 for one in AttachedFile.objects.all()] == [shared.sha2]
    erasure.erase(Learner.objects.get(identities__key=f"account:{HOME}|stays"), by=None)
    assert not AttachedFile.objects.exists()


def test_a_file_goes_with_its_month(sender):
    picture = file()
    send(sender, statement(attachments=spoken_of(picture)), picture)
    tomorrow = (timezone.now() + datetime.timedelta(days=2)).date()
    RawDrop.objects.create(month=tomorrow, until=tomorrow, batches=1, statements=1)
    partitions.forget_dropped_statements()

    assert not AttachedFile.objects.exists()


# --- Signatures -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Signer")])
    begins = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def signature(told: Any, key: Any, algorithm: str = "RS256", **headers: Any) -> File:
    token = jwt.PyJWS().encode(json.dumps(told).encode(), key, algorithm, headers or None)
    return file(token.encode(), "application/octet-stream")


def send_signed(sender: Sender, told: Any, signed: File, **more: Any) -> Any:
    return send(sender, told | {"attachments": spoken_of(signed, usage=SIGNATURE, **more)}, signed)


@pytest.mark.parametrize("algorithm", attachments.ALGORITHMS)
def test_a_signed_statement(sender, key, algorithm):
    told = statement()
    assert send_signed(sender, told, signature(told, key, algorithm)).status_code == 200


def test_with_a_certificate_the_signature_is_checked(sender, key):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    told = statement()
    assert send_signed(sender, told, signature(told, other, x5c=[certificate(key)])).status_code == 400
    assert send_signed(sender, told, signature(told, key, x5c=["AAAA"])).status_code == 400
    assert send_signed(sender, told, signature(told, key, x5c=[certificate(key)])).status_code == 200


def test_what_was_signed_is_the_statement(sender, key):
    told = statement()
    answer = send_signed(sender, told, signature(told | {"actor": account("other")}, key))
    assert (answer.status_code, "another statement" in answer.content.decode()) == (400, True)


def test_what_means_the_same_may_be_written_in_another_way(sender, key):
    told = statement(result={"duration": "PT1.239S"}, timestamp="2026-05-06T12:00:00Z")
    signed = told | {"result": {"duration": "PT1.23S"}, "timestamp": "2026-05-06T14:00:00+02:00"}
    assert send_signed(sender, told, signature(signed, key)).status_code == 200


def test_a_signature_names_no_authority(sender, key):
    told = statement()
    signed = told | {"authority": {"objectType": "Agent", "mbox": "mailto:someone@example.edu"}}
    answer = send_signed(sender, told, signature(signed, key))
    assert (answer.status_code, "authority" in answer.content.decode()) == (400, True)


@pytest.mark.parametrize("signed", [[], "x", None, {}, {"actor": 1}])
def test_a_signature_of_what_is_no_statement(sender, key, signed):
    assert send_signed(sender, statement(), signature(signed, key)).status_code == 400


def test_a_signature_is_of_one_of_three_kinds(sender):
    told = statement()
    by_secret = signature(told, "a secret that many share, of thirty-two bytes", "HS256")
    assert send_signed(sender, told, by_secret).status_code == 400
    nonsense = file(b"no.signature", "application/octet-stream")
    assert send_signed(sender, told, nonsense).status_code == 400


def test_a_signature_of_something_that_never_ends(sender, key):
    token = jwt.PyJWS().encode(b"[" * 100_000, key, "RS256")
    assert send_signed(sender, statement(), file(token.encode(), "application/octet-stream")).status_code == 400


def test_a_signature_says_that_it_is_one(sender, key):
    told = statement()
    assert send_signed(sender, told, signature(told, key), contentType="text/plain").status_code == 400
