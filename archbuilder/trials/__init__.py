"""One trial: what is known of it, how a worker trains it, and what is kept for it to be trained further."""
