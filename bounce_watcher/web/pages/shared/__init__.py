"""Parts that the pages share: lists and their filters, forms, previews, and decisions on many at once."""
