"""The model registry beside the ledger: writing decisions back, watching, putting right."""
