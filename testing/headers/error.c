#include <enoki/error.h>
#include <enoki/state.h>

#include <stdio.h>

static int show(struct enoki_state *state)
{
    struct enoki_items *items = NULL;
    struct enoki_error err = ENOKI_ERROR_INIT;
    if (enoki_state_read(state, "x", &items, &err) != 0)
        fprintf(stderr, "%s\n", err.message);
    enoki_items_free(items);
    return err.status == ENOKI_ENOTFOUND ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_state *state = NULL;
    int rc;

    (void)argc;
    (void)argv;
    options.keygroup = "tinyFaaSdemo";
    rc = enoki_state_open(&state, &options, NULL);
    if (rc == 0)
        rc = show(state);
    enoki_state_free(state);
    return rc;
}
