"""Self-contained HTML pages of a network, a run and a study."""
