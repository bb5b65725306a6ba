"""How near is "nearest"? The router's shipping code against measured round trips, and under load."""
