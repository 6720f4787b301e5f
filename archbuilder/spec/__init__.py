"""Specs: YAML files and the validated models they become."""
