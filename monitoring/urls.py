"""The pages' URLs."""

from typing import Any

urlpatterns: list[Any] = []
