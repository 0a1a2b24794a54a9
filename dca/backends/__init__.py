"""Doors out: everything here has ``.complete(request) -> Reply``."""
