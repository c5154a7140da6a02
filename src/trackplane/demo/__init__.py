"""The demo: real clients, live rule changes, kills, and an accounting that trusts nothing we say."""
