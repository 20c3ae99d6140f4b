"""What each table is and must satisfy: pyarrow schemas and Great Expectations suites."""
