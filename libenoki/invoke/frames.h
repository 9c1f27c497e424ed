/*
 * frames.h - the listener of proto/frame.md's calls. In a runtime: a front door's, and those of
 * other functions, as invocations of the server's own site. In a front door: those of functions
 * whose target has no runtime that could be asked directly.
 *
 * Threads  loop thread.    Fork  after.
 */
#ifndef EN_FRAMES_H
#define EN_FRAMES_H

#include "invoke/server.h"

struct en_frames;

struct en_frames_options {
    struct enoki_server *server;
    int door;  /* to the front door, which has sent START; consumed on success; -1: none. When it
                  closes the server drains */
    int peers; /* where other functions' connections arrive (net/pass.h); borrowed; -1: nowhere */
    /* A front door's: whose calls they are is the peer's name. The target, or false: there is no
     * such function. NULL: the runtime's own function. */
    bool (*find)(void *context, struct en_text function, const struct en_site **site,
                 struct en_target *target);
    void *context;
};

/* ENOKI_ENOMEM, ENOKI_EIO */
ENOKI_MUST_CHECK int en_frames_new(struct en_frames **out, const struct en_frames_options *options);
/* No call is open any more, or they are given up. NULL is allowed. */
void en_frames_free(struct en_frames *frames);

/* A function's connection: fd is consumed on success. With options.find it is for calls of that
 * function, and is retired after each. ENOKI_ENOMEM, ENOKI_EIO, ENOKI_ELIMIT (too many are open) */
ENOKI_MUST_CHECK int en_frames_add(struct en_frames *frames, int fd, struct en_text function);

/* Tells the front door that calls can come; that this runtime asks to be replaced. */
void en_frames_tell_ready(struct en_frames *frames);
void en_frames_tell_retiring(struct en_frames *frames);

/* No other functions' calls any more: they are told to go elsewhere. What was taken is answered. */
void en_frames_drain(struct en_frames *frames);
/* Every answer that was given is sent. */
bool en_frames_are_sent(const struct en_frames *frames);

#endif
