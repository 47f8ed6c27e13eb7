"""The API's own description, and a page to try it, for people who are signed in."""

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.settings import api_settings
from rest_framework_simplejwt.authentication import JWTAuthentication

from cts.api.permissions import RolePermission
from cts.roles import Act


class SchemaView(SpectacularAPIView):
    """The OpenAPI description."""

    permission_classes = [RolePermission]
    authentication_classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    acts = {"GET": Act.VIEW}


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI. Its script comes from a URL of its own, so the strict content policy holds."""

    permission_classes = [RolePermission]
    authentication_classes = [SessionAuthentication, JWTAuthentication]
    acts = {"GET": Act.VIEW}
    url_name = "api-schema"
    template_name = "api/docs.html"
