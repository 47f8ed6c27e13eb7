"""What every admin page shares: records nobody edits, forms and actions that call one service."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminPasswordWidget

from cts.actors import Actor
from cts.choices import Source
from cts.errors import Refused

# How an environment is coloured, by its label.
ENVIRONMENT_LABELS = {"LIVE": "danger", "TESTNET": "warning", "SANDBOX": "info"}


class RecordAdmin(ModelAdmin):
    """A list to read. What happened is neither added, changed nor deleted here."""

    list_per_page = 50
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds records by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes records by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes records by hand."""
        return False


class ServiceFormMixin:
    """A form that carries its input out by one service as the last step of validation.

    So a refusal of the service appears at the field at fault, and nothing typed is lost.
    """

    request: HttpRequest
    carried_out: Any = None

    def carry_out(self, actor: Actor) -> Model:
        """Call the service with the cleaned input; give the object it made or changed."""
        raise NotImplementedError

    def full_clean(self) -> None:
        """Validate, then carry out once; Refused becomes a form error."""
        super().full_clean()  # type: ignore[misc]
        if not self.is_bound or self._errors or self.carried_out is not None:  # type: ignore[attr-defined]
            return
        try:
            self.carried_out = self.carry_out(Actor.from_request(self.request, Source.ADMIN))
        except Refused as error:
            field = error.field if error.field in self.fields else None  # type: ignore[attr-defined]
            self.add_error(field, error.message)  # type: ignore[attr-defined]


class ServiceAdmin(ModelAdmin):
    """An admin whose forms are ServiceFormMixin forms; nothing is deleted or saved past them."""

    list_per_page = 50
    actions = None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting, where there is such a thing, is an act of its own."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Give the form class, bound to this request."""
        form = super().get_form(request, obj, **kwargs)
        return type(form.__name__, (form,), {"request": request})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Give what the form's service made or changed."""
        return form.carried_out

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has saved."""


def carry_out(
    model_admin: ModelAdmin,
    request: HttpRequest,
    object_id: Any,
    service: Callable[[Actor, Any], str],
) -> HttpResponse:
    """Carry out a confirmed dialog: call `service(actor, object)`, which gives what to say.

    Goes back to the object's page, with the message or the refusal.
    """
    obj = model_admin.get_object(request, str(object_id))
    if obj is None or not model_admin.has_view_permission(request, obj):
        raise PermissionDenied
    try:
        messages.success(request, service(Actor.from_request(request, Source.ADMIN), obj))
    except Refused as error:
        messages.error(request, error.message)
    meta = model_admin.model._meta
    name = f"admin:{meta.app_label}_{meta.model_name}_change"
    response = redirect(name, object_id=object_id)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
    return response


def asking(
    title: str, description: str, button: str, form: type[forms.BaseForm] | None = None
) -> dict[str, Any]:
    """Give the dialog that an action shows on GET; only its POST acts."""
    return {
        "title": title,
        "description": description,
        "form_class": form,
        "form_submit_text": button,
    }


def styled(form: type[forms.Form | forms.ModelForm]) -> dict[str, forms.Field]:
    """Give copies of a form's declared secret fields in the admin's look."""
    fields: dict[str, forms.Field] = {}
    for name, field in form.base_fields.items():
        if isinstance(field.widget, forms.PasswordInput):
            fields[name] = forms.CharField(
                label=field.label,
                required=field.required,
                help_text=field.help_text,
                strip=True,
                widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
            )
    return fields
