"""Tests that learners do not see. Bound into the grading box only; imports what it needs itself."""
