"""Pages of figures, read as a person would."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client


def page_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode().replace("\u00a0", " ")


def words_of(page: str) -> str:
    """Without tags, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).strip()


def table_in(page: str, name: str) -> list[list[str]]:
    """The texts of the rows of the table of this part."""
    part = page.partition(f'<section id="{name}"')[2].partition("</section>")[0]
    body = part.partition("<tbody>")[2].partition("</table>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("</tr>")]
    return [[re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in cells if row]


def rows_of(client: Client, address: str) -> list[dict[str, str]]:
    """Of a CSV file."""
    response = client.get(address, {"bom": "0"})
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]  # it streams
    return list(csv.DictReader(io.StringIO(text, newline="")))
