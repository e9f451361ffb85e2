"""Whole runs, from a text to a folder with a model and a report."""
