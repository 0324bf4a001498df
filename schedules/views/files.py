"""CSV files: upload and check, save, export."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.roles import Role, role_required
from schedules.csv_files import importing, reading, registry, writing
from schedules.csv_files.base import FileKind
from schedules.csv_files.echo360 import Echo360Schedules
from schedules.csv_files.outcome import Kind, Outcome
from schedules.csv_files.schedule_rows import Schedules
from schedules.models import ImportJob

ROWS_A_PAGE = 200
NAMED = 10
NAMES = {
    Kind.REFUSED: "Refused",
    Kind.CREATED: "New",
    Kind.CHANGED: "Changed",
    Kind.UNCHANGED: "Unchanged",
}
LEVELS = {Kind.REFUSED: "error", Kind.CREATED: "ok", Kind.CHANGED: "warning", Kind.UNCHANGED: "off"}


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        help_text=(
            f"UTF-8, at most {reading.MAX_BYTES // 1024 // 1024} MB and {reading.MAX_ROWS:,} rows. "
            "You see what would change before anything is saved."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty. Its first line must name the columns.",
            "missing": "Choose a file.",
        },
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > reading.MAX_BYTES:
            size = f"{file.size / 1024 / 1024:.1f}"
            raise forms.ValidationError(
                f"The file has {size} MB; at most {reading.MAX_BYTES // 1024 // 1024} MB are read. Split it."
            )
        return file


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the decorators let nobody else in
    return request.user


def _kind(name: str) -> type[FileKind]:
    try:
        return registry.kind_of(name)
    except KeyError:
        raise Http404 from None


@role_required(Role.SCHEDULERS)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    kinds = [
        {
            "kind": kind,
            "may_import": registry.may_import(kind, user),
            "may_export": registry.may_export(kind, user),
        }
        for kind in registry.KINDS
    ]
    shown = [entry for entry in kinds if entry["may_import"] or entry["may_export"]]
    return render(request, "schedules/files/overview.html", {"kinds": shown})


@role_required(Role.SCHEDULERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, kind: str) -> HttpResponse:
    found = _kind(kind)
    user = _user(request)
    if not registry.may_import(found, user):
        raise PermissionDenied
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                return redirect(importing.upload(found, file.name, file.read(), user=user))
            except reading.Unreadable as error:
                form.add_error("file", str(error))
    context = {
        "kind": found,
        "form": form,
        "columns": _described(found),
        "theirs": _described(Echo360Schedules) if found is Schedules else [],
        "may_export": registry.may_export(found, user),
        "by_external_id": any(one.name.replace(" ", "_").lower() == "external_id" for one in found.columns),
    }
    return render(request, "schedules/files/upload.html", context)


def _described(kind: type[FileKind]) -> list[dict[str, Any]]:
    """The columns, their meaning in pieces of which every second one is code."""
    return [
        {
            "column": column,
            "pieces": [(piece, position % 2) for position, piece in enumerate(column.meaning.split("`"))],
        }
        for column in kind.columns
    ]


@role_required(Role.SCHEDULERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """What the check found; Save does it."""
    user = _user(request)
    found = get_object_or_404(ImportJob.objects.current(), pk=pk, user=user)
    kind = _kind(found.kind)
    if not registry.may_import(kind, user):
        raise PermissionDenied
    if request.method == "POST":
        _save(request, found, user)
        return redirect(found)
    rows = [Outcome.from_json(row) for row in found.report]
    counts = {one: sum(row.kind == one for row in rows) for one in Kind}
    shown = _shown(request, counts)
    page = Paginator([row for row in rows if shown in ("all", row.kind)], ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    good = counts[Kind.CREATED] + counts[Kind.CHANGED]
    context = {
        "job": found,
        "kind": kind,
        "counts": [(one.value, NAMES[one], count) for one, count in counts.items()],
        "total": len(rows),
        "refused": counts[Kind.REFUSED],
        "good": good,
        "added": _added(rows),
        "shown": shown,
        "page": page,
        "rows": [(row, NAMES[row.kind], LEVELS[row.kind]) for row in page],
    }
    return render(request, "schedules/files/job.html", context)


def _added(rows: Iterable[Outcome]) -> list[tuple[str, str, int]]:
    """What rows add that they are not about, such as the course of a section: as they call it, some names, and how
    many more there are.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for what, _, name in row.differences:
            if what.startswith("New "):
                names[what].append(name)
    return [(what, "; ".join(every[:NAMED]), max(len(every) - NAMED, 0)) for what, every in names.items()]


def _shown(request: HttpRequest, counts: dict[Kind, int]) -> str:
    """What to list: what was asked for; else what is refused, if anything is."""
    wanted = request.GET.get("show", "")
    if wanted == "all" or wanted in set(Kind):
        return wanted
    return Kind.REFUSED.value if counts[Kind.REFUSED] else "all"


def _save(request: HttpRequest, found: ImportJob, user: User) -> None:
    try:
        importing.save(found, user=user, good_only="good_only" in request.POST)
    except importing.SavedAlready:
        messages.info(request, "This file was saved already. Nothing was saved a second time.")
    except importing.NotAsChecked:
        text = "Nothing was saved: since the check, something here has changed. Look at the rows again, then save."
        messages.warning(request, text)
    else:
        messages.success(request, "Saved.")


@role_required(Role.SCHEDULERS)
@never_cache
@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponse:
    found = _kind(kind)
    user = _user(request)
    if not registry.may_export(found, user):
        raise PermissionDenied
    name = f"{found.name}-{timezone.localdate()}.csv"
    return _file(name, writing.written(found.header(), found.export(user)))


@role_required(Role.SCHEDULERS)
@require_safe
def sample(request: HttpRequest, kind: str) -> HttpResponse:
    found = _kind(kind)
    user = _user(request)
    if not (registry.may_import(found, user) or registry.may_export(found, user)):
        raise PermissionDenied
    row = [column.example for column in found.columns]
    return _file(f"{found.name}-sample.csv", writing.written(found.header(), iter([row])))


def _file(name: str, lines: Iterator[str]) -> HttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast(HttpResponse, response)  # the guards know the one kind of answer alone
