"""What clients and services say: ids, frames, cursors, events. Pure, without I/O."""
