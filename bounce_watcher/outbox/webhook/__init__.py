"""Webhooks as defined by Standard Webhooks: their bodies, signatures and receivers."""
