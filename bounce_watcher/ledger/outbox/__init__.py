"""Notices that wait for their receivers, and what each target's own list lacks."""
