"""What learners and instructors use: exercises, checks, progress, grading, handouts."""
