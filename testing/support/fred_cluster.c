#include "fred_cluster.h"

#include <enoki/tls.h>

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const node_names[FRED_NODES_MAX] = {"nodeA", "nodeB", "nodeC"};

static void make_certificates(const struct fred_cluster *cluster)
{
    static const char *const names[] = {"nodeA", "nodeB", "nodeC", "admin", "alice", "bob"};
    static const char *const sans[] = {"127.0.0.1", "localhost"};
    struct enoki_tls_options options = ENOKI_TLS_OPTIONS_INIT;
    struct enoki_error err = ENOKI_ERROR_INIT;

    options.sans = sans;
    options.san_count = 2;
    ck_assert_msg(enoki_tls_init(cluster->certs, NULL, &err) == 0, "%s", err.message);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_msg(enoki_tls_issue(cluster->certs, names[i], &options, &err) == 0, "%s",
                      err.message);
}

/* The child; never returns. */
static void run_double(const struct fred_cluster *cluster, const char *replication, int errors)
{
    char ca[220], nodes[FRED_NODES_MAX][40];
    const char *arguments[32] = {FRED_DOUBLE,      "--ca",          ca,
                                 "--certs",        cluster->certs,  "--control",
                                 cluster->control, "--replication", replication};
    size_t count = 9;

    (void)snprintf(ca, sizeof(ca), "%s/ca.crt", cluster->certs);
    for (size_t i = 0; i < cluster->count; i++) {
        (void)snprintf(nodes[i], sizeof(nodes[i]), "%s=127.0.0.1:0", node_names[i]);
        arguments[count++] = "--node";
        arguments[count++] = nodes[i];
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(errors, STDERR_FILENO);
    (void)execv(FRED_DOUBLE, (char **)(uintptr_t)arguments);
    _exit(127);
}

static void read_addresses(struct fred_cluster *cluster, FILE *lines)
{
    char line[200];

    for (size_t i = 0; i < cluster->count;) {
        char name[32], address[32];

        ck_assert_msg(fgets(line, sizeof(line), lines) != NULL, "fred-double did not start");
        if (sscanf(line, "ready: %31[^=]=%31s", name, address) != 2)
            continue;
        ck_assert_str_eq(name, node_names[i]);
        (void)snprintf(cluster->addresses[i], sizeof(cluster->addresses[i]), "%s", address);
        i++;
    }
}

void fred_cluster_start(struct fred_cluster *cluster, const char *folder, size_t count,
                        const char *replication)
{
    int errors[2];
    FILE *lines;

    memset(cluster, 0, sizeof(*cluster));
    cluster->count = count;
    (void)snprintf(cluster->certs, sizeof(cluster->certs), "%s/certs", folder);
    (void)snprintf(cluster->control, sizeof(cluster->control), "%s/control", folder);
    make_certificates(cluster);
    ck_assert_int_eq(pipe(errors), 0);
    cluster->pid = fork();
    ck_assert_int_ge(cluster->pid, 0);
    if (cluster->pid == 0)
        run_double(cluster, replication, errors[1]);
    (void)close(errors[1]);
    lines = fdopen(errors[0], "r");
    ck_assert_ptr_nonnull(lines);
    read_addresses(cluster, lines);
    (void)fclose(lines);
}

void fred_cluster_stop(struct fred_cluster *cluster)
{
    if (cluster->pid > 0) {
        (void)kill(cluster->pid, SIGTERM);
        (void)waitpid(cluster->pid, NULL, 0);
    }
    cluster->pid = 0;
}

void fred_cluster_control(const struct fred_cluster *cluster, const char *line)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[300] = "";
    FILE *file;

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", cluster->control);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    file = fdopen(fd, "r+");
    ck_assert_ptr_nonnull(file);
    (void)fprintf(file, "%s\n", line);
    (void)fflush(file);
    ck_assert_ptr_nonnull(fgets(answer, sizeof(answer), file));
    (void)fclose(file);
    ck_assert_msg(strcmp(answer, "ok\n") == 0, "%s: %s", line, answer);
}

void fred_cluster_uri(const struct fred_cluster *cluster, size_t node, const char *user,
                      const char *more, char *out, size_t room)
{
    (void)snprintf(out, room, "fred://%s?tls=%s&user=%s%s", cluster->addresses[node],
                   cluster->certs, user, more);
}
