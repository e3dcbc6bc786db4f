"""Stages of the chain, none of which knows Prefect."""
