/*
 * headers - shows a request and answers as it asks: method, path, query, content type, every header
 * and the body, a line each. X-Reply-Status sets the status, each X-Reply-Header "NAME: VALUE" adds
 * a header; a refusal is answered as the failure of the call.
 */
#include <enoki/function.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int add_header(struct enoki_call *call, const char *line, struct enoki_error *err)
{
    const char *colon = strstr(line, ": ");
    char name[256];

    if (colon == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "'%s' is not NAME: VALUE", line);
    snprintf(name, sizeof(name), "%.*s", (int)(colon - line), line);
    return enoki_call_reply_header(call, name, colon + 2, err);
}

static int set_head(struct enoki_call *call, struct enoki_error *err)
{
    const char *status = enoki_call_header(call, "X-Reply-Status"), *name, *value;
    int rc = status != NULL ? enoki_call_reply_status(call, atoi(status), err) : 0;

    for (size_t i = 0; rc == 0 && (value = enoki_call_header_at(call, i, &name)) != NULL; i++)
        if (strcasecmp(name, "X-Reply-Header") == 0)
            rc = add_header(call, value, err);
    return rc;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    const char *name, *value;
    char *text = NULL;
    size_t len = 0;
    int rc = set_head(call, err);
    FILE *out;

    (void)instance;
    if (rc != 0)
        return rc;
    out = open_memstream(&text, &len);
    if (out == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the reply");
    fprintf(out, "method %s\npath %s\nquery %s\ncontent-type %s\n", enoki_call_method(call),
            enoki_call_path(call), enoki_call_query(call), enoki_call_content_type(call));
    for (size_t i = 0; (value = enoki_call_header_at(call, i, &name)) != NULL; i++)
        fprintf(out, "header %s: %s\n", name, value);
    fprintf(out, "body %s\n", (const char *)enoki_call_body(call, NULL));
    fclose(out);
    rc = enoki_call_reply(call, text, len, err);
    free(text);
    return rc;
}

ENOKI_FUNCTION(.invoke = invoke);
