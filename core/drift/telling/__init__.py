"""What windows say together, in words and on paper."""
