#include "invoke/pool.h"

#include "base/clock.h"
#include "invoke/connection.h"
#include "invoke/server.h"
#include "wire/http_writer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 4u     /* a call that runs so long keeps its worker from others */
#define CALM_LOOKS 20u /* then the workers are left alone again */
#define OVERFLOW_BATCH 64

static struct enoki_connection *find(const struct en_pool *pool, uint32_t slot, uint32_t generation)
{
    if (slot >= pool->slots || pool->generations[slot] != generation)
        return NULL;
    return pool->connections[slot];
}

/* Takes the connection out of the shared set: no worker gets an event of it any more, and what the
 * parent's side of it held before is forgotten. */
static struct enoki_connection *recall(struct en_pool *pool, uint32_t slot)
{
    struct enoki_connection *connection = pool->connections[slot];

    (void)epoll_ctl(pool->set, EPOLL_CTL_DEL, pool->slot_base + (int)slot, NULL);
    pool->connections[slot] = NULL;
    /* The slot's number belongs to the socket until that is closed; then it is free. */
    pool->taken--;
    en_connection_reset(connection->http, en_connection_fd(connection->http), en_clock_ms());
    return connection;
}

static void end_connection(struct en_pool *pool, struct enoki_connection *connection)
{
    /* Workers hold duplicates: only this ends the connection for the client. */
    (void)shutdown(en_connection_fd(connection->http), SHUT_RDWR);
    en_server_remove_connection(pool->server, connection);
    en_client_free(connection);
}

static bool is_free(const struct en_pool *pool, uint32_t slot)
{
    return pool->connections[slot] == NULL && fcntl(pool->slot_base + (int)slot, F_GETFD) == -1;
}

/* The slot whose descriptor number the socket has already, or the next free one; slots when all are
 * in use. */
static uint32_t choose_slot(struct en_pool *pool, int fd)
{
    if (fd >= pool->slot_base && fd < pool->slot_base + (int)pool->slots)
        return (uint32_t)(fd - pool->slot_base);
    for (uint32_t tried = 0; tried < pool->slots; tried++) {
        uint32_t slot = pool->next_slot++ % pool->slots;

        if (is_free(pool, slot))
            return slot;
    }
    return pool->slots;
}

int en_pool_take(struct en_pool *pool, struct enoki_connection *connection)
{
    int fd = en_connection_fd(connection->http), number;
    struct epoll_event event;
    uint32_t slot;

    if (!pool->shares_connections || pool->alive == 0)
        return ENOKI_ECLOSED;
    slot = choose_slot(pool, fd);
    if (slot >= pool->slots)
        return ENOKI_ELIMIT;
    number = pool->slot_base + (int)slot;
    if (fd != number && dup3(fd, number, O_CLOEXEC) != number)
        return ENOKI_EIO;
    if (++pool->generations[slot] == 0)
        pool->generations[slot] = 1;
    event = en_pool_event(slot, pool->generations[slot]);
    /* The old number stays until nothing can fail: on failure the server goes on with it. */
    if (epoll_ctl(pool->set, EPOLL_CTL_ADD, number, &event) != 0) {
        if (fd != number)
            (void)close(number);
        return ENOKI_EIO;
    }
    if (fd != number) {
        (void)close(fd);
        en_connection_reset(connection->http, number, en_clock_ms());
    }
    pool->connections[slot] = connection;
    pool->taken++;
    /* Workers read it: this pool looks after idle ones (en_pool_idle_look). */
    atomic_store(&connection->deadline_ms, UINT64_MAX);
    atomic_store(&connection->waits_write, false);
    atomic_store(&connection->is_idle, true);
    if (pool->taken == 1) {
        const struct enoki_limits *limits = pool->limits;

        enoki_server_schedule(pool->server,
                              en_clock_ms() + (limits->idle_timeout_ms < limits->call_timeout_ms
                                                   ? limits->idle_timeout_ms
                                                   : limits->call_timeout_ms));
        if (limits->cpu_time_ms != 0)
            enoki_server_schedule(pool->server, en_clock_ms() + en_pool_cpu_interval(pool));
    }
    return 0;
}

static void give_to_server(struct en_pool *pool, struct enoki_connection *connection)
{
    atomic_store(&connection->is_idle, false);
    enoki_server_return_connection(pool->server, connection);
}

void en_pool_on_return(struct en_pool *pool, const struct en_pool_message *message,
                       const char *body, size_t len)
{
    struct enoki_connection *connection = find(pool, message->slot, message->generation);
    int rc;

    if (connection == NULL || message->input_len > len)
        return;
    (void)recall(pool, message->slot);
    rc = en_connection_adopt(connection->http, body, (size_t)message->input_len,
                             body + message->input_len, len - (size_t)message->input_len,
                             message->close_after != 0);
    en_connection_set_continued(connection->http, message->continued != 0);
    if (rc != 0)
        end_connection(pool, connection);
    else
        give_to_server(pool, connection);
}

void en_pool_on_close(struct en_pool *pool, const struct en_pool_message *message)
{
    struct enoki_connection *connection = find(pool, message->slot, message->generation);

    if (connection != NULL)
        end_connection(pool, recall(pool, message->slot));
}

