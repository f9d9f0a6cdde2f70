"""What the served model answered and how well: predictions, realised and estimated performance."""
