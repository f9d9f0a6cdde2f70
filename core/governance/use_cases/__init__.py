"""What people do: every call is one whole decision, or a refusal."""
