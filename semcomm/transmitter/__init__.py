"""Hops 1 to 3 of 6: images to symbols."""
