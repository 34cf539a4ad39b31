"""Folders of photographs, as training and evaluation want them."""
