#include "config/remotes.h"

#include "config/check.h"

#include <ctype.h>
#include <string.h>

#define URL_MAX_BYTES 2048u

const char en_remote_no_memory[] = "(out of memory)";

static const char *check_url(const char *url)
{
    static const char form[] = "NAME=URL, such as edge=http://10.0.0.5:8000/edge";
    const char *host = strncmp(url, "http://", 7) == 0    ? url + 7
                       : strncmp(url, "https://", 8) == 0 ? url + 8
                                                          : NULL;

    if (host == NULL || host[0] == '\0' || host[0] == '/' || strlen(url) > URL_MAX_BYTES)
        return form;
    if (host[strcspn(host, "/")] == '\0')
        return "a URL with the function's path behind the address, such as "
               "http://10.0.0.5:8000/edge";
    for (const char *c = url; *c != '\0'; c++)
        if (!isgraph((unsigned char)*c) || *c == '?' || *c == '#' || *c == '@')
            return "a URL without user, '?' and '#'";
    return NULL;
}

const char *en_remote_parse(struct en_arena *arena, const char *text, struct enoki_variable *out)
{
    const char *equals = strchr(text, '=');
    const char *complaint, *name;

    if (equals == NULL)
        return check_url("");
    name = en_arena_textf(arena, "%.*s", (int)(equals - text), text);
    if (name == NULL)
        return en_remote_no_memory;
    complaint = en_check_function_name(name);
    if (complaint == NULL)
        complaint = check_url(equals + 1);
    if (complaint != NULL)
        return complaint;
    out->name = name;
    out->value = en_arena_textf(arena, "%s", equals + 1);
    return out->value == NULL ? en_remote_no_memory : NULL;
}

int en_remotes_settle(const struct en_source *source, const struct en_file_node *file,
                      struct enoki_node_settings *node)
{
    bool failed = false;

    node->remotes = file->remotes.list;
    node->remote_count = file->remotes.count;
    node->remotes_ca = en_source_optional_path(source, file->remotes_ca, &failed);
    return failed ? en_source_no_memory(source) : 0;
}
