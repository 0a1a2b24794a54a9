"""Suites of cases: what a person says a review must show, and what a reviewer earns for showing it."""
