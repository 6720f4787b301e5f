"""Output for people: tables, charts, numbers with units, and next steps; and JSON data."""
