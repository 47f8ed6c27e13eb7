"""Users and the activity log."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from cts.choices import Role, Source


class User(AbstractUser):
    """A person with one role. Admins and operators may use the Django admin."""

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    class Meta(AbstractUser.Meta):
        constraints = (
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="user_role_is_known"
            ),
        )

    def save(self, *args: object, **kwargs: object) -> None:
        """Keep the admin site's door in step with the role."""
        self.is_staff = self.role in (Role.OPERATOR, Role.ADMIN)
        self.is_superuser = False
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class ActivityEntry(models.Model):
    """One change: who, what, before and after, from where. Append-only.

    Hashed with its predecessor; written by cts.activity.log_action(), in the transaction of
    the change itself.
    """

    at = models.DateTimeField()
    actor = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="activity"
    )
    actor_name = models.CharField(max_length=150)
    source = models.CharField(max_length=16, choices=Source.choices)
    ip = models.GenericIPAddressField(null=True, blank=True)
    action = models.CharField(max_length=64, help_text="Dotted and stable: connection.enabled")
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        verbose_name_plural = "activity entries"
        ordering = ("-id",)
        indexes = (
            # the history of one object
            models.Index(fields=["object_type", "object_id", "-id"], name="activity_by_object"),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.action} {self.object_label}"


class ActivityHead(models.Model):
    """The single row that holds the newest hash; locking it puts the entries in one line."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="activity_head_is_one_row"),
        )

    def __str__(self) -> str:
        return self.hash
