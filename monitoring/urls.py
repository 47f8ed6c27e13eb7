"""The pages' URLs."""

from django.contrib.auth.views import LogoutView
from django.templatetags.static import static
from django.urls import path, re_path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from monitoring.views import (
    connections,
    dashboard,
    engines,
    positions,
    sign_in,
    system,
    tournaments,
)

ICON_URL = lazy(static, str)("img/cts.svg")

urlpatterns = [
    path("favicon.ico", RedirectView.as_view(url=ICON_URL), name="favicon"),
    path("sign-in", sign_in.SignInView.as_view(), name="login"),
    path("sign-out", LogoutView.as_view(http_method_names=["post"]), name="logout"),
    path("", dashboard.dashboard, name="dashboard"),
    path("live", dashboard.live, name="dashboard-live"),
    path("connections", connections.connection_list, name="connections"),
    path("connections/new", connections.new, name="connection-new"),
    path("connections/<int:pk>", connections.detail, name="connection"),
    path("connections/<int:pk>/edit", connections.edit, name="connection-edit"),
    path("connections/<int:pk>/credentials", connections.credentials, name="connection-keys"),
    path("connections/<int:pk>/live-on", connections.live_on, name="connection-live-on"),
    path("connections/<int:pk>/live-off", connections.live_off, name="connection-live-off"),
    path("connections/<int:pk>/disable", connections.disable, name="connection-disable"),
    path("connections/<int:pk>/deactivate", connections.deactivate, name="connection-deactivate"),
    path("connections/<int:pk>/delete", connections.delete, name="connection-delete"),
    path("connections/<int:pk>/test", connections.test, name="connection-test"),
    path("connections/<int:pk>/enable", connections.enable, name="connection-enable"),
    path("connections/<int:pk>/activate", connections.activate, name="connection-activate"),
    path("connections/<int:pk>/engine/stop", engines.stop, name="engine-stop"),
    re_path(
        r"^connections/(?P<pk>\d+)/engine/(?P<verb>start|pause|resume)$",
        engines.act,
        name="engine-act",
    ),
    path("positions", positions.live_open, name="positions"),
    path("positions/closed", positions.live_closed, name="positions-closed"),
    path("positions/paper", positions.pseudo, name="positions-pseudo"),
    path("positions/<int:pk>", positions.detail, name="position"),
    path("positions/<int:pk>/close", positions.close, name="position-close"),
    path("tournaments", tournaments.tournament_list, name="tournaments"),
    path("system", system.system, name="system"),
]
