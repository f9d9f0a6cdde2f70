"""One module per screen, each with one `render()`."""
