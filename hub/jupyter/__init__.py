"""Settings of students' and teachers' notebook servers."""
