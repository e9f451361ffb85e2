"""The ladder of proof: this package beside the official libraries."""
