"""Files that come with statements, and signatures among them (xAPI 1.0.3, part 2 §2.4.11 and §2.6, part 3 §1.5.2).

No database.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any, NamedTuple

import jwt
import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .statements import Attached, Malformed, Read, meaning

SIGNATURE = "http://adlnet.gov/expapi/attachments/signature"
ALGORITHMS = ["RS256", "RS384", "RS512"]
CONTENT_TYPE_LETTERS = 255
_CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+ *(;[ -~]*)?", re.ASCII)
# What a token, its certificate and its payload can be wrong by.
_UNREADABLE = (
    jwt.PyJWTError,
    msgspec.MsgspecError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
# By the length of the hash in hexadecimal digits.
_HASHES = {56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}


class File(NamedTuple):
    content_type: str
    sha2: str
    content: bytes


# --- In -------------------------------------------------------------------------------------------------
def taken_apart(body: bytes, content_type: str) -> tuple[bytes, dict[str, File]]:
    """The statements of a request in parts, and the files after them, by hash. Raises Malformed."""
    parts = _parts(body, _boundary(content_type))
    headers, statements = parts[0]
    if headers.get_content_type() != "application/json":
        raise Malformed("The first part is the statements, as application/json.")
    files = [_file(number, *part) for number, part in enumerate(parts[1:], start=2)]
    return statements, {one.sha2: one for one in files}


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise Malformed("The Content-Type of a request in parts names a boundary.")
    return boundary.encode()


def _parts(body: bytes, boundary: bytes) -> list[tuple[Message, bytes]]:
    """Headers and content of each (RFC 2046 §5.1.1)."""
    first, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--") or first.strip():
        raise Malformed("The parts of this request cannot be told apart: see the boundary.")
    found = []
    for piece in pieces[:-1]:
        head, empty_line, content = piece.partition(b"\r\n\r\n")
        if not empty_line:
            raise Malformed("A part has headers, an empty line, and its content.")
        found.append((BytesHeaderParser().parsebytes(head.lstrip(b" \t\r\n")), content))
    return found


def _file(number: int, headers: Message, content: bytes) -> File:
    sha2 = str(headers.get("X-Experience-API-Hash", "")).strip().lower()
    if str(headers.get("Content-Transfer-Encoding", "")).strip().lower() != "binary" or not sha2:
        raise Malformed(f"Part {number}: Content-Transfer-Encoding: binary and X-Experience-API-Hash are told.")
    algorithm = _HASHES.get(len(sha2))
    if algorithm is None or hashlib.new(algorithm, content).hexdigest() != sha2:
        raise Malformed(f"Part {number}: X-Experience-API-Hash is not the SHA-2 of what follows.")
    content_type = str(headers.get("Content-Type", "application/octet-stream"))
    if not is_content_type(content_type):
        raise Malformed(f"Part {number}: this is no Content-Type, or a very long one.")
    return File(content_type, sha2, content)


def is_content_type(text: str) -> bool:
    """One that can be given back in a header."""
    return len(text) <= CONTENT_TYPE_LETTERS and _CONTENT_TYPE.fullmatch(text) is not None


def check(statements: Sequence[dict[str, Any]], reads: Sequence[Read], files: Mapping[str, File]) -> None:
    """Every file that is spoken of is there or has an address, and every file is spoken of. Raises Malformed."""
    spoken_of = {one.sha2 for read in reads for one in read.attached}
    if files.keys() - spoken_of:
        raise Malformed("There is a file that no statement speaks of.")
    for statement, read in zip(statements, reads, strict=True):
        for one in read.attached:
            if not one.url and one.sha2 not in files:
                raise Malformed(f"The file {one.sha2[:12]}… is neither here nor has it a fileUrl.")
            if one.usage_type == SIGNATURE:
                _check_signature(statement, one, files)


def _check_signature(statement: dict[str, Any], signature: Attached, files: Mapping[str, File]) -> None:
    """It signs this statement, as it was before; with the key of its certificate, if it has one."""
    if signature.content_type != "application/octet-stream":
        raise Malformed("A signature is application/octet-stream.")
    if signature.sha2 not in files:
        return
    try:
        signed = msgspec.json.decode(_payload(files[signature.sha2].content))
        unsigned = {
            name: value for name, value in statement.items() if name != "attachments"
        } | _other_attachments(statement)
        same = meaning(signed) == meaning(unsigned)
    except _UNREADABLE as error:
        raise Malformed(f"This signature cannot be read: {error}.") from None
    if "authority" in signed:
        # Who stands there would stay in the file when they are erased.
        raise Malformed("Sign the statement without its authority, which is for this store to say.")
    if not same:
        raise Malformed("The signature is of another statement.")


def _payload(token: bytes) -> bytes:
    header = jwt.get_unverified_header(token)
    if header.get("alg") not in ALGORITHMS:
        raise ValueError(f"it is made with one of {', '.join(ALGORITHMS)}")
    signatures = jwt.PyJWS()
    if "x5c" not in header:
        found = signatures.decode_complete(token, options={"verify_signature": False})
    else:
        key = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0])).public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("its certificate has no RSA key")
        found = signatures.decode_complete(token, key, algorithms=ALGORITHMS)
    payload: bytes = found["payload"]
    return payload


def _other_attachments(statement: Mapping[str, Any]) -> dict[str, Any]:
    others = [one for one in statement["attachments"] if one["usageType"] != SIGNATURE]
    return {"attachments": others} if others else {}


def spoken_of(statement: Mapping[str, Any]) -> set[str]:
    """The hashes of the files of a valid statement."""
    parts = [statement, statement.get("object", {})]
    return {str(one["sha2"]).lower() for part in parts for one in part.get("attachments", ())}


# --- Out ------------------------------------------------------------------------------------------------
def put_together(statements: bytes, files: Iterable[File], boundary: str) -> bytes:
    """As `taken_apart` takes them."""
    mark = f"--{boundary}\r\n".encode()
    pieces = [mark, b"Content-Type: application/json\r\n\r\n", statements, b"\r\n"]
    for one in files:
        headers = (
            f"Content-Type: {one.content_type}\r\n"
            "Content-Transfer-Encoding: binary\r\n"
            f"X-Experience-API-Hash: {one.sha2}\r\n\r\n"
        )
        pieces += [mark, headers.encode(), one.content, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()])
