#include "state/store/board.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Changes with the layout below. */
#define MAGIC 0x456e6f6b69510001u
/* How long a follower sleeps before it looks whether the leader died. */
#define PATIENCE_NS 20000000
#define STATE_MASK 7u
#define NUDGE 8u
#define TICKET 16u

/* word: owner's pid (high 32 bits), ticket, nudge (toggled so that a sleeper does not miss it),
 * state (low 3 bits). */
struct slot {
    _Alignas(64) _Atomic uint64_t word;
    _Atomic uint64_t batch;
    uint32_t len;
    struct en_slot_result result;
};

/* What is in the file. Operations stand apart: they are touched only when used. */
struct area {
    _Atomic uint64_t magic;
    struct en_gate lead;
    struct en_gate write;
    struct slot slots[EN_BOARD_SLOTS];
    unsigned char ops[EN_BOARD_SLOTS][EN_PACKED_BYTES];
};

struct en_board {
    struct area *area;
    uint32_t pid;
};

static enum en_slot_state state_of(uint64_t word)
{
    return (enum en_slot_state)(word & STATE_MASK);
}

static uint64_t with_state(uint64_t word, enum en_slot_state state)
{
    return (word & ~(uint64_t)STATE_MASK) | (uint64_t)state;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int make_area(struct area *area)
{
    int rc;

    atomic_store(&area->magic, 0);
    for (unsigned i = 0; i < EN_BOARD_SLOTS; i++)
        atomic_store(&area->slots[i].word, 0);
    rc = en_gate_init(&area->lead);
    if (rc == 0)
        rc = en_gate_init(&area->write);
    if (rc == 0)
        atomic_store(&area->magic, MAGIC);
    return rc;
}

/* Maps the file; *size_out is 0 if there is none. 0 or errno. */
static int map(const char *path, struct area **out, size_t *size_out)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    void *at;
    int rc = 0;

    *size_out = 0;
    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    if (size == (off_t)sizeof(struct area)) {
        at = mmap(NULL, sizeof(struct area), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at == MAP_FAILED)
            rc = errno;
        else
            *out = at;
    }
    *size_out = size < 0 ? 0 : (size_t)size;
    (void)close(fd);
    return rc;
}

static int report(const struct en_folder *folder, const struct area *area, const char *path,
                  int number, struct enoki_error *err)
{
    if (number != 0)
        return enoki_error_set(err, number == ENOMEM ? ENOKI_ENOMEM : ENOKI_EIO, "'%.200s': %s",
                               path, strerror(number));
    if (area == NULL || atomic_load(&area->magic) != MAGIC)
        return enoki_error_set(err, ENOKI_EFORMAT,
                               "store '%.200s' is in use by another version of Enoki: stop that "
                               "one first",
                               folder->path);
    return 0;
}

static int open_area(struct area **out, const struct en_folder *folder, const char *path,
                     struct enoki_error *err)
{
    struct area *area = NULL;
    size_t size = 0;
    int number = 0;
    int rc;

    if (folder->first) {
        /* Its size may be another version's. */
        if (truncate(path, (off_t)sizeof(*area)) != 0 && errno != ENOENT)
            number = errno;
        rc = en_folder_reserve(folder, EN_BOARD_FILE, sizeof(*area), err);
        if (rc != 0)
            return rc;
        if (number == 0)
            number = map(path, &area, &size);
        if (number == 0 && area != NULL)
            number = make_area(area);
    } else {
        number = map(path, &area, &size);
    }
    rc = report(folder, area, path, number, err);
    if (rc != 0 && area != NULL)
        (void)munmap(area, sizeof(*area));
    if (rc == 0)
        *out = area;
    return rc;
}

int en_board_open(struct en_board **out, const struct en_folder *folder, struct enoki_error *err)
{
    struct en_board *board;
    char path[PATH_MAX];
    int rc;

    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, EN_BOARD_FILE);
    board = calloc(1, sizeof(*board));
    if (board == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the write queue");
    board->pid = (uint32_t)getpid();
    rc = open_area(&board->area, folder, path, err);
    if (rc != 0) {
        free(board);
        return rc;
    }
    *out = board;
    return 0;
}

void en_board_close(struct en_board *board)
{
    if (board != NULL)
        (void)munmap(board->area, sizeof(*board->area));
    free(board);
}

struct en_gate *en_board_gate(struct en_board *board)
{
    return &board->area->write;
}

/* --- lock and sleep --------------------------------------------------------------------------- */

int en_board_lock(struct en_board *board, bool wait)
{
    /* What a dead leader left is in the slots: TAKEN. */
    return wait ? en_gate_lock(&board->area->lead) : en_gate_try(&board->area->lead);
}

void en_board_unlock(struct en_board *board)
{
    en_gate_unlock(&board->area->lead);
}

/* The half of the word that changes with every step: state and ticket. */
static uint32_t *futex_of(struct slot *slot)
{
    uint32_t *halves = (uint32_t *)(void *)&slot->word;

    return &halves[__BYTE_ORDER == __BIG_ENDIAN ? 1 : 0];
}

static void wake(struct slot *slot)
{
    (void)syscall(SYS_futex, futex_of(slot), FUTEX_WAKE, 1, NULL, NULL, 0);
}

uint64_t en_board_look(const struct en_board *board, int slot)
{
    return atomic_load(&board->area->slots[slot].word);
}

