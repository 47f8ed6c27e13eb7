"""Signing in: rate limited by address, locked by axes after repeated failures."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from cts.authentication import SignInThrottle

TOO_MANY = "Too many attempts from your address. Wait {seconds} s and try again."


class SignInView(LoginView):
    """The sign-in page."""

    template_name = "sign_in.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse attempts beyond the rate of the "sign-in" scope."""
        if request.method == "POST":
            throttle = SignInThrottle()
            if not throttle.allow_request(request, self):  # type: ignore[arg-type]
                return _slow_down(request, throttle.wait())
        return super().dispatch(request, *args, **kwargs)


def _slow_down(request: HttpRequest, wait_s: float | None) -> HttpResponse:
    seconds = max(1, round(wait_s or 60))
    context = {"notice": TOO_MANY.format(seconds=seconds)}
    response = render(request, "sign_in.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
