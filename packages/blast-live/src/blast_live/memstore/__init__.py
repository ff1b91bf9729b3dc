"""The package memory store: distributions in sealed memory, lent to processes over a socket.

    model     what is stored: blobs by digest, records that name several of them
    sealed    memfds that can't change any more
    table     the state: blobs, records, leases, room; no I/O
    claims    transactions and who waits for whom; no I/O
    messages  one packet of the socket
    place     where the socket lies, and who owns it
    access    who may come in
    server    the process
    client    what a runner uses
    dump      everything in one file
    remote    Redis or Valkey behind it

Nothing is imported here, so that a runner loads only the client.
"""
