"""The Celery app. Its settings are the `CELERY_*` names of cts.settings."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cts.settings")

app = Celery("cts")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
