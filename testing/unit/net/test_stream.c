/* Frames over a socket whose other side does not behave. */
#include "net/stream.h"

#include "wire/frame_invoke.h"

#include "check_main.h"

#include <sys/socket.h>
#include <unistd.h>

struct seen {
    unsigned long frames;
    int why;
};

static int ends[2];

static void on_frame(void *context, const struct en_frame_head *head, const void *payload)
{
    struct seen *seen = context;

    (void)head;
    (void)payload;
    seen->frames++;
}

static void on_closed(void *context, int why)
{
    struct seen *seen = context;

    seen->why = why;
}

typedef void (*frame_fn)(void *context, const struct en_frame_head *head, const void *payload);

static struct en_stream *open_stream(struct en_loop *loop, frame_fn frame, struct seen *seen)
{
    struct en_stream_options options = {.max_payload_bytes = 64,
                                        .max_unsent_bytes = 4096,
                                        .frame = frame,
                                        .closed = on_closed,
                                        .context = seen};
    struct en_stream *stream = NULL;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    options.fd = ends[0];
    ck_assert_int_eq(en_stream_new(&stream, loop, &options), 0);
    return stream;
}

static void put_frame(struct en_buffer *bytes)
{
    ck_assert_int_eq(en_frame_empty_put(bytes, EN_FRAME_READY, 1), 0);
}

START_TEST(what_was_sent_before_the_end_is_taken)
{
    struct en_buffer bytes = EN_BUFFER_INIT(1u << 20);
    struct seen seen = {0, 0};
    struct en_loop *loop;
    struct en_stream *stream;

    ck_assert_int_eq(en_loop_new(&loop, NULL), 0);
    stream = open_stream(loop, on_frame, &seen);
    for (int i = 0; i < 4000; i++)
        put_frame(&bytes);
    ck_assert_int_eq(send(ends[1], bytes.data, bytes.len, MSG_DONTWAIT), (ssize_t)bytes.len);
    ck_assert_int_eq(close(ends[1]), 0);
    en_stream_finish(stream);
    ck_assert_uint_eq(seen.frames, 4000);
    ck_assert_int_eq(seen.why, ENOKI_ECLOSED);
    en_stream_free(stream);
    en_loop_free(loop);
    en_buffer_fini(&bytes);
}
END_TEST

static void on_frame_send_another(void *context, const struct en_frame_head *head,
                                  const void *payload)
{
    struct en_buffer bytes = EN_BUFFER_INIT(64);

    on_frame(context, head, payload);
    put_frame(&bytes);
    ck_assert_int_eq(send(ends[1], bytes.data, bytes.len, MSG_DONTWAIT), (ssize_t)bytes.len);
    en_buffer_fini(&bytes);
}

/* A process that a runtime has left behind has its socket too. */
START_TEST(who_goes_on_sending_holds_nobody_up)
{
    struct seen seen = {0, 0};
    struct en_loop *loop;
    struct en_stream *stream;

    ck_assert_int_eq(en_loop_new(&loop, NULL), 0);
    stream = open_stream(loop, on_frame_send_another, &seen);
    on_frame_send_another(&seen, NULL, NULL);
    en_stream_finish(stream);
    ck_assert_int_eq(seen.why, ENOKI_ECLOSED);
    en_stream_free(stream);
    en_loop_free(loop);
    ck_assert_int_eq(close(ends[1]), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_was_sent_before_the_end_is_taken,
                                  who_goes_on_sending_holds_nobody_up};

    (void)alarm(20);
    return check_main("stream", tests, sizeof(tests) / sizeof(tests[0]));
}
