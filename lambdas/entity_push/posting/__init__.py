"""The HTTP engine that posts frames to connections. It knows neither table nor queue."""
