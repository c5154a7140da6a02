"""The worker: queue -> raw store and rules -> lake, sharing partitions with its peers by lease."""
