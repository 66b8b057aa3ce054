"""Webhooks as Standard Webhooks has them: their bodies, signatures and receivers."""
