"""What a deployment costs a month, beside others: `make cost`."""
