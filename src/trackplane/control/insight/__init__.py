"""What is known of events: observations, impact, trust, values, metrics, consumers."""
