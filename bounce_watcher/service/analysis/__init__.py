"""Analyses mail in confined processes, and judges it in the service."""
