#include "invoke/answer.h"

#include "invoke/request.h"

#include <stdlib.h>
#include <string.h>

struct enoki_answer {
    int status;
    struct en_request parts; /* headers and body; the rest is not used */
};

int en_answer_new(struct enoki_answer **out, int status, const struct en_header *headers,
                  size_t header_count, struct en_text body)
{
    size_t total = sizeof(struct enoki_answer) + header_count * sizeof(struct en_header);
    struct enoki_answer *answer;
    struct en_header *copies;
    bool fits = en_text_measure(&total, body);
    char *at;

    for (size_t i = 0; i < header_count && fits; i++)
        fits =
            en_text_measure(&total, headers[i].name) && en_text_measure(&total, headers[i].value);
    answer = fits ? malloc(total) : NULL;
    if (answer == NULL)
        return ENOKI_ENOMEM;
    copies = (struct en_header *)(answer + 1);
    at = (char *)(copies + header_count);
    *answer = (struct enoki_answer){.status = status};
    for (size_t i = 0; i < header_count; i++) {
        copies[i].name = en_text_copy(&at, headers[i].name);
        copies[i].value = en_text_copy(&at, headers[i].value);
    }
    answer->parts.body = en_text_copy(&at, body);
    answer->parts.headers = copies;
    answer->parts.header_count = header_count;
    *out = answer;
    return 0;
}

void enoki_answer_free(struct enoki_answer *answer)
{
    free(answer);
}

int enoki_answer_status(const struct enoki_answer *answer)
{
    return answer->status;
}

const void *enoki_answer_body(const struct enoki_answer *answer, size_t *len_out)
{
    if (len_out != NULL)
        *len_out = answer->parts.body.len;
    return answer->parts.body.data;
}

const char *enoki_answer_header(const struct enoki_answer *answer, const char *name)
{
    const struct en_text *value = en_request_header(&answer->parts, name);

    return value == NULL ? NULL : value->data;
}

const char *enoki_answer_content_type(const struct enoki_answer *answer)
{
    const char *value = enoki_answer_header(answer, "Content-Type");

    return value == NULL ? "" : value;
}

const char *enoki_answer_header_at(const struct enoki_answer *answer, size_t index,
                                   const char **name_out)
{
    if (index >= answer->parts.header_count)
        return NULL;
    if (name_out != NULL)
        *name_out = answer->parts.headers[index].name.data;
    return answer->parts.headers[index].value.data;
}
