#include "state/uri.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

#define FORM                                                                                       \
    "'embedded:DIR[?durability=sync|process][&max_value=BYTES][&node=NAME][&keygroup=NAME]'"

static int set(struct en_uri *uri, const char *key, const char *value)
{
    const struct {
        const char *key;
        const char **value;
    } texts[] = {
        {"durability", &uri->durability},
        {"keygroup", &uri->keygroup},
        {"node", &uri->node},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(key, texts[i].key) == 0) {
            if (*texts[i].value != NULL || *value == '\0')
                return ENOKI_EINVAL;
            *texts[i].value = value;
            return 0;
        }
    if (strcmp(key, "max_value") != 0 || uri->max_value_bytes != 0 ||
        !en_parse_u64(value, strlen(value), UINT64_MAX, &uri->max_value_bytes) ||
        uri->max_value_bytes == 0)
        return ENOKI_EINVAL;
    return 0;
}

static int set_all(struct en_uri *uri, char *query)
{
    char *pair;

    while ((pair = strsep(&query, "&")) != NULL) {
        char *equals = strchr(pair, '=');

        if (equals == NULL)
            return ENOKI_EINVAL;
        *equals = '\0';
        if (set(uri, pair, equals + 1) != 0)
            return ENOKI_EINVAL;
    }
    return 0;
}

int en_uri_parse(struct en_uri *uri, const char *text, struct enoki_error *err)
{
    struct en_uri made = {0};
    char *rest;
    int rc = 0;

    made.text = strdup(text);
    if (made.text == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "out of memory for the state URI");
    rest = made.text;
    made.scheme = strsep(&rest, ":");
    made.where = strsep(&rest, "?");
    if (made.where == NULL || *made.where == '\0')
        rc = ENOKI_EINVAL;
    if (rc == 0 && rest != NULL)
        rc = set_all(&made, rest);
    if (rc == 0 && made.durability != NULL && strcmp(made.durability, "sync") != 0 &&
        strcmp(made.durability, "process") != 0)
        rc = ENOKI_EINVAL;
    if (rc != 0) {
        free(made.text);
        return enoki_error_set(err, rc, "'%.200s' is no state URI: write " FORM, text);
    }
    *uri = made;
    return 0;
}

void en_uri_fini(struct en_uri *uri)
{
    free(uri->text);
    *uri = (struct en_uri){0};
}
