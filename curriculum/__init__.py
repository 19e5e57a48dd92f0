"""Courses as author files, the notebooks built from them, and the gates every lesson passes."""
