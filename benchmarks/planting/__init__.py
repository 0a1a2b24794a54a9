"""Needless checks, staged mistakes and honest controls, planted into right solutions with truth known by program."""
