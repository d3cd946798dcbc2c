"""Notice what goes wrong: logs, metrics, alerts. They listen to what delivery announces; it knows nothing of them."""
