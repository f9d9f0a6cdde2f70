"""The registry beside the ledger, as values: flags, sightings, disagreements. Pure."""
