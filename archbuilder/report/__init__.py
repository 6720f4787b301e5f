"""What a person sees: tables, numbers with their units, and next steps."""
