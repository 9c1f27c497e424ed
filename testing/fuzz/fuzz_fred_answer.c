/* Foreign bytes as each of FReD's answers: nothing is read outside them, and what is accepted is
 * whole. The first byte chooses the answer. */
#include "rpc/messages.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void look_at_items(struct en_fred_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        const struct en_fred_item *item = &items->items[i];
        struct en_version_view view;

        require(item->id != NULL && strlen(item->id) < SIZE_MAX);
        require(item->value != NULL);
        if (item->value_len > 0)
            require(memchr(item->value, 0, item->value_len) != item->value - 1);
        require(en_version_view_read(item->version.bytes, item->version.len, &view) == 0);
        require(view.len == item->version.len);
    }
    en_fred_items_free(items);
}

static void look_at_replicas(struct en_fred_replicas *replicas)
{
    for (size_t i = 0; i < replicas->count; i++)
        require(strlen(replicas->replicas[i].node) + strlen(replicas->replicas[i].host) < SIZE_MAX);
    en_fred_replicas_free(replicas);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct en_fred_items items = {NULL, 0, NULL};
    struct en_fred_replicas replicas = {NULL, 0, false, NULL};
    struct en_buffer version = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
    struct en_version_view view;

    if (size == 0 || size > 65536)
        return 0;
    switch (data[0] % 5) {
    case 0:
        if (en_rpc_decode_items(data + 1, size - 1, &items) == 0)
            look_at_items(&items);
        break;
    case 1:
        if (en_rpc_decode_keys(data + 1, size - 1, &items) == 0)
            look_at_items(&items);
        break;
    case 2:
        if (en_rpc_decode_version(data + 1, size - 1, &version) == 0)
            require(en_version_view_read(version.data, version.len, &view) == 0);
        break;
    case 3:
        if (en_rpc_decode_keygroup_info(data + 1, size - 1, &replicas) == 0)
            look_at_replicas(&replicas);
        break;
    default:
        if (en_rpc_decode_nodes(data + 1, size - 1, &replicas) == 0)
            look_at_replicas(&replicas);
    }
    en_buffer_fini(&version);
    return 0;
}
