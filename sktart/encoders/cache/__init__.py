"""A cache of encodings by the content of rows and encoders."""
