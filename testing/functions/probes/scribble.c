/*
 * scribble.c - does to the memory of large bodies, and says of it, what it should not. The body
 * begins with a word:
 *
 *   echo    the body back
 *   over    writes over its body and all that may be behind it, up to 1 MiB, then echoes
 *   half    dies when it has read half of its body
 *   leave   answers while a thread of it goes on writing over the body
 *   lie     tells its parent answers of its own call of any length and at any place
 */
#include <enoki/function.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TRAY_BYTES (1u << 20)

static volatile char sink;

static void die_half_way(const char *body, size_t len)
{
    for (size_t i = 0; i < len / 2; i++)
        sink = body[i];
    (void)raise(SIGKILL);
}

static void *scribble_on(void *body)
{
    for (unsigned i = 0;; i++)
        ((volatile char *)body)[i % 32768] = (char)i;
    return NULL;
}

/* As struct en_pool_message in libenoki/invoke/pool.h, and an answer's head in wire/call.c. A lie
 * that is not understood gets no 502, and the test notices. */
struct lie {
    uint32_t type, worker;
    uint64_t call, deadline_ms;
    uint32_t slot, generation;
    uint64_t input_len;
    uint32_t close_after, continued;
    uint64_t lent_call, tray_len;
    uint32_t tray, reserved;
    uint32_t status, has_content_type;
    uint64_t header_count, headers_len, body_len;
};
#define REPLY 10

static void lie_to_all(const struct lie *lie)
{
    for (int fd = 3; fd < 100; fd++) {
        int type = 0;
        socklen_t len = sizeof(type);

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET)
            (void)send(fd, lie, sizeof(*lie), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void tell_lies(uint64_t call)
{
    static const uint64_t lengths[] = {UINT64_MAX, TRAY_BYTES + 1u, 1ull << 63, TRAY_BYTES};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct lie lie = {.type = REPLY, .call = call, .status = 200, .tray_len = lengths[i]};

        for (uint32_t tray = 0; tray < 4; tray++) {
            lie.tray = tray == 3 ? UINT32_MAX : tray;
            lie_to_all(&lie);
        }
    }
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    size_t len;
    char *body = (char *)(uintptr_t)enoki_call_body(call, &len);
    pthread_t thread;
    int rc;

    (void)instance;
    if (strncmp(body, "half", 4) == 0)
        die_half_way(body, len);
    if (strncmp(body, "lie", 3) == 0)
        tell_lies(enoki_call_id(call));
    /* What a liar's own answer would do to the memory, "over" shows. */
    rc = enoki_call_reply(call, body, strncmp(body, "lie", 3) == 0 ? 3 : len, err);
    if (strncmp(body, "over", 4) == 0)
        memset(body, 0xff, TRAY_BYTES);
    if (strncmp(body, "leave", 5) == 0 && pthread_create(&thread, NULL, scribble_on, body) == 0)
        (void)pthread_detach(thread);
    return rc;
}

ENOKI_FUNCTION(.invoke = invoke);
