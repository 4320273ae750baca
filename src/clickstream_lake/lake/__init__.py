"""The lake's own rules, used by both functions; knows neither of them."""
