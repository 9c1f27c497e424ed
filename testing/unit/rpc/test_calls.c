/* The module as it is loaded, against nodes over real TLS. */
#include "base/clock.h"
#include "rpc/fred.h"

#include "check_main.h"
#include "fred_cluster.h"

#include <arpa/inet.h>
#include <enoki/tls.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_MS 60000

static struct rig {
    char folder[40];
    struct fred_cluster cluster;
    const struct en_fred_api *api;
    struct en_fred_client *client;
    struct enoki_tls *tls;
    struct enoki_error err;
} rig;

static void start(void)
{
    (void)snprintf(rig.folder, sizeof(rig.folder), "/tmp/enoki-rpc-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(rig.folder));
    fred_cluster_start(&rig.cluster, rig.folder, 1, "sync");
    ck_assert_msg(en_fred_api_load(&rig.api, &rig.err) == 0, "%s", rig.err.message);
    ck_assert_int_eq(rig.api->client_new(&rig.client, NULL, &rig.err), 0);
    ck_assert_int_eq(enoki_tls_load(&rig.tls, rig.cluster.certs, "alice", &rig.err), 0);
}

static void stop(void)
{
    char command[80];

    rig.api->client_free(rig.client);
    enoki_tls_free(rig.tls);
    fred_cluster_stop(&rig.cluster);
    (void)snprintf(command, sizeof(command), "rm -rf %s", rig.folder);
    ck_assert_int_eq(system(command), 0);
}

static struct en_fred_link *link_with_ca(const char *address, const char *ca)
{
    const struct en_fred_identity identity = {ca, enoki_tls_certificate(rig.tls),
                                              enoki_tls_key(rig.tls)};
    struct en_fred_link *link;

    ck_assert_int_eq(rig.api->link_new(&link, rig.client, address, &identity, &rig.err), 0);
    return link;
}

static struct en_fred_link *link_to(const char *address)
{
    return link_with_ca(address, enoki_tls_ca(rig.tls));
}

static struct en_fred_link *link_with_keygroup(void)
{
    struct en_fred_link *link = link_to(rig.cluster.addresses[0]);

    ck_assert_msg(rig.api->create_keygroup(link, en_clock_ms() + LONG_MS, "k", true, 0, &rig.err) ==
                      EN_FRED_OK,
                  "%s", rig.err.message);
    return link;
}

static enum en_fred_result put(struct en_fred_link *link, uint64_t within_ms, const char *value,
                               size_t len)
{
    const struct en_fred_write write = {"k", "x", value, len, NULL, 0};
    struct en_buffer made = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
    enum en_fred_result result =
        rig.api->write(link, en_clock_ms() + within_ms, &write, &made, &rig.err);

    en_buffer_fini(&made);
    return result;
}

START_TEST(what_is_written_is_read_scanned_and_removed)
{
    struct en_fred_link *link;
    struct en_fred_items items;
    struct en_fred_write removal = {"k", "x", NULL, 0, NULL, 0};
    struct en_buffer made = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);

    start();
    link = link_with_keygroup();
    ck_assert_int_eq(put(link, LONG_MS, "hello", 5), EN_FRED_OK);
    ck_assert_int_eq(rig.api->read(link, en_clock_ms() + LONG_MS, "k", "x", &items, &rig.err),
                     EN_FRED_OK);
    ck_assert_uint_eq(items.count, 1);
    ck_assert_mem_eq(items.items[0].value, "hello", 5);
    rig.api->items_free(&items);
    ck_assert_int_eq(rig.api->write(link, en_clock_ms() + LONG_MS, &removal, &made, &rig.err),
                     EN_FRED_OK);
    for (int with_values = 0; with_values < 2; with_values++) {
        ck_assert_int_eq(rig.api->scan(link, en_clock_ms() + LONG_MS, "k", "x", 10,
                                       with_values != 0, &items, &rig.err),
                         EN_FRED_OK);
        ck_assert_uint_eq(items.count, 1);
        ck_assert_uint_eq(items.items[0].value_len, 0);
        ck_assert_uint_eq(items.items[0].version.len, made.len);
        ck_assert_mem_eq(items.items[0].version.bytes, made.data, made.len);
        rig.api->items_free(&items);
    }
    ck_assert_int_eq(rig.api->read(link, en_clock_ms() + LONG_MS, "k", "x", &items, &rig.err),
                     EN_FRED_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(rig.err.message, "item x not found in keygroup k"));
    en_buffer_fini(&made);
    rig.api->link_free(link);
    stop();
}
END_TEST

