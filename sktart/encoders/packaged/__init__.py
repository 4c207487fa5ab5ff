"""Encoders whose weights come inside a package: no Hub, no download."""
