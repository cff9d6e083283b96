"""Any input to every function leads to error frames and dead letters, never to a function error."""
