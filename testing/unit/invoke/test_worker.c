#include "worker_rig.h"

#include "check_main.h"

#define LATE (UINT64_MAX - 1)

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(header, length, body)                                                                 \
    "POST /held HTTP/1.1\r\nHost: a\r\n" header "Content-Length: " length "\r\n\r\n" body

static struct enoki_invocation *next_submitted(void)
{
    struct enoki_invocation *invocation;

    while ((invocation = atomic_exchange(&rig.submitted, NULL)) == NULL)
        (void)sched_yield();
    return invocation;
}

static void wait_until_busy(void)
{
    uint64_t since;

    while (!enoki_worker_is_busy(rig.worker, &since))
        (void)sched_yield();
    ck_assert_uint_gt(since, 0);
}

START_TEST(answers_every_call_that_has_arrived_and_keeps_the_connection)
{
    struct enoki_connection *connection;
    char *heard;
    int fd;

    begin(NULL, NULL);
    fd = connect_client(&connection);
    ck_assert_ptr_eq(enoki_connection_data(connection), &rig);
    say(fd, POST("", "3", "one") POST("", "3", "two"));
    ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    heard = hear(fd, "two");
    ck_assert_uint_eq(count(heard, "HTTP/1.1 200 OK"), 2);
    ck_assert(strstr(heard, "one") < strstr(heard, "two"));
    say(fd, POST("", "5", "three"));
    ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    ck_assert_ptr_nonnull(strstr(hear(fd, "three"), "200 OK"));
    ck_assert_uint_eq(enoki_worker_deadline_ms(rig.worker), UINT64_MAX);
    (void)close(fd);
    ck_assert_int_eq(serve(connection), ENOKI_WANT_CLOSE);
    end();
}
END_TEST

START_TEST(answers_for_health_and_other_paths_without_the_function)
{
    struct enoki_connection *connection;
    char *heard;
    int fd;

    begin(NULL, NULL);
    fd = connect_client(&connection);
    say(fd, GET("/health") GET("/other"));
    ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    heard = hear(fd, "no such function");
    ck_assert_uint_eq(count(heard, "HTTP/1.1 200 OK"), 1);
    ck_assert_uint_eq(count(heard, "HTTP/1.1 404"), 1);
    ck_assert_int_eq(atomic_load(&rig.called), 0);
    (void)close(fd);
    ck_assert_int_eq(serve(connection), ENOKI_WANT_CLOSE);
    end();
}
END_TEST

START_TEST(an_asynchronous_call_is_accepted_at_once_and_runs_later)
{
    struct enoki_connection *connection;
    int fd;

    begin(NULL, NULL);
    fd = connect_client(&connection);
    say(fd, POST("X-tinyFaaS-Async: 1\r\n", "5", "later"));
    ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    ck_assert_ptr_nonnull(strstr(hear(fd, "\r\n\r\n"), "HTTP/1.1 202"));
    ck_assert_int_eq(atomic_load(&rig.called), 0);
    ck_assert_ptr_nonnull(rig.submitted);
    ck_assert_int_eq(enoki_invocation_is_async(rig.submitted), 1);
    enoki_invocation_run(rig.submitted, rig.worker);
    ck_assert_int_eq(atomic_load(&rig.called), 1);
    (void)close(fd);
    ck_assert_int_eq(serve(connection), ENOKI_WANT_CLOSE);
    end();
}
END_TEST

