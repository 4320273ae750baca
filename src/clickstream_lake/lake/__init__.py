"""The lake's own rules, used by both functions; it knows neither of them."""
