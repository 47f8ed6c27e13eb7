"""What people type to create or change a connection. Saving is the services' business."""

from typing import Any

from django import forms

from connections.choices import OFFERED_INDICATIONS, IndicationType
from connections.models import Connection
from connections.services.validation import EDITABLE


class SymbolsField(forms.CharField):
    """Symbols separated by commas or white space, as a list in capitals."""

    def prepare_value(self, value: Any) -> Any:
        """Show a stored list as text."""
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Give the list; empty text is an empty list."""
        if isinstance(value, list):
            return value
        return str(value or "").upper().replace(",", " ").split()

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the lists, not their spelling."""
        return bool(self.to_python(initial) != self.to_python(data))


def _secret(label: str, *, required: bool, help_text: str = "") -> forms.CharField:
    # render_value stays off: what was typed goes to the server once and never comes back.
    widget = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(
        label=label, required=required, widget=widget, help_text=help_text, strip=True
    )


class CredentialsForm(forms.Form):
    """Key, secret and passphrase: taken once, shown never again."""

    api_key = _secret("API key", required=True)
    api_secret = _secret("API secret", required=True)
    passphrase = _secret("Passphrase", required=False, help_text="Only where the exchange has one")


class SettingsForm(forms.ModelForm):
    """How a connection trades; every field may be changed later."""

    forced_symbols = SymbolsField(
        required=False,
        label="Forced symbols",
        help_text="Always traded, for example BTC/USDT:USDT, ETH/USDT:USDT",
    )

    class Meta:
        model = Connection
        fields: tuple[str, ...] = EDITABLE

    @property
    def settings(self) -> dict[str, Any]:
        """The values for edit_connection() or create_connection(), after is_valid()."""
        return {name: self.cleaned_data[name] for name in EDITABLE}


class NewConnectionForm(SettingsForm):
    """A connection to be created: where it goes, with which credentials, and how it trades."""

    api_key = _secret("API key", required=True)
    api_secret = _secret("API secret", required=True)
    passphrase = _secret("Passphrase", required=False, help_text="Only where the exchange has one")

    class Meta(SettingsForm.Meta):
        fields = ("exchange", "environment", "market_type", *EDITABLE)

    @property
    def place_and_credentials(self) -> dict[str, str]:
        """Exchange, environment, market type and the credentials, after is_valid()."""
        names = (
            "exchange", "environment", "market_type", "api_key", "api_secret", "passphrase",
        )  # fmt: skip
        return {name: self.cleaned_data[name] for name in names}


class LiveOnForm(forms.Form):
    """What live trading follows, and the confirmation by name."""

    indication_types = forms.MultipleChoiceField(
        label="Indications",
        choices=[(each.value, IndicationType(each).label) for each in OFFERED_INDICATIONS],
        widget=forms.CheckboxSelectMultiple,
    )
    trailing = forms.BooleanField(required=False, initial=True, label="Trailing")
    block = forms.BooleanField(required=False, initial=True, label="Block")
    dca = forms.BooleanField(required=False, initial=False, label="DCA")
    confirmation = forms.CharField(
        label="Name of the connection",
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
