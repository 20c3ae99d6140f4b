"""Charts of the dashboard and the archived page, one file a topic (Altair)."""
