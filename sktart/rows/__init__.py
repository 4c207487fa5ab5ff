"""Rows of texts, images and clips of sound: from whatever holds them to what an encoder reads."""
