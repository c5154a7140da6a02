"""Scripts of users, each in an isolated process: ``pool`` runs them, ``check`` reads them before.

This file stays empty of imports: the isolated side imports ``spawner`` without the rest.
"""
