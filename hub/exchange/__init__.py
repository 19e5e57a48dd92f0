"""nbgrader's exchange over HTTP: plug-ins for the servers of students and teachers."""
