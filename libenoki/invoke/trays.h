/*
 * trays.h - the calls that are with a pool's workers, each on a tray: who has it, and memory that
 * parent and workers share, where a large body lies, so that messages need not carry it.
 *
 *   parent   takes a tray for a call, puts the body there and sends a message, which any worker may
 *            receive; gives the tray back when the call is answered, and the answer's body copied,
 *            or its worker has died
 *   worker   claims the tray with the number of the message, reads the body where it is, may put
 *            the answer's there, and answers. One that dies as it receives a message has claimed
 *            nothing: the message is sent again. Of two for one call the second one claims nothing
 *
 * How long a body is stands in the messages. Nothing that is in the memory is believed: it is
 * foreign, as user code shares the worker's address space. A worker opens its own call's tray: the
 * others are out of reach of a stray pointer.
 *
 * Memory   64 * EN_TRAY_BYTES at most, and only what was used; en_trays_rest() gives it back.
 *          limits.memory counts private memory: not this.
 * Threads  one thread of each process.    Fork  init before; then see above.
 */
#ifndef EN_TRAYS_H
#define EN_TRAYS_H

#include <enoki/error.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest body of a tray, but for its NUL; what is longer travels with its message. */
#define EN_TRAY_BYTES (1u << 20)
/* Shorter bodies are quicker with the message. */
#define EN_TRAY_FROM 32768u
#define EN_NO_TRAY UINT32_MAX
/* Those that carry bodies; they are taken first. */
#define EN_TRAYS_CARRYING 64u

struct en_tray {
    char *memory; /* NULL: it carries no bodies */
    /* The parent's. */
    uint64_t call;  /* that is on it; 0: none */
    uint32_t turn;  /* how often it was taken */
    size_t touched; /* bytes that are resident */
};

struct en_trays {
    struct en_tray *trays;
    uint32_t count;
    _Atomic uint64_t *claims; /* shared: of each tray, its turn and who has it */
    /* The parent's. */
    uint32_t *free; /* numbers; the last one is the next to go */
    uint32_t free_count;
    uint64_t used_ms; /* when a body was put into one last; 0: nothing is resident */
};

/* Without memory for bodies fewer carry some. ENOKI_ENOMEM: fini all the same */
ENOKI_MUST_CHECK int en_trays_init(struct en_trays *trays, uint32_t count, bool carry_bodies);
void en_trays_fini(struct en_trays *trays);

/* --- parent ---------------------------------------------------------------------------------- */

/* For a call (not 0). EN_NO_TRAY: all are taken. The turn goes with the message. */
uint32_t en_trays_take(struct en_trays *trays, uint64_t call);
/* Nothing if the tray is not that call's. */
void en_trays_give(struct en_trays *trays, uint32_t tray, uint64_t call);

/* How many are taken. */
static inline uint32_t en_trays_out(const struct en_trays *trays)
{
    return trays->count - trays->free_count;
}

enum en_tray_state {
    EN_TRAY_FREE,
    EN_TRAY_POSTED,  /* nobody has claimed it */
    EN_TRAY_CLAIMED, /* by *worker_out, as that one says */
};

enum en_tray_state en_trays_state(const struct en_trays *trays, uint32_t tray,
                                  uint32_t *worker_out);
/* Gives back the tray of a call that nobody has claimed: nobody can any more. False: there is none,
 * or somebody has. */
bool en_trays_withdraw(struct en_trays *trays, uint64_t call);

/* Whether a body of that length travels in this tray. */
bool en_trays_carry(const struct en_trays *trays, uint32_t tray, size_t len);
/* Copies such a body there. */
void en_trays_put(struct en_trays *trays, uint32_t tray, const char *body, size_t len,
                  uint64_t now_ms);
/* The body that a worker says it has put there: to be copied once, it may change at any time.
 * NULL: the tray is not that call's, or is shorter. */
const char *en_trays_get(struct en_trays *trays, uint32_t tray, uint64_t call, uint64_t len,
                         uint64_t now_ms);

/* Gives the memory of free trays back once none was used for idle_ms; when to look again,
 * UINT64_MAX: when one was used. */
uint64_t en_trays_rest(struct en_trays *trays, uint64_t now_ms, uint64_t idle_ms);

/* --- worker, and the zygote ------------------------------------------------------------------ */

/* All of them, before user code is there. ENOKI_EIO */
ENOKI_MUST_CHECK int en_trays_fence(const struct en_trays *trays);
/* False: another worker has the call, or it is over. */
bool en_tray_claim(const struct en_trays *trays, uint32_t tray, uint32_t turn, uint32_t worker);
/* EN_TRAY_BYTES and one more; NULL: it cannot be opened, or carries none. */
char *en_tray_open(const struct en_trays *trays, uint32_t tray);
void en_tray_close(const struct en_trays *trays, uint32_t tray);

#endif
