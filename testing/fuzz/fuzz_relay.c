/* Foreign bytes as what the two ends of the state relay tell each other: a call to the parent,
 * items and a failure to a worker. Nothing is read outside them, and every call that is one gets
 * one answer. The first byte chooses, the second is a call's type. */
#include "state/relay/calls.h"

#include <enoki/state.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/enoki-fuzz-relay-XXXXXX";
static struct enoki_state *state;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

static void end(void)
{
    enoki_state_free(state);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void begin(void)
{
    struct enoki_state_options options = ENOKI_STATE_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;
    char uri[100];

    require(mkdtemp(folder) != NULL);
    (void)snprintf(uri, sizeof(uri), "embedded:%s?durability=process", folder);
    options.uri = uri;
    options.keygroup = "fuzz";
    require(enoki_state_open(&state, &options, &err) == 0);
    (void)atexit(end);
}

static void call(uint8_t type, const void *payload, size_t len)
{
    const struct en_frame_head head = {(uint32_t)len, type, 7};
    struct en_buffer out = EN_BUFFER_INIT(EN_RELAY_ANSWER_MAX_BYTES);
    struct en_frame_head answer;

    if (state == NULL)
        begin();
    if (en_relay_run(state, &head, payload, &out) == 0) {
        require(out.len >= EN_FRAME_HEAD_BYTES && en_frame_head_read(out.data, &answer) == 0);
        require(answer.call == 7 && answer.len == out.len - EN_FRAME_HEAD_BYTES);
    }
    en_buffer_fini(&out);
}

static void look_at_items(const void *payload, size_t len)
{
    struct enoki_items *items = NULL;

    if (en_relay_items(payload, len, &items) != 0)
        return;
    for (size_t i = 0; i < enoki_items_count(items); i++) {
        size_t value_len;
        const char *value = enoki_items_value(items, i, &value_len);

        require(strlen(enoki_items_id(items, i)) < len && value_len < len);
        require(value[value_len] == '\0');
    }
    enoki_items_free(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct enoki_error err = ENOKI_ERROR_INIT;

    if (size < 2 || size > 65536)
        return 0;
    switch (data[0] % 3) {
    case 0:
        call(data[1], data + 2, size - 2);
        break;
    case 1:
        look_at_items(data + 1, size - 1);
        break;
    default:
        require(en_relay_failure(data + 1, size - 1, &err) < 0);
        require(err.message[0] != '\0');
    }
    return 0;
}
