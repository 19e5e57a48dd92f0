"""Grading of student notebooks. Student code only ever runs inside :mod:`hub.classroom.sandbox`."""
