"""The API's URLs."""

from typing import Any

urlpatterns: list[Any] = []
