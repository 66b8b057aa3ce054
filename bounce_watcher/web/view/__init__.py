"""What all pages are made of: lists, forms, charts, numbers and the sentences around them."""