START_TEST(keygroups_members_and_users_are_managed)
{
    const uint64_t deadline = en_clock_ms() + LONG_MS;
    struct en_fred_replicas list;
    struct en_fred_link *link;

    start();
    link = link_with_keygroup();
    ck_assert_int_eq(rig.api->create_keygroup(link, deadline, "k", true, 0, &rig.err),
                     EN_FRED_FAILED);
    ck_assert_int_eq(rig.api->keygroup_info(link, deadline, "k", &list, &rig.err), EN_FRED_OK);
    ck_assert(list.is_mutable);
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(list.replicas[0].node, "nodeA");
    ck_assert_str_eq(list.replicas[0].host, rig.cluster.addresses[0]);
    rig.api->replicas_free(&list);
    ck_assert_int_eq(rig.api->all_nodes(link, deadline, &list, &rig.err), EN_FRED_OK);
    ck_assert_uint_eq(list.count, 1);
    rig.api->replicas_free(&list);
    ck_assert_int_eq(rig.api->add_user(link, deadline, "bob", "k", EN_FRED_READ_KEYGROUP, &rig.err),
                     EN_FRED_OK);
    ck_assert_int_eq(
        rig.api->remove_user(link, deadline, "bob", "k", EN_FRED_READ_KEYGROUP, &rig.err),
        EN_FRED_OK);
    ck_assert_int_eq(rig.api->add_replica(link, deadline, "k", "nobody", 0, &rig.err),
                     EN_FRED_FAILED);
    ck_assert_int_eq(rig.api->remove_replica(link, deadline, "k", "nobody", &rig.err),
                     EN_FRED_FAILED);
    ck_assert_int_eq(rig.api->append(link, deadline, "k", 1, "v", 1, &rig.err), EN_FRED_OTHER_KIND);
    ck_assert_int_eq(rig.api->delete_keygroup(link, deadline, "k", &rig.err), EN_FRED_OK);
    ck_assert_int_eq(rig.api->create_keygroup(link, deadline, "a", false, 0, &rig.err), EN_FRED_OK);
    ck_assert_int_eq(rig.api->append(link, deadline, "a", 1, "v", 1, &rig.err), EN_FRED_OK);
    rig.api->link_free(link);
    stop();
}
END_TEST

START_TEST(a_long_value_passes_and_a_longer_one_is_refused_before_it_is_sent)
{
    struct en_fred_link *link;
    struct en_fred_items items;
    char *value = malloc(4194304);

    ck_assert_ptr_nonnull(value);
    memset(value, 'v', 4194304);
    start();
    link = link_with_keygroup();
    ck_assert_int_eq(put(link, LONG_MS, value, 4194304), EN_FRED_TOO_LARGE);
    ck_assert_msg(put(link, LONG_MS, value, 3000000) == EN_FRED_OK, "%s", rig.err.message);
    ck_assert_int_eq(rig.api->read(link, en_clock_ms() + LONG_MS, "k", "x", &items, &rig.err),
                     EN_FRED_OK);
    ck_assert_uint_eq(items.items[0].value_len, 3000000);
    ck_assert_mem_eq(items.items[0].value, value, 3000000);
    rig.api->items_free(&items);
    free(value);
    rig.api->link_free(link);
    stop();
}
END_TEST

