/*
 * server.h - the inside of the gRPC listener: its server, its thread, and the calls.
 *
 * A call is gRPC's completion queue telling one thing after the other, each to the function of the
 * tag that was given with it. Chain: what is done to a call in its order (arrived, read, written).
 * End: its status was sent. Close: the stream is over, whatever the reason. A call that was handed
 * over (options.call) belongs to whoever answers it until then; if its stream is over before, what
 * gRPC holds of it is released and the rest waits for the answer.
 *
 * Threads  everything belongs to the listener's thread, but for what is under the mutex, and for
 *          en_grpc_finish() and en_grpc_write(), which who answers a call may call.
 */
#ifndef EN_GRPC_SERVER_H
#define EN_GRPC_SERVER_H

#include "base/buffer.h"
#include "invoke/listener.h"

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>

#include <pthread.h>
#include <stdatomic.h>

#define EN_GRPC_SERVICE_MAX_BYTES 255u

struct en_grpc_tag {
    void (*happened)(struct en_listener_call *call, bool ok);
    struct en_listener_call *call;
};

enum en_grpc_state {
    EN_GRPC_OWN,    /* the listener's */
    EN_GRPC_HANDED, /* whoever answers has it */
    EN_GRPC_GONE,   /* the same, and its stream is over */
};

struct en_grpc_method {
    const char *path;
    /* Its (next) message; consumes it. NULL: there is none, or it is none that can be read. */
    void (*read)(struct en_listener_call *call, grpc_byte_buffer *message);
    /* Whoever had it has answered. That thread. */
    void (*answered)(struct en_listener_call *call, const struct en_listener_answer *answer);
    /* About once a second while it lives; optional. */
    void (*tick)(struct en_listener_call *call);
};

struct en_listener_call {
    struct en_listener *listener;
    struct en_listener_call *previous, *next; /* all that live */
    struct en_listener_call *before, *after;  /* those that were handed over; under the mutex */
    const struct en_grpc_method *method;
    struct en_grpc_tag chain, end, close;
    grpc_call *call; /* NULL: not arrived yet */
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_byte_buffer *message;
    grpc_slice text; /* of its status */
    uint64_t id;
    _Atomic uint64_t until_ms; /* cancelled if it still lives then; 0: no matter how long */
    int cancelled;
    bool closed, ended;
    bool has_begun; /* its initial metadata are sent */

    /* Under the mutex. */
    enum en_grpc_state state;
    bool is_busy; /* of a watch: its status is asked for, or being sent */

    /* Of a watch. */
    char service[EN_GRPC_SERVICE_MAX_BYTES + 1];
    int told; /* the last status; -1: none yet */
};

struct en_listener {
    struct en_listener_options options;
    grpc_server *server;
    grpc_completion_queue *queue;
    struct en_grpc_tag stopped;
    char address[128];
    uint64_t credentials_stamp; /* of the files that are in use */
    pthread_t thread;
    atomic_bool draining;
    uint64_t last_id;
    struct en_listener_call *calls; /* all that live */
    _Atomic uint32_t call_count;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_stopped;                  /* under the mutex */
    struct en_listener_call *waiting; /* that were handed over; under the mutex */
};

/* call.c: asks gRPC for the next call. Any thread. */
void en_grpc_accept(struct en_listener *listener);
/* Lets the calls that live look at the time. */
void en_grpc_tick(struct en_listener *listener);
/* Hands a call over to options.call. */
void en_grpc_hand_over(struct en_listener_call *call, struct en_listener_request *request);
/* The seam's answer(). */
void en_grpc_answer(struct en_listener_call *call, const struct en_listener_answer *answer);
/* Reads its next message: method->read. */
void en_grpc_read(struct en_listener_call *call);
/* Sends a message, which is consumed, and then calls the function. */
void en_grpc_write(struct en_listener_call *call, grpc_byte_buffer *message,
                   void (*written)(struct en_listener_call *call, bool ok));
/* The end: a message (consumed; NULL: none) and a status with a text, of which what is no text, and
 * what is too long, is left out. */
void en_grpc_finish(struct en_listener_call *call, grpc_byte_buffer *message,
                    grpc_status_code code, const char *text, size_t text_len);
void en_grpc_fail(struct en_listener_call *call, grpc_status_code code, const char *text);
/* What is left of calls that nobody will answer. */
void en_grpc_free_waiting(struct en_listener *listener);

/* All bytes of a message, which is consumed, in one slice. False: it cannot be read. */
bool en_grpc_take(grpc_byte_buffer *message, grpc_slice *out);
/* A message of the buffer's bytes, which are consumed. NULL: no memory. */
grpc_byte_buffer *en_grpc_message(struct en_buffer *bytes);

/* credentials.c: for options.certificate and so on, which they read again when they change.
 * ENOKI_ETLS, ENOKI_ENOMEM */
ENOKI_MUST_CHECK int en_grpc_credentials(struct en_listener *listener,
                                         grpc_server_credentials **out, struct enoki_error *err);

/* The method of that path; NULL: there is none. */
const struct en_grpc_method *en_grpc_method_find(const char *path, size_t len);

extern const struct en_grpc_method en_grpc_request;  /* request.c */
extern const struct en_grpc_method en_grpc_check;    /* health.c */
extern const struct en_grpc_method en_grpc_watch;    /* health.c */
extern const struct en_grpc_method en_grpc_reflect;  /* reflection.c */
extern const struct en_grpc_method en_grpc_reflect1; /* the same by its older name */

#endif
