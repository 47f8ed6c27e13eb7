"""All URLs: pages, admin, API. Each floor brings its own."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("cts.api.urls")),
    path("", include("monitoring.urls")),
]
