/* fred-double: nodes that speak FReD's client API, in one process, to test against. See README.md.
 */
#include "control.h"
#include "server.h"
#include "trigger.h"

#include <argp.h>
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PEM_MAX_BYTES 65536

/* A node with what serves it. */
struct place {
    struct node *node;
    struct server *server;
    char *address; /* with the real port */
    char *name;    /* of its certificate */
    char *certificate;
    char *key;
    bool is_advertised; /* publishes an address that a test has given */
};

struct program {
    struct cluster cluster;
    struct faults *faults;
    struct living living;
    pthread_mutex_t controlling; /* held while a command runs, and from the end's begin on */
    struct place places[NODES_MAX];
    size_t count;
    const char *specs[NODES_MAX];
    const char *ca_path;
    const char *folder;
    const char *control;
    bool is_async;
    bool skips_source_check;
    char *ca;
};

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = need(calloc(1, PEM_MAX_BYTES));

    if (file == NULL || fread(text, 1, PEM_MAX_BYTES - 1, file) == 0) {
        (void)fprintf(stderr, "fred-double: cannot read '%s': %s\n", path, strerror(errno));
        if (file != NULL)
            (void)fclose(file);
        free(text);
        return NULL;
    }
    (void)fclose(file);
    return text;
}

static char *read_in_folder(const struct program *program, const char *name, const char *ending)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s.%s", program->folder, name, ending);
    return read_file(path);
}

static bool load(const struct program *program, struct place *place, const char *name)
{
    char *certificate = read_in_folder(program, name, "crt");
    char *key = read_in_folder(program, name, "key");

    if (certificate == NULL || key == NULL) {
        free(certificate);
        free(key);
        return false;
    }
    free(place->certificate);
    free(place->key);
    free(place->name);
    place->certificate = certificate;
    place->key = key;
    place->name = duplicate(name, strlen(name));
    return true;
}

/* The port of a server that was just stopped may need a moment. */
#define START_TRIES 250
#define START_PAUSE_US 20000

static bool start(struct program *program, struct place *place)
{
    const struct server_options options = {
        .cluster = &program->cluster,
        .node = place->node,
        .faults = program->faults,
        .living = &program->living,
        .address = place->address,
        .ca = program->ca,
        .certificate = place->certificate,
        .key = place->key,
        .skips_source_check = program->skips_source_check,
    };
    char *colon = strrchr(place->address, ':');
    int port = 0;

    for (int i = 0; i < START_TRIES && place->server == NULL; i++) {
        place->server = server_start(&options, &port);
        if (place->server == NULL)
            (void)usleep(START_PAUSE_US);
    }
    if (place->server == NULL || colon == NULL)
        return false;
    *colon = '\0';
    colon = place->address;
    if (asprintf(&place->address, "%s:%d", colon, port) < 0)
        need(NULL);
    free(colon);
    (void)pthread_mutex_lock(&program->cluster.lock);
    if (!place->is_advertised) {
        free(place->node->host);
        place->node->host = duplicate(place->address, strlen(place->address));
    }
    place->node->is_up = true;
    (void)pthread_mutex_unlock(&program->cluster.lock);
    return true;
}

static void stop(struct program *program, struct place *place)
{
    (void)pthread_mutex_lock(&program->cluster.lock);
    place->node->is_up = false;
    (void)pthread_mutex_unlock(&program->cluster.lock);
    server_stop(place->server);
    place->server = NULL;
}

/* --- control -----------------------------------------------------------------------------------
 */

static struct place *find(struct program *program, const char *name)
{
    for (size_t i = 0; name != NULL && i < program->count; i++)
        if (strcmp(program->places[i].node->id, name) == 0)
            return &program->places[i];
    return NULL;
}

static void forget_data(struct program *program, struct place *place)
{
    (void)pthread_mutex_lock(&program->cluster.lock);
    node_forget(place->node);
    (void)pthread_mutex_unlock(&program->cluster.lock);
}

static const char *advertise(struct program *program, struct place *place, const char *host)
{
    if (host == NULL)
        return "write advertise NODE HOST:PORT";
    (void)pthread_mutex_lock(&program->cluster.lock);
    free(place->node->host);
    place->node->host = duplicate(host, strlen(host));
    place->is_advertised = true;
    (void)pthread_mutex_unlock(&program->cluster.lock);
    return NULL;
}

