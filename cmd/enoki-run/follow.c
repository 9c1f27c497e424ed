#include "follow.h"

#include "base/clock.h"
#include "invoke/streamed.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX_BYTES (256u << 10)
#define STUCK_MS 30000u
#define NOTE_BYTES 128u

struct follower {
    struct follower *next;
    struct followers *all;
    struct en_streamed *streamed;
    struct en_buffer fresh;   /* since the last time that the loop was about to wait */
    uint64_t missing;         /* lines that were left out */
    uint64_t stuck_since_ms;  /* nothing was taken since; 0: something was */
    size_t stuck_at;          /* what waited then */
    char name[ENOKI_NAME_MAX + 1];
};

struct followers {
    struct follower *first;
    size_t count;
    bool ended;
    struct en_soon *soon;
};

static void remove_one(struct follower *follower)
{
    struct follower **at = &follower->all->first;

    while (*at != follower)
        at = &(*at)->next;
    *at = follower->next;
    follower->all->count--;
    en_buffer_fini(&follower->fresh);
    free(follower);
}

static void on_gone(void *context)
{
    remove_one(context);
}

static void end_one(struct follower *follower)
{
    struct en_streamed *streamed = follower->streamed;

    remove_one(follower);
    en_streamed_end(streamed);
}

/* Many lines of one turn of the loop leave in one send. */
static void send_all(void *context)
{
    struct followers *followers = context;

    for (struct follower *i = followers->first; i != NULL; i = i->next) {
        if (i->fresh.len == 0)
            continue;
        en_streamed_write(i->streamed, i->fresh.data, i->fresh.len);
        i->fresh.len = 0;
    }
}

int followers_new(struct followers **out, struct en_loop *loop)
{
    struct followers *followers = calloc(1, sizeof(*followers));
    int rc = followers == NULL ? ENOKI_ENOMEM
                               : en_soon_new(&followers->soon, loop, send_all, followers);

    if (rc != 0) {
        free(followers);
        return rc;
    }
    *out = followers;
    return 0;
}

void followers_end(struct followers *followers)
{
    if (followers != NULL)
        followers->ended = true;
    while (followers != NULL && followers->first != NULL) {
        send_all(followers);
        end_one(followers->first);
    }
}

void followers_free(struct followers *followers)
{
    if (followers == NULL)
        return;
    followers_end(followers);
    en_soon_free(followers->soon);
    free(followers);
}

static int begin(struct follower *follower, struct enoki_invocation *inv)
{
    struct en_reply head;
    int rc;

    en_reply_init(&head, 0);
    rc = en_reply_add_header(&head, "Content-Type", "text/plain; charset=utf-8", NULL);
    if (rc == 0)
        rc = en_reply_add_header(&head, "Cache-Control", "no-store", NULL);
    if (rc == 0)
        rc = en_reply_add_header(&head, "X-Content-Type-Options", "nosniff", NULL);
    if (rc == 0)
        rc = en_invocation_stream(inv, &head, on_gone, follower, &follower->streamed);
    en_reply_fini(&head);
    return rc;
}

void followers_add(struct followers *followers, struct enoki_invocation *inv, const char *name,
                   const struct en_buffer *text)
{
    struct follower *follower;

    if (followers->ended || followers->count == FOLLOWERS_MAX) {
        en_invocation_fail(inv, 503,
                           followers->ended ? "the node stops\n"
                                            : "too many follow the log already\n");
        return;
    }
    follower = calloc(1, sizeof(*follower));
    if (follower == NULL || begin(follower, inv) != 0) {
        free(follower);
        en_invocation_fail(inv, 500, "out of memory for the reply\n");
        return;
    }
    follower->all = followers;
    follower->fresh.max = WAITING_MAX_BYTES + NOTE_BYTES;
    (void)strncpy(follower->name, name, ENOKI_NAME_MAX);
    follower->next = followers->first;
    followers->first = follower;
    followers->count++;
    if (text->len > 0)
        en_streamed_write(follower->streamed, text->data, text->len);
}

/* Nothing was taken for too long. */
static bool is_stuck(struct follower *follower, size_t unsent)
{
    uint64_t now = en_clock_ms();

    if (follower->stuck_since_ms == 0 || unsent != follower->stuck_at) {
        follower->stuck_since_ms = now;
        follower->stuck_at = unsent;
    }
    return now - follower->stuck_since_ms > STUCK_MS;
}

static int add_line(struct follower *follower, const char *line, size_t len)
{
    size_t old_len = follower->fresh.len;
    int rc = 0;

    if (follower->missing > 0)
        rc = en_buffer_appendf(&follower->fresh,
                               "# %llu lines are missing here: they came faster than they were "
                               "read\n",
                               (unsigned long long)follower->missing);
    if (rc == 0)
        rc = en_buffer_append(&follower->fresh, line, len);
    if (rc != 0)
        follower->fresh.len = old_len;
    return rc;
}

static void offer(struct follower *follower, const char *line, size_t len)
{
    size_t unsent = en_streamed_unsent(follower->streamed);

    if (unsent + follower->fresh.len + len > WAITING_MAX_BYTES) {
        follower->missing++;
        if (unsent > 0 && is_stuck(follower, unsent))
            end_one(follower);
        return;
    }
    follower->stuck_since_ms = 0;
    if (add_line(follower, line, len) == 0)
        follower->missing = 0;
    else
        follower->missing++;
    en_soon_set(follower->all->soon);
}

void followers_line(struct followers *followers, const char *name, const char *line, size_t len)
{
    struct follower *next;

    if (followers == NULL)
        return;
    for (struct follower *i = followers->first; i != NULL; i = next) {
        next = i->next;
        if (i->name[0] == '\0' || strcmp(i->name, name) == 0)
            offer(i, line, len);
    }
}
