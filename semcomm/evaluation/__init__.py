"""Measuring what arrives."""
