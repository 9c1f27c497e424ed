/* Foreign bytes as a traceparent header: what is taken can be written, and is taken again. */
#include "wire/trace.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t span[EN_TRACE_SPAN_BYTES] = {1};
    char header[EN_TRACE_PARENT_CHARS + 1];
    struct en_trace trace, again;

    if (!en_trace_parse((struct en_text){(const char *)data, size}, &trace))
        return 0;
    en_trace_format(&trace, span, header);
    if (strlen(header) != EN_TRACE_PARENT_CHARS ||
        !en_trace_parse((struct en_text){header, EN_TRACE_PARENT_CHARS}, &again) ||
        strcmp(trace.id, again.id) != 0 || strcmp(trace.flags, again.flags) != 0)
        abort();
    return 0;
}