/* A port of this host that listens, or one where nobody does. */
static int port(bool listens, char *address, size_t room)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    if (listens)
        ck_assert_int_eq(listen(fd, 8), 0);
    (void)snprintf(address, room, "127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

START_TEST(a_dead_port_is_known_at_once)
{
    char address[32];
    const uint64_t from = en_clock_ms();
    int fd = port(false, address, sizeof(address));
    struct en_fred_link *link;

    start();
    link = link_to(address);
    ck_assert_int_eq(put(link, LONG_MS, "v", 1), EN_FRED_UNREACHABLE);
    ck_assert_int_eq(rig.err.status, ENOKI_EUNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(rig.err.message, address));
    ck_assert_ptr_nonnull(strstr(rig.err.message, "is the node running"));
    ck_assert_uint_lt(en_clock_ms() - from, LONG_MS / 2);
    rig.api->link_free(link);
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(a_node_that_takes_connections_but_says_nothing_was_certainly_not_sent_a_write)
{
    char address[32];
    int fd = port(true, address, sizeof(address));
    struct en_fred_link *link;

    start();
    link = link_to(address);
    ck_assert_int_eq(put(link, 200, "v", 1), EN_FRED_UNREACHABLE);
    ck_assert_ptr_nonnull(strstr(rig.err.message, "no connection in time"));
    rig.api->link_free(link);
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(a_node_of_another_ca_is_not_spoken_to)
{
    char other[60];
    struct enoki_tls *tls;
    struct en_fred_link *link;

    start();
    (void)snprintf(other, sizeof(other), "%s/other", rig.folder);
    ck_assert_int_eq(enoki_tls_init(other, NULL, &rig.err), 0);
    ck_assert_int_eq(enoki_tls_issue(other, "alice", NULL, &rig.err), 0);
    ck_assert_int_eq(enoki_tls_load(&tls, other, "alice", &rig.err), 0);
    link = link_with_ca(rig.cluster.addresses[0], enoki_tls_ca(tls));
    ck_assert_int_eq(put(link, LONG_MS, "v", 1), EN_FRED_UNREACHABLE);
    ck_assert_msg(strstr(rig.err.message, "one CA") != NULL, "%s", rig.err.message);
    rig.api->link_free(link);
    enoki_tls_free(tls);
    stop();
}
END_TEST

START_TEST(a_node_with_a_certificate_for_another_host_is_not_spoken_to)
{
    struct enoki_tls_options options = ENOKI_TLS_OPTIONS_INIT;
    static const char *const sans[] = {"10.0.0.1"};
    struct en_fred_link *link;

    options.sans = sans;
    options.san_count = 1;
    start();
    ck_assert_int_eq(enoki_tls_issue(rig.cluster.certs, "elsewhere", &options, &rig.err), 0);
    fred_cluster_control(&rig.cluster, "certificate nodeA elsewhere");
    link = link_to(rig.cluster.addresses[0]);
    ck_assert_int_eq(put(link, LONG_MS, "v", 1), EN_FRED_UNREACHABLE);
    ck_assert_msg(strstr(rig.err.message, "--san") != NULL, "%s", rig.err.message);
    rig.api->link_free(link);
    stop();
}
END_TEST

/* The loss of a connection may show only in the next calls. */
static void await_connection(struct en_fred_link *link)
{
    uint64_t end = en_clock_ms() + LONG_MS;
    enum en_fred_result result;

    while ((result = put(link, LONG_MS, "v", 1)) != EN_FRED_OK)
        ck_assert_msg(en_clock_ms() < end &&
                          (result == EN_FRED_LOST || result == EN_FRED_UNREACHABLE),
                      "%d, %s", result, rig.err.message);
}

START_TEST(answers_that_do_not_come_or_are_none_leave_a_write_uncertain)
{
    static const struct {
        const char *fault;
        uint64_t within_ms;
        enum en_fred_result results[2];
    } rows[] = {
        {"fault nodeA Update hang", 200, {EN_FRED_TIMEOUT, EN_FRED_TIMEOUT}},
        {"fault nodeA Update malformed", LONG_MS, {EN_FRED_BROKEN, EN_FRED_BROKEN}},
        {"fault nodeA Update lost", LONG_MS, {EN_FRED_LOST, EN_FRED_BROKEN}},
        {"fault nodeA Update reset", LONG_MS, {EN_FRED_LOST, EN_FRED_BROKEN}},
        {"fault nodeA Update error 2:error updating item",
         LONG_MS,
         {EN_FRED_REFUSED, EN_FRED_REFUSED}},
    };
    struct en_fred_link *link;

    start();
    link = link_with_keygroup();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum en_fred_result result;

        await_connection(link);
        fred_cluster_control(&rig.cluster, rows[i].fault);
        result = put(link, rows[i].within_ms, "v", 1);
        ck_assert_msg(result == rows[i].results[0] || result == rows[i].results[1], "%s: %d, %s",
                      rows[i].fault, result, rig.err.message);
        fred_cluster_control(&rig.cluster, "fault clear");
    }
    await_connection(link);
    rig.api->link_free(link);
    stop();
}
END_TEST

static void *put_in_thread(void *link)
{
    return (void *)(uintptr_t)put(link, LONG_MS, "v", 1);
}

/* A write that the node has got when its connection breaks. */
START_TEST(a_connection_that_breaks_under_a_write_leaves_it_uncertain)
{
    struct en_fred_link *link;
    struct en_fred_items items;
    pthread_t thread;
    void *result;

    start();
    link = link_with_keygroup();
    fred_cluster_control(&rig.cluster, "fault nodeA Update hang");
    ck_assert_int_eq(pthread_create(&thread, NULL, put_in_thread, link), 0);
    /* Calls of one connection arrive in order, but this thread may be the first: either way the
     * write is never answered. */
    ck_assert_int_eq(rig.api->read(link, en_clock_ms() + LONG_MS, "k", "x", &items, NULL),
                     EN_FRED_NOT_FOUND);
    fred_cluster_stop(&rig.cluster);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_msg((uintptr_t)result == EN_FRED_LOST || (uintptr_t)result == EN_FRED_UNREACHABLE,
                  "%d %s", (int)(uintptr_t)result, rig.err.message);
    rig.api->link_free(link);
    stop();
}
END_TEST

struct caller {
    struct en_fred_link *link;
    pthread_t thread;
    char id[8];
};

static void *call_often(void *context)
{
    struct caller *caller = context;
    struct enoki_error err = ENOKI_ERROR_INIT;

    for (int i = 0; i < 50; i++) {
        const struct en_fred_write write = {"k", caller->id, "v", 1, NULL, 0};
        struct en_buffer made = EN_BUFFER_INIT(EN_VERSION_MAX_BYTES);
        struct en_fred_items items;
        uint64_t deadline = en_clock_ms() + LONG_MS;

        if (rig.api->write(caller->link, deadline, &write, &made, &err) != EN_FRED_OK ||
            rig.api->read(caller->link, deadline, "k", caller->id, &items, &err) != EN_FRED_OK)
            return "failed";
        rig.api->items_free(&items);
        en_buffer_fini(&made);
    }
    return NULL;
}

START_TEST(many_threads_call_over_one_link)
{
    struct caller callers[8];
    struct en_fred_link *link;

    start();
    link = link_with_keygroup();
    for (size_t i = 0; i < 8; i++) {
        callers[i].link = link;
        (void)snprintf(callers[i].id, sizeof(callers[i].id), "x%zu", i);
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *failure;

        ck_assert_int_eq(pthread_join(callers[i].thread, &failure), 0);
        ck_assert_ptr_null(failure);
    }
    rig.api->link_free(link);
    stop();
}
END_TEST

START_TEST(a_node_that_comes_back_is_reached_again_over_the_same_link)
{
    enum en_fred_result result = EN_FRED_UNREACHABLE;
    const uint64_t until = en_clock_ms() + LONG_MS;
    struct en_fred_link *link;

    start();
    link = link_with_keygroup();
    fred_cluster_control(&rig.cluster, "restart nodeA");
    while (result != EN_FRED_OK && en_clock_ms() < until)
        result = put(link, LONG_MS, "v", 1);
    ck_assert_msg(result == EN_FRED_OK, "%s", rig.err.message);
    rig.api->link_free(link);
    stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_is_written_is_read_scanned_and_removed,
        keygroups_members_and_users_are_managed,
        a_long_value_passes_and_a_longer_one_is_refused_before_it_is_sent,
        a_dead_port_is_known_at_once,
        a_node_that_takes_connections_but_says_nothing_was_certainly_not_sent_a_write,
        a_node_of_another_ca_is_not_spoken_to,
        a_node_with_a_certificate_for_another_host_is_not_spoken_to,
        answers_that_do_not_come_or_are_none_leave_a_write_uncertain,
        a_connection_that_breaks_under_a_write_leaves_it_uncertain,
        many_threads_call_over_one_link,
        a_node_that_comes_back_is_reached_again_over_the_same_link,
    };

    return check_main("calls", tests, sizeof(tests) / sizeof(tests[0]));
}
