"""Evidence as tables for people."""
