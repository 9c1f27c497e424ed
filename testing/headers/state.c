#include <enoki/state.h>

#include <stdio.h>

int main(void)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct enoki_state *state = NULL;
    struct enoki_items *items = NULL;

    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    options.uri = "embedded:./enoki-state";
    options.keygroup = "tinyFaaSdemo";
    if (enoki_state_open(&state, &options, &err) == 0 &&
        enoki_state_update(state, "greeting", "hello", 5, NULL, &err) == 0 &&
        enoki_state_read(state, "greeting", &items, &err) == 0)
        printf("%s\n", (const char *)enoki_items_value(items, 0, NULL));
    enoki_items_free(items);
    enoki_state_free(state);

    if (err.status != 0)
        fprintf(stderr, "%s\n", err.message);
    return err.status != 0;
}
