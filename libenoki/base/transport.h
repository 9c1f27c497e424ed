/*
 * transport.h - the seam between a connection and its socket, where bytes on the wire are not the
 * connection's own: TLS. A connection without one uses its socket as it is.
 *
 * Memory   Made for one socket, which it borrows; freed by ops->free().
 * Threads  one thread at a time.    Fork  belongs to one process.
 */
#ifndef EN_TRANSPORT_H
#define EN_TRANSPORT_H

#include <enoki/error.h>

#include <stdbool.h>
#include <sys/types.h>

/* What is sent at once leaves as one record up to this; more as several. */
#define EN_TRANSPORT_RECORD_BYTES 16384u

struct en_transport;

struct en_transport_ops {
    /* As recv() without waiting: bytes, 0 at the end, or -1 with errno:
     *   EAGAIN           wait until the socket is readable, or writable if wants_write is set
     *   EPROTONOSUPPORT  the other side speaks plain text: free the transport and answer so
     *   others           it is broken: what there was to say about it is on the wire */
    ssize_t (*receive)(struct en_transport *transport, void *out, size_t room);
    /* As send() without waiting; after EAGAIN the same bytes come again, with any behind them. */
    ssize_t (*send)(struct en_transport *transport, const void *bytes, size_t len);
    /* Tells the other side that nothing more will be sent, as far as the socket takes it. */
    void (*end)(struct en_transport *transport);
    void (*free)(struct en_transport *transport);
};

struct en_transport {
    const struct en_transport_ops *ops;
    bool is_open;     /* the handshake is done */
    bool wants_write; /* what receive() waits for is that the socket takes bytes */
    bool has_more;    /* receive() would give something without the socket being readable */
};

#endif
