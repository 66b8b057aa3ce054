"""Administration: tokens, sign-ins and the database."""
