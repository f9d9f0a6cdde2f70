"""The one package that talks SQL."""
