"""Plans as they are stored, published, compared and edited; libraries; proposals."""
