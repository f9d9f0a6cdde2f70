"""The one package that talks to MLflow."""
