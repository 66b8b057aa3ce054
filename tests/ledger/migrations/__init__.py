"""Two migrations after the last one: what every migration must withstand is tried on them."""
