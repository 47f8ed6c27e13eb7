"""The API's URLs: the ground's own here, each floor's in its api.py."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from cts.api.people import ActivityViewSet, MeView
from cts.api.schema import DocsView, SchemaView
from cts.api.sign_in import RefreshView, RevokeView, TokenView

router = SimpleRouter(trailing_slash=False)
router.register("activity", ActivityViewSet, basename="activity")

urlpatterns = [
    path("auth/token", TokenView.as_view(), name="api-token"),
    path("auth/refresh", RefreshView.as_view(), name="api-refresh"),
    path("auth/revoke", RevokeView.as_view(), name="api-revoke"),
    path("me", MeView.as_view(), name="api-me"),
    path("schema", SchemaView.as_view(), name="api-schema"),
    path("docs", DocsView.as_view(), name="api-docs"),
    path("", include(router.urls)),
    path("", include("connections.api")),
    path("", include("positions.api")),
    path("", include("trading.api")),
    path("", include("monitoring.api")),
]
