#include "external/external.h"

#include "invoke/env.h"
#include "net/pass.h"
#include "wire/frame_invoke.h"

#include <sys/socket.h>
#include <unistd.h>

/* More than a HELLO: what cannot be served is thrown away. */
#define GREETING_BYTES 4096

static int open_state(void *context, struct enoki_state **out, struct enoki_error *err)
{
    return en_env_open_state(context, out, err);
}

static void log_relay(void *context, int level, const char *message)
{
    const struct en_instance_options *settings = context;

    en_log(settings->log, (enum enoki_log_level)level, "%s", message);
}

/* Where the state is opened in this process, a relay of our own serves it. */
static int start_relay(struct en_external *self, struct enoki_error *err)
{
    struct en_relay_options options = {
        .open = open_state,
        .context = &self->settings,
        .notify = {log_relay, &self->settings},
    };
    int rc = self->relay != NULL || self->door[0] >= 0 ? 0 : en_relay_door(self->door, err);

    options.door = self->door[0];
    return rc == 0 && self->relay == NULL ? en_relay_start(&self->relay, &options, err) : rc;
}

bool en_external_serve_state(struct en_external *self)
{
    struct en_buffer out = EN_BUFFER_INIT(GREETING_BYTES);
    struct enoki_error err = ENOKI_ERROR_INIT;
    char greeting[GREETING_BYTES];
    const char byte = 1;
    int door = self->settings.state_door, rc = 0;

    if (door == 0) {
        rc = start_relay(self, &err);
        door = self->door[1];
    }
    if (rc == 0)
        rc = en_pass_send(door, &byte, 1, self->state_fd, true);
    if (rc == 0)
        return true;
    if (err.status == 0)
        (void)enoki_error_set(&err, rc, "who keeps it is gone");
    /* It has greeted, and waits. It may try again. */
    en_log(self->settings.log, ENOKI_LOG_ERROR, "the function's state cannot be had: %s",
           err.message);
    (void)!recv(self->state_fd, greeting, sizeof(greeting), MSG_DONTWAIT);
    if (en_frame_failed_put(&out, 0, rc, err.message) == 0)
        (void)send(self->state_fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    en_buffer_fini(&out);
    return false;
}

void en_external_end_state(struct en_external *self)
{
    en_relay_stop(self->relay);
    for (int i = 0; i < 2; i++)
        if (self->door[i] >= 0)
            (void)close(self->door[i]);
}
