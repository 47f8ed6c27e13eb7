"""The admin's pages of people, activity and schedules."""

from typing import Any

# Imported for their registrations, which are undone or replaced below.
import django.contrib.auth.admin  # noqa: F401
import django_celery_beat.admin  # noqa: F401
import rest_framework_simplejwt.token_blacklist.admin  # noqa: F401
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminPasswordWidget

from cts import people
from cts.activity import changes, log_action
from cts.actors import Actor
from cts.admin_pages import RecordAdmin, ServiceAdmin, ServiceFormMixin, carry_out
from cts.choices import Role, Source
from cts.models import ActivityEntry, User
from cts.roles import Act, permitted

for _model in (
    Group,
    BlacklistedToken,
    OutstandingToken,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class NewPersonForm(ServiceFormMixin, forms.ModelForm):
    """Name, role and first password of somebody new."""

    password = forms.CharField(
        strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )

    class Meta:
        model = User
        fields = ("username", "role")

    def carry_out(self, actor: Actor) -> Model:
        """Create the person."""
        return people.create_person(actor=actor, **self.cleaned_data)


class PersonForm(ServiceFormMixin, forms.ModelForm):
    """Role, activity and address of somebody."""

    class Meta:
        model = User
        fields = ("role", "is_active", "email")

    def carry_out(self, actor: Actor) -> Model:
        """Change the person."""
        return people.change_person(actor=actor, person=self.instance, **self.cleaned_data)


class PasswordDialog(BaseDialogForm):
    """A new password."""

    password = forms.CharField(
        strip=False, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    )


@admin.register(User)
class UserAdmin(ServiceAdmin):
    """People; admins only."""

    list_display = ("username", "role_label", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "email")
    ordering = ("username",)
    actions_detail = ["set_password"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Ask for a password only when somebody is created."""
        kwargs["form"] = PersonForm if obj else NewPersonForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Give the form's fields; a name never changes, records hang on it."""
        return (
            ("username", "role", "is_active", "email", "last_login", "date_joined")
            if obj
            else (
                "username",
                "role",
                "password",
            )
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Give what is only shown."""
        return ("username", "last_login", "date_joined") if obj else ()

    @display(
        description="Role",
        ordering="role",
        label={
            Role.ADMIN.label: "danger",
            Role.OPERATOR.label: "warning",
            Role.TRADER.label: "info",
        },
    )
    def role_label(self, person: User) -> str:
        """Show the role as a label."""
        return person.get_role_display()

    def has_manage_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether the role manages people."""
        return permitted(request.user, Act.MANAGE_USERS)

    @action(
        description="Set password",
        url_path="set-password",
        permissions=["manage"],
        dialog={
            "title": "Set a new password",
            "description": "At least 12 characters. Sessions and API tokens end.",
            "form_class": PasswordDialog,
            "form_submit_text": "Set password",
        },
    )
    def set_password(
        self, request: HttpRequest, form: PasswordDialog, object_id: int
    ) -> HttpResponse:
        """Set the person's password."""

        def service(actor: Actor, person: User) -> str:
            people.set_password(actor=actor, person=person, password=form.cleaned_data["password"])
            return f"The password of {person.username} is set."

        return carry_out(self, request, object_id, service)


@admin.register(ActivityEntry)
class ActivityAdmin(RecordAdmin):
    """Who changed what, when, through which door."""

    list_display = ("at", "actor_name", "source", "action", "object_label", "ip")
    list_filter = ("source", "action", "object_type")
    search_fields = ("actor_name", "action", "object_label", "object_id")
    date_hierarchy = "at"


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ModelAdmin):
    """Schedules of background work: may be switched off and on."""

    list_display = ("name", "enabled", "schedule_text", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    fields = ("name", "task", "enabled", "schedule_text", "last_run_at", "total_run_count")
    readonly_fields = ("name", "task", "schedule_text", "last_run_at", "total_run_count")
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Schedules come with the product."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Schedules come with the product."""
        return False

    @display(description="Runs")
    def schedule_text(self, task: PeriodicTask) -> str:
        """Show when the task runs."""
        return str(task.scheduler)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save and record the change in one transaction (the admin's own)."""
        before = {"enabled": form.initial.get("enabled")}
        super().save_model(request, obj, form, change)
        former, present = changes(before, {"enabled": obj.enabled})
        if present:
            log_action(
                actor=Actor.from_request(request, Source.ADMIN),
                action="schedule.changed",
                obj=obj,
                before=former,
                after=present,
            )