/* What a node does while it runs. */
static const char *control_running(struct program *program, struct place *place, const char *word,
                                   const char *rest)
{
    if (strcmp(word, "advertise") == 0)
        return advertise(program, place, rest);
    if (place->server == NULL)
        return "the node is stopped";
    if (strcmp(word, "drop") == 0)
        server_silence(place->server);
    else
        server_heal(place->server);
    return NULL;
}

static const char *control_node(struct program *program, const char *word, char *rest)
{
    char *name = strsep(&rest, " ");
    struct place *place = find(program, name);

    if (place == NULL)
        return "there is no such node";
    if (strcmp(word, "advertise") == 0 || strcmp(word, "drop") == 0 || strcmp(word, "heal") == 0)
        return control_running(program, place, word, rest);
    if (strcmp(word, "certificate") == 0 && (rest == NULL || !load(program, place, rest)))
        return "there is no such certificate";
    if (strcmp(word, "start") != 0 && place->server != NULL)
        stop(program, place);
    if (strcmp(word, "fresh") == 0)
        forget_data(program, place);
    if (strcmp(word, "stop") != 0 && place->server == NULL && !start(program, place))
        return "the node's port is taken";
    return NULL;
}

static const char *control_link(struct program *program, const char *word, const char *rest)
{
    struct cluster *cluster = &program->cluster;
    const char *complaint = NULL;

    (void)pthread_mutex_lock(&cluster->lock);
    if (strcmp(word, "hold") == 0)
        cluster->is_held = true;
    else if (strcmp(word, "release") == 0)
        cluster->is_held = false;
    else if (strcmp(word, "cut") == 0)
        cluster->is_cut = true;
    else if (strcmp(word, "join") == 0)
        cluster->is_cut = false;
    else if (strcmp(word, "lag") == 0 && rest != NULL)
        cluster->lag_ms = strtoull(rest, NULL, 10);
    else
        complaint = "hold, release, cut, join, lag MS, restart|fresh|stop|start|drop|heal NODE, "
                    "certificate NODE NAME, advertise NODE HOST:PORT, fault ... or fault clear";
    (void)pthread_cond_signal(&cluster->changed);
    (void)pthread_mutex_unlock(&cluster->lock);
    return complaint;
}

/* Faults end, also those that stay with a connection. */
static void clear_faults(struct program *program)
{
    faults_clear(program->faults);
    for (size_t i = 0; i < program->count; i++)
        if (program->places[i].server != NULL)
            server_heal(program->places[i].server);
}

static const char *control_line(struct program *program, char *line)
{
    static const char *const of_nodes[] = {"restart", "fresh", "stop",        "start",
                                           "drop",    "heal",  "certificate", "advertise"};
    char *rest = line;
    char *word = strsep(&rest, " ");

    for (size_t i = 0; i < sizeof(of_nodes) / sizeof(of_nodes[0]); i++)
        if (strcmp(word, of_nodes[i]) == 0)
            return control_node(program, word, rest);
    if (strcmp(word, "fault") == 0 && rest != NULL) {
        if (strcmp(rest, "clear") != 0)
            return faults_add(program->faults, rest);
        clear_faults(program);
        return NULL;
    }
    return control_link(program, word, rest);
}

static const char *control(void *context, char *line)
{
    struct program *program = context;
    const char *complaint;

    (void)pthread_mutex_lock(&program->controlling);
    complaint = control_line(program, line);
    (void)pthread_mutex_unlock(&program->controlling);
    return complaint;
}

/* --- life --------------------------------------------------------------------------------------
 */

static bool add_node(struct program *program, const char *spec)
{
    const char *equals = strchr(spec, '=');
    struct cluster *cluster = &program->cluster;
    struct place *place = &program->places[program->count];
    struct node *node = &cluster->nodes[cluster->node_count];

    if (equals == NULL || strchr(equals, ':') == NULL) {
        (void)fprintf(stderr, "fred-double: --node '%s': write NAME=ADDRESS:PORT\n", spec);
        return false;
    }
    node->id = duplicate(spec, (size_t)(equals - spec));
    node->host = duplicate("", 0);
    node->locals = table_new();
    place->node = node;
    place->address = duplicate(equals + 1, strlen(equals + 1));
    if (!load(program, place, node->id))
        return false;
    cluster->node_count++;
    program->count++;
    if (!start(program, place)) {
        (void)fprintf(stderr, "fred-double: cannot listen on %s\n", place->address);
        return false;
    }
    return true;
}

