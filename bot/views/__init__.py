"""Pure functions that draw what people see, as slack_sdk.models. Nothing is read or fetched here."""
