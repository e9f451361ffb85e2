"""Parity: this package compared with the official libraries."""
