"""Scoring against labelled data: what a detector finds, beside what cheap rules find."""
