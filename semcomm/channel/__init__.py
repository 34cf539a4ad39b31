"""Hop 4 of 6: symbols to received symbols."""
