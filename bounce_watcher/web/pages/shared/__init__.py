"""What the pages have in common: lists and their filters, forms, previews, and decisions on many at once."""
