/* Foreign bytes as an encoded version, and as the text of one: nothing is read outside them, and
 * what is accepted obeys the rules of clocks. */
#include "wire/version.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_bytes(const uint8_t *data, size_t size)
{
    struct en_buffer out = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
    struct en_version_view view, next;

    if (en_version_view_read(data, size, &view) != 0)
        return;
    require(view.len <= size);
    require(en_version_order(view, view) == ENOKI_ORDER_EQUAL);
    if (en_version_supersede(&view, 1, "node", &out) == 0) {
        enum enoki_order order;

        require(en_version_view_read(out.data, out.len, &next) == 0 && next.len == out.len);
        order = en_version_order(view, next);
        /* An entry of 0 counts as present and is dropped by a merge: then neither covers. */
        require(order == ENOKI_ORDER_BEFORE || order == ENOKI_ORDER_CONCURRENT);
    }
    en_buffer_fini(&out);
}

static void try_text(const uint8_t *data, size_t size)
{
    struct en_buffer out = EN_BUFFER_INIT(1 << 20);
    struct enoki_version *version = NULL, *again = NULL;
    char *text = malloc(size + 1);

    if (text == NULL)
        return;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (enoki_version_parse(&version, text, NULL) == 0 &&
        en_version_text(en_version_view(version), &out) == 0) {
        require(enoki_version_parse(&again, out.data == NULL ? "" : out.data, NULL) == 0);
        require(enoki_version_compare(version, again) == ENOKI_ORDER_EQUAL);
    }
    enoki_version_free(version);
    enoki_version_free(again);
    en_buffer_fini(&out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    try_bytes(data, size);
    try_text(data, size);
    return 0;
}
