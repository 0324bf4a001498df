"""CSV files: five kinds, read, checked, saved and written (docs/csv.md)."""
