"""What the functions share, in seven packages on four floors. A package imports only from the floors below.

======================  ==========================================================================
`routes`  `push`    what runs: a client's frame and its answer; the queue to clients
`table`               the single table
`auth`  `posting`   who may connect and do what; the HTTP engine for @connections
`protocol` `runtime`  pure: what clients and services say; the process around the code
======================  ==========================================================================
"""