void en_board_wait(struct en_board *board, int slot, uint64_t looked)
{
    const struct timespec patience = {0, PATIENCE_NS};

    (void)syscall(SYS_futex, futex_of(&board->area->slots[slot]), FUTEX_WAIT, (uint32_t)looked,
                  &patience, NULL, 0);
}

/* --- owners ----------------------------------------------------------------------------------- */

static bool is_dead(uint64_t word)
{
    return kill((pid_t)(word >> 32), 0) != 0 && errno == ESRCH;
}

/* FREE, or (if dead ones count) left by an owner that died; never TAKEN, which recovery decides. */
static bool claim(struct en_board *board, struct slot *slot, bool dead_too)
{
    uint64_t word = atomic_load(&slot->word);
    uint64_t claimed = (uint64_t)board->pid << 32 | ((uint32_t)word + TICKET);

    if (state_of(word) != EN_SLOT_FREE &&
        (!dead_too || state_of(word) == EN_SLOT_TAKEN || !is_dead(word)))
        return false;
    return atomic_compare_exchange_strong(&slot->word, &word, with_state(claimed, EN_SLOT_CLAIMED));
}

static int find_slot(struct en_board *board)
{
    unsigned home = (unsigned)((uint64_t)pthread_self() >> 12) + board->pid;

    for (unsigned i = 0; i < 2 * EN_BOARD_SLOTS; i++) {
        unsigned slot = (home + i) % EN_BOARD_SLOTS;

        if (claim(board, &board->area->slots[slot], i >= EN_BOARD_SLOTS))
            return (int)slot;
    }
    return -1;
}

static void set_state(struct slot *slot, enum en_slot_state state)
{
    atomic_store(&slot->word, with_state(atomic_load(&slot->word), state));
}

int en_board_post(struct en_board *board, const struct en_op *op)
{
    struct slot *mine;
    size_t len;
    int slot = find_slot(board);

    if (slot < 0)
        return -1;
    mine = &board->area->slots[slot];
    len = en_op_pack(op, board->area->ops[slot]);
    if (len == 0) {
        set_state(mine, EN_SLOT_FREE);
        return -1;
    }
    mine->len = (uint32_t)len;
    en_board_forget_batch(board, (unsigned)slot);
    set_state(mine, EN_SLOT_POSTED);
    return slot;
}

bool en_board_collect(struct en_board *board, int slot, struct en_slot_result *out)
{
    struct slot *mine = &board->area->slots[slot];

    if (state_of(atomic_load(&mine->word)) != EN_SLOT_DONE)
        return false;
    *out = mine->result;
    out->id[sizeof(out->id) - 1] = '\0';
    set_state(mine, EN_SLOT_FREE);
    return true;
}

bool en_board_withdraw(struct en_board *board, int slot)
{
    struct slot *mine = &board->area->slots[slot];
    uint64_t word = atomic_load(&mine->word);

    while (state_of(word) == EN_SLOT_POSTED)
        if (atomic_compare_exchange_weak(&mine->word, &word, with_state(word, EN_SLOT_FREE)))
            return true;
    return false;
}

/* --- the leader ------------------------------------------------------------------------------- */

enum en_slot_state en_board_state(const struct en_board *board, unsigned slot)
{
    return state_of(atomic_load(&board->area->slots[slot].word));
}

bool en_board_take(struct en_board *board, unsigned slot)
{
    struct slot *theirs = &board->area->slots[slot];
    uint64_t word = atomic_load(&theirs->word);

    return state_of(word) == EN_SLOT_POSTED &&
           atomic_compare_exchange_strong(&theirs->word, &word, with_state(word, EN_SLOT_TAKEN));
}

void en_board_put_back(struct en_board *board, unsigned slot)
{
    set_state(&board->area->slots[slot], EN_SLOT_POSTED);
}

size_t en_board_copy(const struct en_board *board, unsigned slot,
                     unsigned char bytes[EN_PACKED_BYTES])
{
    size_t len = board->area->slots[slot].len;

    if (len > EN_PACKED_BYTES)
        return 0;
    memcpy(bytes, board->area->ops[slot], len);
    return len;
}

void en_board_set_batch(struct en_board *board, unsigned slot, uint64_t batch,
                        const struct en_slot_result *result)
{
    board->area->slots[slot].result = *result;
    atomic_store(&board->area->slots[slot].batch, batch);
}

void en_board_forget_batch(struct en_board *board, unsigned slot)
{
    atomic_store(&board->area->slots[slot].batch, UINT64_MAX);
}

uint64_t en_board_batch(const struct en_board *board, unsigned slot)
{
    return atomic_load(&board->area->slots[slot].batch);
}

void en_board_set_status(struct en_board *board, unsigned slot, int status)
{
    board->area->slots[slot].result.status = status;
}

void en_board_finish(struct en_board *board, unsigned slot)
{
    set_state(&board->area->slots[slot], EN_SLOT_DONE);
    wake(&board->area->slots[slot]);
}

void en_board_wake_next(struct en_board *board)
{
    for (unsigned i = 0; i < EN_BOARD_SLOTS; i++) {
        struct slot *slot = &board->area->slots[i];
        uint64_t word = atomic_load(&slot->word);

        if (state_of(word) == EN_SLOT_POSTED &&
            atomic_compare_exchange_strong(&slot->word, &word, word ^ NUDGE)) {
            wake(slot);
            return;
        }
    }
}
