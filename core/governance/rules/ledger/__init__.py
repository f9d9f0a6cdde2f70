"""The append-only record as values: its entries, chain, anchors, bundles and words. Pure."""
