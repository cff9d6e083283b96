"""From the queue to clients: reading messages, numbering, finding subscribers, delivering, settling."""
