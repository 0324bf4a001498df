from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import Resolver404, resolve

URLS = "analytics.event_urls"
PREFIXES = ("/xAPI/", "/caliper/")


class EventsMiddleware:
    """Lets what other systems send past everything that pages need: sessions, sign-in, messages, the policy for
    browsers. Those took longer than storing a statement (docs/decisions/0016-one-trip.md).

    Comes after SecurityMiddleware. Only the views of `analytics.event_urls` are reached by it, which know their
    senders by credentials of their own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIXES):
            return self.get_response(request)
        # As CommonMiddleware: names that are not ours are refused, and connections can be kept.
        request.get_host()
        answer = self._answer(request)
        answer["Content-Length"] = str(len(answer.content))
        if request.method == "HEAD":
            # gunicorn would leave it out, too, and complain.
            answer.content = b""
        return answer

    def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            view, args, kwargs = resolve(request.path_info, URLS)
        except Resolver404:
            return JsonResponse({"error": "There is nothing at this address."}, status=404)
        answer: HttpResponse = view(request, *args, **kwargs)
        return answer
