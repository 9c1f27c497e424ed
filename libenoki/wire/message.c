#include "wire/message.h"

#include "base/checked.h"

#include <string.h>

bool en_text_measure(size_t *total, struct en_text text)
{
    return en_add_size(*total, text.len, total) && en_add_size(*total, 1, total);
}

struct en_text en_text_copy(char **at, struct en_text text)
{
    struct en_text copy = {*at, text.len};

    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    (*at)[text.len] = '\0';
    *at += text.len + 1;
    return copy;
}
