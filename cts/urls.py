"""All URLs: pages, admin, API. Each floor brings its own."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    # one door to sign in, with its rate limit and lock-out
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/", admin.site.urls),
    path("api/v1/", include("cts.api.urls")),
    path("", include("monitoring.urls")),
]
