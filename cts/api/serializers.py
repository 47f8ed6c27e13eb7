"""How the API writes amounts: decimal strings without trailing zeros, never floats."""

from decimal import Decimal
from typing import Any

from django.db import models
from rest_framework import serializers


class AmountField(serializers.DecimalField):
    """A decimal string in plain notation: "0.1", not "0.100000000000" or "1E-1"."""

    def to_representation(self, value: Any) -> str:
        """Give the text."""
        number = Decimal(str(value))
        return "0" if not number else f"{number.normalize():f}"


class RecordSerializer(serializers.ModelSerializer):
    """A model as the API shows it: amounts by AmountField."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DecimalField: AmountField,
    }


class ReadOnlySerializer(serializers.Serializer):
    """The shape of an answer that is no model."""

    def create(self, validated_data: Any) -> Any:
        """Answers are not created."""
        raise NotImplementedError("expected a read, this serializer only writes answers")

    def update(self, instance: Any, validated_data: Any) -> Any:
        """Answers are not changed."""
        raise NotImplementedError("expected a read, this serializer only writes answers")