static int write_failure(struct en_buffer *out, const struct en_pool_failure *failure, bool is_head,
                         bool close)
{
    char date[EN_HTTP_DATE_BYTES];
    const struct en_http_head head = {
        .status = failure->status,
        .date = date,
        .content_type = "text/plain; charset=utf-8",
        .headers = {"", 0},
        .content_length = strlen(failure->text),
        .close = close,
    };
    int rc;

    en_http_write_date(date, (uint64_t)time(NULL));
    rc = en_http_write_head(out, &head);
    return rc == 0 && !is_head ? en_buffer_append_text(out, failure->text) : rc;
}

void en_pool_connection_lost(struct en_pool *pool, uint32_t worker,
                             const struct en_pool_failure *failure)
{
    const struct en_pool_status *status = en_pool_status(pool, worker);
    struct enoki_connection *connection = find(pool, status->slot, status->generation);
    const char *memory = (const char *)status + EN_POOL_PAGE;
    size_t room = pool->part_bytes - EN_POOL_PAGE;
    struct en_buffer answer = EN_BUFFER_INIT(4096);
    /* Foreign numbers: the function that crashed may have written them. */
    uint64_t offset = status->rest_offset, len = status->rest_len;
    int rc = ENOKI_EPROTO;

    if (connection == NULL)
        return;
    (void)recall(pool, status->slot);
    if (failure != NULL && offset <= room && len <= room - offset)
        rc = write_failure(&answer, failure, status->is_head != 0, status->close_after != 0);
    if (rc == 0)
        rc = en_connection_adopt(connection->http, memory + offset, (size_t)len, answer.data,
                                 answer.len, status->close_after != 0);
    en_buffer_fini(&answer);
    if (rc != 0)
        end_connection(pool, connection);
    else
        give_to_server(pool, connection);
}

void en_pool_reclaim_all(struct en_pool *pool)
{
    for (uint32_t slot = 0; slot < pool->slots && pool->taken > 0; slot++) {
        if (pool->connections[slot] != NULL)
            give_to_server(pool, recall(pool, slot));
    }
}

static bool all_are_stuck(const struct en_pool *pool, uint64_t now_ms)
{
    for (uint32_t i = 0; i < pool->workers_max; i++) {
        const struct en_pool_status *status = en_pool_status(pool, i);
        uint32_t state = atomic_load_explicit(&status->state, memory_order_acquire);

        if (pool->workers[i].phase == EN_POOL_ALIVE &&
            (!en_pool_is_in_call(state) ||
             atomic_load_explicit(&status->since_ms, memory_order_relaxed) + BUSY_MS > now_ms))
            return false;
    }
    return true;
}

/* Reads the requests that wait: they queue here, where the queue has an end. */
static void take_overflow(struct en_pool *pool)
{
    struct epoll_event events[OVERFLOW_BATCH];
    int count = epoll_wait(pool->set, events, OVERFLOW_BATCH, 0);

    for (int i = 0; i < count; i++) {
        uint32_t slot = en_pool_event_slot(&events[i]);

        if (events[i].data.u64 != EN_POOL_CALLS &&
            find(pool, slot, en_pool_event_generation(&events[i])) != NULL)
            give_to_server(pool, recall(pool, slot));
    }
}

uint64_t en_pool_look(struct en_pool *pool, uint64_t now_ms)
{
    if (!pool->watching)
        return UINT64_MAX;
    if (pool->alive > 0 && all_are_stuck(pool, now_ms)) {
        pool->calm = 0;
        take_overflow(pool);
        en_pool_adapt(pool, now_ms);
    } else if (++pool->calm >= CALM_LOOKS) {
        pool->calm = 0;
        pool->watching = false;
        atomic_store(&pool->shared->watched, 0);
        return UINT64_MAX;
    }
    return now_ms + EN_POOL_LOOK_MS;
}

static bool is_served(const struct en_pool *pool, uint32_t slot)
{
    for (uint32_t i = 0; i < pool->workers_max; i++) {
        const struct en_pool_status *status = en_pool_status(pool, i);

        if (atomic_load_explicit(&status->state, memory_order_acquire) != EN_POOL_IDLE &&
            status->slot == slot)
            return true;
    }
    return false;
}

/* The kernel knows when a connection was used last, whichever process did it. */
uint64_t en_pool_idle_look(struct en_pool *pool, uint64_t now_ms)
{
    uint64_t limit = pool->limits->idle_timeout_ms, next = now_ms + limit;

    if (pool->taken == 0)
        return UINT64_MAX;
    if (now_ms < pool->idle_look_ms)
        return pool->idle_look_ms;
    for (uint32_t slot = 0; slot < pool->slots; slot++) {
        struct tcp_info info;
        socklen_t len = sizeof(info);
        uint64_t age;

        if (pool->connections[slot] == NULL || is_served(pool, slot) ||
            getsockopt(pool->slot_base + (int)slot, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
            continue;
        age = info.tcpi_last_data_recv < info.tcpi_last_data_sent ? info.tcpi_last_data_recv
                                                                  : info.tcpi_last_data_sent;
        /* Whoever gets the event reads the end of input, and closes. */
        if (age >= limit)
            (void)shutdown(pool->slot_base + (int)slot, SHUT_RD);
        else if (now_ms + (limit - age) < next)
            next = now_ms + (limit - age);
    }
    pool->idle_look_ms = next;
    return next;
}
