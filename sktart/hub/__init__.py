"""The Hub: names, downloads and their failures, by its own client."""
