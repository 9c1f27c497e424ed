#include "paths.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The working directory in front of what stands at that offset, if that is relative. */
static const char *insert(struct en_arena *arena, const char *text, size_t offset)
{
    char here[PATH_MAX];

    if (text == NULL || text[offset] == '/' || getcwd(here, sizeof(here)) == NULL)
        return text;
    return en_arena_textf(arena, "%.*s%s/%s", (int)offset, text, here, text + offset);
}

const char *path_absolute(struct en_arena *arena, const char *path)
{
    return insert(arena, path, 0);
}

static const char *insert_value(struct en_arena *arena, const char *uri, const char *key)
{
    const char *at = uri == NULL ? NULL : strchr(uri, '?');

    while (at != NULL && strncmp(at + 1, key, strlen(key)) != 0)
        at = strchr(at + 1, '&');
    return at == NULL ? uri : insert(arena, uri, (size_t)(at + 1 - uri) + strlen(key));
}

const char *path_absolute_uri(struct en_arena *arena, const char *uri)
{
    if (uri != NULL && strncmp(uri, "embedded:", strlen("embedded:")) == 0)
        return insert(arena, uri, strlen("embedded:"));
    return insert_value(arena, insert_value(arena, uri, "tls="), "session=");
}
