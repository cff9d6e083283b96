"""What the functions share: a core without I/O (channels, frames, events) and thin shells around it."""