START_TEST(a_full_queue_asks_to_come_back)
{
    struct enoki_connection *connection;
    struct enoki_invocation *waiting[2];
    char *heard;
    int fd;

    begin("--max-queue=1", "--workers=1");
    fd = connect_client(&connection);
    for (size_t i = 0; i < 2; i++) {
        say(fd, POST("X-tinyFaaS-Async: 1\r\n", "0", ""));
        ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
        ck_assert_ptr_nonnull(strstr(hear(fd, "\r\n\r\n"), "HTTP/1.1 202"));
        waiting[i] = rig.submitted;
    }
    say(fd, POST("X-tinyFaaS-Async: 1\r\n", "0", ""));
    ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    heard = hear(fd, "later");
    ck_assert_ptr_nonnull(strstr(heard, "HTTP/1.1 503"));
    ck_assert_ptr_nonnull(strstr(heard, "Retry-After: 1\r\n"));
    for (size_t i = 0; i < 2; i++)
        enoki_invocation_run(waiting[i], rig.worker);
    (void)close(fd);
    ck_assert_int_eq(serve(connection), ENOKI_WANT_CLOSE);
    end();
}
END_TEST

START_TEST(a_call_that_does_not_end_is_answered_504_without_its_thread)
{
    struct enoki_connection *connection;
    pthread_t thread;
    void *want;
    char *heard;
    int fd;

    begin(NULL, NULL);
    fd = connect_client(&connection);
    ck_assert_int_eq(enoki_worker_expire(rig.worker, LATE), 0);
    say(fd, POST("", "5", "early") POST("", "4", "hold") POST("", "5", "after"));
    ck_assert_int_eq(pthread_create(&thread, NULL, serve_in_thread, connection), 0);
    while (atomic_load(&rig.called) < 2)
        (void)sched_yield();
    wait_until_busy();
    ck_assert_int_eq(enoki_worker_expire(rig.worker, 1), 0);
    ck_assert_uint_lt(enoki_worker_deadline_ms(rig.worker), LATE);
    ck_assert_int_eq(enoki_worker_expire(rig.worker, LATE), 1);
    ck_assert_int_eq(enoki_worker_expire(rig.worker, LATE), 0);
    heard = hear(fd, NULL);
    /* What was answered before it is not lost. */
    ck_assert_uint_eq(count(heard, "HTTP/1.1 200 OK"), 1);
    ck_assert_uint_eq(count(heard, "HTTP/1.1 504"), 1);
    ck_assert(strstr(heard, "early") < strstr(heard, "HTTP/1.1 504"));

    ck_assert_int_eq(sem_post(&rig.held), 0);
    ck_assert_int_eq(pthread_join(thread, &want), 0);
    ck_assert_int_eq((int)(uintptr_t)want, ENOKI_WANT_GIVE_UP);
    ck_assert_int_eq(atomic_load(&rig.called), 2);
    (void)close(fd);
    end();
}
END_TEST

START_TEST(an_invocation_that_does_not_end_is_finished_without_its_thread)
{
    struct enoki_connection *connection;
    pthread_t thread;
    int fd;

    begin(NULL, NULL);
    fd = connect_client(&connection);
    say(fd, POST("X-tinyFaaS-Async: 1\r\n", "4", "hold"));
    ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_in_thread, rig.submitted), 0);
    wait_until_busy();
    ck_assert_int_eq(enoki_worker_expire(rig.worker, LATE), 1);
    ck_assert_int_eq(sem_post(&rig.held), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    (void)close(fd);
    ck_assert_int_eq(serve(connection), ENOKI_WANT_CLOSE);
    end();
}
END_TEST

