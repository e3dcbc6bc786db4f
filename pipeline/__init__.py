"""Stages of the chain, independent of Prefect."""
