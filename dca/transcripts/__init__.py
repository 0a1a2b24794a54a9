"""Rollouts in files: records read one at a time, and the transcripts they hold."""
