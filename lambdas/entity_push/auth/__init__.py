"""Who may connect and what a token grants: the authorizer's parts, and grants wherever they are looked at."""
