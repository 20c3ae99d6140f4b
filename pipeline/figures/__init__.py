"""What the dashboard and the archived page show, as tables of figures; no charts here."""