START_TEST(calls_that_the_server_reads_are_answered_by_whoever_runs_them_late_ones_with_504)
{
    pthread_t thread;
    char *heard;
    int fd;

    rig.refuses = true;
    begin(NULL, NULL);
    fd = connect_to_server();
    say(fd, POST("", "3", "one"));
    enoki_invocation_run(next_submitted(), rig.worker);
    ck_assert_ptr_nonnull(strstr(hear(fd, "one"), "HTTP/1.1 200 OK"));

    say(fd, POST("", "4", "hold"));
    ck_assert_int_eq(pthread_create(&thread, NULL, run_in_thread, next_submitted()), 0);
    wait_until_busy();
    ck_assert_int_eq(enoki_worker_expire(rig.worker, LATE), 1);
    heard = hear(fd, "too long");
    ck_assert_ptr_nonnull(strstr(heard, "HTTP/1.1 504"));
    ck_assert_int_eq(sem_post(&rig.held), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    (void)close(fd);
    end();
}
END_TEST

START_TEST(a_worker_is_opened_anew_after_its_number_of_calls)
{
    struct enoki_connection *connection;
    int fd;

    begin("--calls-per-worker=2", NULL);
    fd = connect_client(&connection);
    ck_assert_int_eq(atomic_load(&rig.opened), 1);
    for (int i = 0; i < 5; i++) {
        say(fd, POST("", "1", "x"));
        ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    }
    ck_assert_int_eq(atomic_load(&rig.called), 5);
    ck_assert_int_eq(atomic_load(&rig.opened), 3);
    (void)close(fd);
    ck_assert_int_eq(serve(connection), ENOKI_WANT_CLOSE);
    end();
}
END_TEST

START_TEST(a_request_that_does_not_get_ready_in_time_is_408)
{
    struct enoki_connection *connection;
    enum enoki_want want;
    int fd;

    begin("--request-timeout=20ms", NULL);
    fd = connect_client(&connection);
    say(fd, "GET /he");
    ck_assert_int_eq(serve(connection), ENOKI_WANT_READ);
    do {
        want = serve(connection); /* the server makes the socket ready when the time is up */
    } while (want == ENOKI_WANT_READ);
    ck_assert_int_eq(want, ENOKI_WANT_CLOSE);
    ck_assert_ptr_nonnull(strstr(hear(fd, NULL), "HTTP/1.1 408"));
    (void)close(fd);
    end();
}
END_TEST

START_TEST(draining_ends_idle_connections_and_busy_ones_after_their_answer)
{
    struct enoki_connection *idle, *busy;
    int idle_fd, busy_fd;
    pthread_t thread;
    void *want;
    char *heard;

    begin(NULL, NULL);
    idle_fd = connect_client(&idle);
    busy_fd = connect_client(&busy);
    say(busy_fd, POST("", "4", "hold"));
    ck_assert_int_eq(pthread_create(&thread, NULL, serve_in_thread, busy), 0);
    wait_until_busy();
    ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
    /* The server says so on both: the end of input on one, Connection: close on the other. */
    {
        struct pollfd ready = {.fd = enoki_connection_fd(idle), .events = POLLIN};

        ck_assert_int_eq(poll(&ready, 1, -1), 1);
    }
    ck_assert_int_eq(sem_post(&rig.held), 0);
    ck_assert_int_eq(pthread_join(thread, &want), 0);
    ck_assert_int_eq((int)(uintptr_t)want, ENOKI_WANT_CLOSE);
    heard = hear(busy_fd, NULL);
    ck_assert_ptr_nonnull(strstr(heard, "HTTP/1.1 200 OK"));
    ck_assert_ptr_nonnull(strstr(heard, "Connection: close\r\n"));
    ck_assert_int_eq(serve(idle), ENOKI_WANT_CLOSE);
    ck_assert_str_eq(hear(idle_fd, NULL), "");
    ck_assert_int_eq(pthread_join(rig.thread, NULL), 0);
    ck_assert_int_eq(rig.status, 0);
    (void)close(idle_fd);
    (void)close(busy_fd);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        answers_every_call_that_has_arrived_and_keeps_the_connection,
        answers_for_health_and_other_paths_without_the_function,
        an_asynchronous_call_is_accepted_at_once_and_runs_later,
        a_full_queue_asks_to_come_back,
        a_call_that_does_not_end_is_answered_504_without_its_thread,
        an_invocation_that_does_not_end_is_finished_without_its_thread,
        calls_that_the_server_reads_are_answered_by_whoever_runs_them_late_ones_with_504,
        a_worker_is_opened_anew_after_its_number_of_calls,
        a_request_that_does_not_get_ready_in_time_is_408,
        draining_ends_idle_connections_and_busy_ones_after_their_answer,
    };

    return check_main("invoke.worker", tests, sizeof(tests) / sizeof(tests[0]));
}
