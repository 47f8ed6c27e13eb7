"""The admin's own content security policy."""

from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin


class AdminContentSecurityPolicy(MiddlewareMixin):
    """Sets ADMIN_CONTENT_SECURITY_POLICY on everything under /admin/, and on nothing else.

    The admin's Alpine evaluates attributes ('unsafe-eval') and its theme is an inline style; the
    rest of the site keeps the stricter policy that django-csp sets.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Add the header where the path is the admin's and no other policy stands."""
        if request.path_info.startswith("/admin/"):
            policy = build_policy(settings.ADMIN_CONTENT_SECURITY_POLICY)
            response.headers.setdefault("Content-Security-Policy", policy)
        return response
