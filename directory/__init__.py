"""What is known from the LMS: instructors, their courses, who is in a course; kept fresh in the background."""
