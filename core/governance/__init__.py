"""Rules, evidence, requests, ledger, and the use cases over them."""
