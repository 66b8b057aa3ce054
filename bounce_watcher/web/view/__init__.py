"""Building blocks of all pages: lists, forms, charts, numbers and the sentences around them."""
