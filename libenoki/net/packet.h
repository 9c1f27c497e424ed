/*
 * packet.h - whole messages between processes of one runtime, over a SOCK_SEQPACKET socket pair.
 * Large ones travel in a memory file whose descriptor is passed.
 *
 * Memory   a received packet's bytes are borrowed until the next receive into it.
 * Threads  one thread at a time per packet; sockets may be shared by many processes.
 * Fork     safe.
 */
#ifndef EN_PACKET_H
#define EN_PACKET_H

#include <enoki/error.h>

#include <sys/uio.h>

struct en_packet {
    char *data; /* what was received last */
    size_t len;
    char *room;  /* for small ones */
    char *large; /* NULL, or the last large one */
    size_t max;  /* longer ones are refused */
    int passed;  /* a socket that came with it, or -1; as long as the bytes, or until dropped */
};

/* ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_packet_init(struct en_packet *packet, size_t max_bytes);
void en_packet_fini(struct en_packet *packet);

#define EN_PACKET_PARTS_MAX 4u

/* Sends at most EN_PACKET_PARTS_MAX parts as one message. ENOKI_ELIMIT: the socket is full
 * (non-blocking sockets only); ENOKI_ECLOSED: nobody receives; ENOKI_ENOMEM, ENOKI_EIO. */
ENOKI_MUST_CHECK int en_packet_send_parts(int fd, const struct iovec *parts, size_t count);
/* The same for a head and a body. */
ENOKI_MUST_CHECK int en_packet_send(int fd, const void *head, size_t head_len, const void *body,
                                    size_t body_len);

/* The same with a socket, which stays the caller's; a large message goes without it. -1: none. */
ENOKI_MUST_CHECK int en_packet_pass(int fd, const void *head, size_t head_len, const void *body,
                                    size_t body_len, int passed);

/* Closes the socket that came last. */
void en_packet_drop_passed(struct en_packet *packet);

/* Receives one message: 1; 0 if there is none (non-blocking sockets only); ENOKI_ECLOSED: nobody
 * sends any more; ENOKI_EPROTO: longer than allowed or cut; ENOKI_ENOMEM, ENOKI_EIO. wait: 0 never
 * blocks, even on a blocking socket. */
ENOKI_MUST_CHECK int en_packet_receive(struct en_packet *packet, int fd, int wait);

#endif
