/* tap.c - stands in for the module "rpc": passes every call on to the real one, and notes in the
 * file SESSIONS_HISTORY which version a node made for each write. The state API does not tell it,
 * and the checker must know it. */
#include "rpc/fred.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

EN_MODULE_EXPORT extern struct en_fred_api enoki_module;

struct en_fred_api enoki_module;
static const struct en_fred_api *real;
static int history = -1;

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* {"nodeA": 1}; the bytes are wire/version.h's. */
static void clock_text(struct en_version_view version, char *out, size_t room)
{
    const unsigned char *at = version.bytes + 2;
    unsigned count = (unsigned)(version.bytes[0] | version.bytes[1] << 8);
    size_t len = (size_t)snprintf(out, room, "{");

    for (unsigned i = 0; i < count && len < room; i++) {
        const unsigned char *counter = at + *at + 2;
        uint64_t value = 0;

        for (size_t k = 8; k > 0; k--)
            value = value << 8 | counter[k - 1];
        len += (size_t)snprintf(out + len, room - len, "%s\"%s\": %" PRIu64, i == 0 ? "" : ", ",
                                (const char *)at + 1, value);
        at = counter + 8;
    }
    if (len < room)
        (void)snprintf(out + len, room - len, "}");
}

static void note(const char *event, const char *keygroup, const char *id,
                 struct en_version_view version, bool is_removed)
{
    char clock[512], line[1024];
    int len;

    clock_text(version, clock, sizeof(clock));
    len = snprintf(line, sizeof(line),
                   "{\"e\": \"%s\", \"tid\": %d, \"t\": %" PRIu64 ", \"keygroup\": \"%s\", "
                   "\"id\": \"%s\", \"clock\": %s, \"removed\": %s}\n",
                   event, gettid(), now_ns(), keygroup, id, clock, is_removed ? "true" : "false");
    if (len > 0 && history >= 0 && write(history, line, (size_t)len) != len)
        abort();
}

static enum en_fred_result tapped_write(struct en_fred_link *link, uint64_t deadline_ms,
                                        const struct en_fred_write *write_, struct en_buffer *made,
                                        struct enoki_error *err)
{
    size_t before = made->len;
    enum en_fred_result result = real->write(link, deadline_ms, write_, made, err);
    struct en_version_view version = {(unsigned char *)made->data + before, made->len - before};

    if (result == EN_FRED_OK)
        note("made", write_->keygroup, write_->id, version, write_->value == NULL);
    return result;
}

static enum en_fred_result tapped_scan(struct en_fred_link *link, uint64_t deadline_ms,
                                       const char *keygroup, const char *start, uint64_t count,
                                       bool with_values, struct en_fred_items *out,
                                       struct enoki_error *err)
{
    enum en_fred_result result =
        real->scan(link, deadline_ms, keygroup, start, count, with_values, out, err);

    /* Tombstones whose maker never got an answer are known by this alone. */
    for (size_t i = 0; result == EN_FRED_OK && i < out->count; i++)
        if (out->items[i].value_len == 0)
            note(with_values ? "tombstone" : "key", keygroup, out->items[i].id,
                 out->items[i].version, with_values);
    return result;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SESSIONS_HISTORY");
    void *module = dlopen(SESSIONS_REAL_MODULE, RTLD_NOW | RTLD_LOCAL);

    real = module == NULL ? NULL : dlsym(module, "enoki_module");
    if (real == NULL) {
        (void)fprintf(stderr, "tap: %s\n", dlerror());
        abort();
    }
    enoki_module = *real;
    enoki_module.write = tapped_write;
    enoki_module.scan = tapped_scan;
    if (path != NULL)
        history = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}
