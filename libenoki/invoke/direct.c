#include "invoke/direct.h"

#include "wire/frame_invoke.h"

#include <sys/socket.h>

/* What one send puts into a stream as a whole. */
#define WHOLE_MAX_BYTES 32768u

int en_reply_put_answer(struct en_buffer *out, uint64_t call, const struct en_reply *reply)
{
    struct en_header headers[EN_REPLY_HEADERS_MAX];
    const struct en_frame_answer answer = {.status = (uint16_t)reply->status,
                                           .is_ours = reply->is_ours,
                                           .headers = headers,
                                           .header_count = en_reply_split_headers(reply, headers),
                                           .body = {reply->body.data, reply->body.len}};

    return en_frame_answer_put(out, call, &answer);
}

bool en_direct_answer(int fd, uint64_t call, const struct en_reply *reply)
{
    struct en_buffer bytes = EN_BUFFER_INIT(WHOLE_MAX_BYTES);
    ssize_t sent = -1;

    if (reply->body.len <= WHOLE_MAX_BYTES && en_reply_put_answer(&bytes, call, reply) == 0)
        sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    /* Half an answer: nothing that comes behind it could be told apart. */
    if (sent > 0 && (size_t)sent < bytes.len)
        (void)shutdown(fd, SHUT_RDWR);
    en_buffer_fini(&bytes);
    return sent > 0;
}
