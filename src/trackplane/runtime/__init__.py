"""Runtimes: what starts the data plane's processes and keeps them running."""