static const struct argp_option options[] = {
    {"node", 'n', "NAME=ADDR:PORT", 0,
     "A node; port 0: any free one. NAME.crt and NAME.key serve it", 0},
    {"ca", 'c', "FILE", 0, "The CA's certificate", 0},
    {"certs", 'd', "DIR", 0, "Where certificates and keys are", 0},
    {"replication", 'r', "sync|async", 0, "Whether a write waits for the other nodes (sync)", 0},
    {"control", 's', "SOCKET", 0, "Where `fred-double control SOCKET ...` reaches it", 0},
    {"skip-verify", 'k', NULL, 0, "Any address may use any certificate", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct program *program = state->input;

    switch (key) {
    case 'n':
        if (program->count == NODES_MAX)
            argp_error(state, "at most %d nodes", NODES_MAX);
        program->specs[program->count++] = arg;
        return 0;
    case 'c':
        program->ca_path = arg;
        return 0;
    case 'd':
        program->folder = arg;
        return 0;
    case 'r':
        if (strcmp(arg, "sync") != 0 && strcmp(arg, "async") != 0)
            argp_error(state, "--replication '%s': sync or async", arg);
        program->is_async = strcmp(arg, "async") == 0;
        return 0;
    case 's':
        program->control = arg;
        return 0;
    case 'k':
        program->skips_source_check = true;
        return 0;
    case ARGP_KEY_END:
        if (program->count == 0 || program->ca_path == NULL || program->folder == NULL)
            argp_error(state, "--node, --ca and --certs are required");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool run(struct program *program)
{
    size_t count = program->count;
    bool ok = true;

    program->count = 0;
    program->ca = read_file(program->ca_path);
    if (program->ca == NULL)
        return false;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_node(program, program->specs[i]);
    if (!ok)
        return false;
    /* Triggers are called as the first node. */
    trigger_init(program->ca, program->places[0].certificate, program->places[0].key);
    if (program->control != NULL) {
        int rc = control_serve(program->control, control, program);

        if (rc != 0) {
            (void)fprintf(stderr, "fred-double: --control '%s': %s\n", program->control,
                          strerror(rc));
            return false;
        }
    }
    for (size_t i = 0; i < program->count; i++)
        (void)fprintf(stderr, "ready: %s=%s\n", program->places[i].node->id,
                      program->places[i].address);
    return true;
}

#define END_LIMIT_S 5

/* Everything is released, so that a sanitizer can tell what is not. False: calls are still delayed.
 */
static bool end(struct program *program)
{
    (void)pthread_mutex_lock(&program->controlling);
    cluster_end(&program->cluster);
    for (size_t i = 0; i < program->count; i++)
        server_stop(program->places[i].server);
    if (!living_wait(&program->living, END_LIMIT_S))
        return false;
    grpc_shutdown_blocking();
    trigger_end();
    cluster_free(&program->cluster);
    faults_free(program->faults);
    for (size_t i = 0; i < program->count; i++) {
        free(program->places[i].address);
        free(program->places[i].name);
        free(program->places[i].certificate);
        free(program->places[i].key);
    }
    free(program->ca);
    return true;
}

static void drop_line(gpr_log_func_args *args)
{
    (void)args;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "\ncontrol SOCKET COMMAND...",
                                     "Nodes that speak FReD's client API, to test against.\v"
                                     "Exit status: 0, 1 for a failure, 2 for a usage error.",
                                     NULL,
                                     NULL,
                                     NULL};
    static struct program program = {
        .living = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER},
        .controlling = PTHREAD_MUTEX_INITIALIZER,
    };
    sigset_t ending;
    int signal_number;

    if (argc > 3 && strcmp(argv[1], "control") == 0)
        return control_send(argv[2], argv + 3, (size_t)argc - 3);
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &program) != 0)
        return 2;
    /* A test that is killed takes its nodes along. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&ending);
    (void)sigaddset(&ending, SIGTERM);
    (void)sigaddset(&ending, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ending, NULL);
    if (getenv("GRPC_VERBOSITY") == NULL)
        gpr_set_log_function(drop_line);
    grpc_init();
    cluster_new(&program.cluster, program.is_async);
    program.faults = faults_new();
    if (!run(&program))
        return 1;
    (void)sigwait(&ending, &signal_number);
    /* What hangs longer than a test would wait ends with the process. */
    if (!end(&program))
        _exit(0);
    return 0;
}
