"""What a line of the API's access log has."""

# One field per fact that a question about a connection starts from; no query string, which may hold a token.
ACCESS_LOG_FIELDS = {
    "requestTime": "requestTime",
    "requestId": "requestId",
    "connectionId": "connectionId",
    "eventType": "eventType",
    "routeKey": "routeKey",
    "status": "status",
    "integrationStatus": "integrationStatus",
    "integrationLatency": "integrationLatency",
    "error": "error.message",
    "ip": "identity.sourceIp",
    "userAgent": "identity.userAgent",
}
"""The names of its members, each with the variable of API Gateway that it is."""
