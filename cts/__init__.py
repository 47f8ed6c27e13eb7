"""The ground: settings, Celery app, roles, activity log, encryption, API base classes."""

from cts.celery import app as celery_app

__all__ = ["celery_app"]
