#include "deploy.h"

#include "digest.h"

#include "base/checked.h"
#include "base/clock.h"
#include "config/check.h"
#include "config/units.h"

#include <errno.h>
#include <json.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define DEPTH_MAX 16
#define WORKERS_MAX 4096
#define INSTANCES_MAX 64
#define VARIABLES_MAX 1000u
#define SECRETS_MAX 64u

struct deploy_request {
    struct deployment deployment;
    json_object *json;
    unsigned char *zip;
    size_t zip_len;
    struct en_arena arena;
};

static json_object *member(json_object *object, const char *key)
{
    json_object_object_foreach(object, name, value)
    {
        if (strcasecmp(name, key) == 0)
            return value;
    }
    return NULL;
}

const char *deploy_text(json_object *object, const char *key)
{
    json_object *value = member(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

bool deploy_is_true(json_object *object, const char *key)
{
    json_object *value = member(object, key);

    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

/* A key that is there has its type, or is null. */
static int check_type(json_object *object, const char *key, json_type type, struct enoki_error *err)
{
    json_object *value = member(object, key);

    if (value == NULL || json_object_is_type(value, type))
        return 0;
    return enoki_error_set(err, ENOKI_EPROTO, "'%s' is of type %s; allowed: %s", key,
                           json_type_to_name(json_object_get_type(value)), json_type_to_name(type));
}

static int check_types(json_object *object, struct enoki_error *err)
{
    static const struct {
        const char *key;
        json_type type;
    } keys[] = {{"name", json_type_string},    {"env", json_type_string},
                {"threads", json_type_int},    {"zip", json_type_string},
                {"envs", json_type_array},     {"runtime", json_type_string},
                {"timeout", json_type_string}, {"workers", json_type_string},
                {"secrets", json_type_object}, {"url", json_type_string},
                {"subfolder_path", json_type_string},
                {"instances", json_type_string}, {"async", json_type_string}};
    int rc = 0;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && rc == 0; i++)
        rc = check_type(object, keys[i].key, keys[i].type, err);
    return rc;
}

static int take_name(struct deploy_request *request, struct enoki_error *err)
{
    struct deployment *deployment = &request->deployment;
    const char *complaint;

    deployment->name = deploy_text(request->json, "name");
    deployment->env = deploy_text(request->json, "env");
    deployment->runtime = deploy_text(request->json, "runtime");
    deployment->subfolder = "";
    if (deployment->name == NULL || deployment->env == NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "'name' and 'env' are needed");
    complaint = en_check_function_name(deployment->name);
    if (complaint != NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "name '%.60s'; allowed: %s", deployment->name,
                               complaint);
    if (deployment->runtime != NULL && strcmp(deployment->runtime, "thread") != 0 &&
        strcmp(deployment->runtime, "prefork") != 0 && strcmp(deployment->runtime, "process") != 0)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "runtime '%.60s'; allowed: thread, prefork, process",
                               deployment->runtime);
    return 0;
}

/* "N" or "MIN-MAX". */
static bool parse_range(const char *text, uint32_t most, uint32_t *min_out, uint32_t *max_out)
{
    const char *dash = strchr(text, '-');
    const char *last = dash == NULL ? text : dash + 1;
    size_t first_len = dash == NULL ? strlen(text) : (size_t)(dash - text);
    uint64_t min, max;

    if (!en_parse_u64(text, first_len, most, &min) ||
        !en_parse_u64(last, strlen(last), most, &max) || max == 0 || min > max)
        return false;
    *min_out = (uint32_t)min;
    *max_out = (uint32_t)max;
    return true;
}

static int take_instances(struct deploy_request *request, struct enoki_error *err)
{
    struct deployment *deployment = &request->deployment;
    const char *text = deploy_text(request->json, "instances");
    const char *async = deploy_text(request->json, "async");

    if (text != NULL && !parse_range(text, INSTANCES_MAX, &deployment->instances_min,
                                     &deployment->instances_max))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "instances '%.40s'; allowed: N or MIN-MAX, at most %d", text,
                               INSTANCES_MAX);
    if (async != NULL && strcmp(async, "memory") != 0 && strcmp(async, "durable") != 0)
        return enoki_error_set(err, ENOKI_EINVAL, "async '%.40s'; allowed: memory, durable",
                               async);
    deployment->is_durable = async != NULL && strcmp(async, "durable") == 0;
    return 0;
}

static int take_workers(struct deploy_request *request, struct enoki_error *err)
{
    const char *text = deploy_text(request->json, "workers");
    const char *timeout = deploy_text(request->json, "timeout");
    json_object *threads = member(request->json, "threads");
    int64_t number = threads == NULL ? 0 : json_object_get_int64(threads);
    uint64_t time_ms = 0;

    if (number < 0 || number > WORKERS_MAX)
        return enoki_error_set(err, ENOKI_EINVAL, "threads '%lld'; allowed: 0 to %d",
                               (long long)number, WORKERS_MAX);
    request->deployment.workers_min = (uint32_t)number;
    request->deployment.workers_max = (uint32_t)number;
    if (text != NULL && !parse_range(text, WORKERS_MAX, &request->deployment.workers_min,
                                     &request->deployment.workers_max))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "workers '%.40s'; allowed: N or MIN-MAX, at most %d", text,
                               WORKERS_MAX);
    if (timeout != NULL && (!en_unit_parse(EN_UNIT_DURATION, timeout, &time_ms) || time_ms == 0))
        return enoki_error_set(err, ENOKI_EINVAL, "timeout '%.40s'; allowed: such as \"5s\"",
                               timeout);
    request->deployment.timeout_ms = time_ms;
    return 0;
}

/* "K=V", split at the first '='; what has none is left out, as in the originals. */
static int take_variables(struct deploy_request *request, struct enoki_error *err)
{
    json_object *list = member(request->json, "envs");
    size_t count = list == NULL ? 0 : json_object_array_length(list);
    struct deployment *deployment = &request->deployment;

    if (count > VARIABLES_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT, "%zu envs; allowed: %u", count, VARIABLES_MAX);
    deployment->variables =
        en_arena_get(&request->arena, count + 1, sizeof(*deployment->variables));
    if (deployment->variables == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the envs");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        const char *equals = text == NULL ? NULL : strchr(text, '=');
        struct enoki_variable *variable = &deployment->variables[deployment->variable_count];
        const char *complaint;

        if (equals == NULL)
            continue;
        variable->name = en_arena_textf(&request->arena, "%.*s", (int)(equals - text), text);
        variable->value = equals + 1;
        if (variable->name == NULL)
            return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the envs");
        /* __KV_ names are ours, whoever sends them: the originals overwrite them too. */
        if (strncmp(variable->name, "__KV_", strlen("__KV_")) == 0)
            continue;
        complaint = en_check_variable_name(variable->name);
        if (complaint != NULL)
            return enoki_error_set(err, ENOKI_EINVAL, "envs '%.60s': %s", text, complaint);
        deployment->variable_count++;
    }
    return 0;
}

/* A plain file of the folder that the node's operator has named: nothing else of this machine. */
static bool is_secret_file(const char *name)
{
    return name != NULL && name[0] != '\0' && name[0] != '.' && strlen(name) < 200 &&
           strpbrk(name, "/\\") == NULL;
}

static int take_secret(struct deploy_request *request, const char *name, const char *file,
                       struct enoki_error *err)
{
    struct deployment *deployment = &request->deployment;
    const char *complaint = en_check_variable_name(name);

    if (complaint != NULL)
        return enoki_error_set(err, ENOKI_EINVAL, "secrets '%.60s': %s", name, complaint);
    if (!is_secret_file(file))
        return enoki_error_set(err, ENOKI_EINVAL,
                               "secrets '%.60s': '%.60s'; allowed: the name of a file in the "
                               "node's folder deploy.secrets",
                               name, file == NULL ? "" : file);
    for (size_t i = 0; i < deployment->variable_count; i++) {
        if (strcmp(deployment->variables[i].name, name) == 0)
            return enoki_error_set(err, ENOKI_EINVAL,
                                   "secrets '%.60s': it is in envs too; allowed: one of the two",
                                   name);
    }
    deployment->secrets[deployment->secret_count++] = (struct enoki_variable){name, file};
    return 0;
}

/* {"NAME": "FILE"}: the file is read whenever the function starts. */
static int take_secrets(struct deploy_request *request, struct enoki_error *err)
{
    json_object *object = member(request->json, "secrets");
    size_t count = object == NULL ? 0 : (size_t)json_object_object_length(object);
    int rc = 0;

    if (count == 0)
        return 0;
    if (count > SECRETS_MAX)
        return enoki_error_set(err, ENOKI_ELIMIT, "%zu secrets; allowed: %u", count, SECRETS_MAX);
    request->deployment.secrets =
        en_arena_get(&request->arena, count, sizeof(*request->deployment.secrets));
    if (request->deployment.secrets == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the secrets");
    json_object_object_foreach(object, name, value)
    {
        const char *file =
            json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;

        if (rc == 0)
            rc = take_secret(request, name, file, err);
    }
    return rc;
}

static int take_url(struct deploy_request *request, struct enoki_error *err)
{
    struct deployment *deployment = &request->deployment;
    const char *subfolder = deploy_text(request->json, "subfolder_path");

    deployment->url = deploy_text(request->json, "url");
    deployment->subfolder = subfolder == NULL ? "" : subfolder;
    return deployment->url != NULL ? 0 : enoki_error_set(err, ENOKI_EINVAL, "'url' is needed");
}

static int decode_zip(struct deploy_request *request, struct enoki_error *err)
{
    json_object *value = member(request->json, "zip");
    int len = value == NULL ? 0 : json_object_get_string_len(value);
    const unsigned char *text =
        value == NULL ? NULL : (const unsigned char *)json_object_get_string(value);
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    int got = 0, more = 0;
    bool is_good;

    request->zip = malloc((size_t)len / 4 * 3 + 64);
    if (context == NULL || request->zip == NULL) {
        EVP_ENCODE_CTX_free(context);
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the package");
    }
    EVP_DecodeInit(context);
    is_good = len > 0 && len % 4 == 0 &&
              EVP_DecodeUpdate(context, request->zip, &got, text, len) >= 0 &&
              EVP_DecodeFinal(context, request->zip + got, &more) >= 0;
    EVP_ENCODE_CTX_free(context);
    if (!is_good)
        return enoki_error_set(err, ENOKI_EINVAL,
                               "'zip' is not base64 (standard alphabet, padded, one line)");
    request->zip_len = (size_t)(got + more);
    return 0;
}

static void digest_variables(struct digest *digest, const struct enoki_variable *variables,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        digest_add_text(digest, variables[i].name);
        digest_add_text(digest, variables[i].value);
    }
    digest_add_text(digest, "");
}

/* Whatever changes what runs changes the version. */
static int make_version(struct deploy_request *request, struct enoki_error *err)
{
    struct deployment *deployment = &request->deployment;
    struct digest *digest = digest_new();
    char settings[256];

    (void)snprintf(settings, sizeof(settings), "%.60s %.20s %u %u %llu %u %u %d", deployment->env,
                   deployment->runtime == NULL ? "" : deployment->runtime, deployment->workers_min,
                   deployment->workers_max, (unsigned long long)deployment->timeout_ms,
                   deployment->instances_min, deployment->instances_max,
                   deployment->is_durable ? 1 : 0);
    if (digest != NULL) {
        digest_add_text(digest, settings);
        digest_add_text(digest, deployment->subfolder);
        digest_variables(digest, deployment->variables, deployment->variable_count);
        digest_variables(digest, deployment->secrets, deployment->secret_count);
        digest_add(digest, request->zip, request->zip_len);
    }
    if (digest_end(digest, deployment->version))
        return 0;
    return enoki_error_set(err, ENOKI_ENOMEM, "the package's digest cannot be made");
}

static void set_created(struct deployment *deployment)
{
    time_t now = (time_t)(en_clock_wall_ns() / 1000000000u);
    struct tm utc;

    (void)gmtime_r(&now, &utc);
    (void)strftime(deployment->created, sizeof(deployment->created), "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static int parse_json(json_object **out, const char *text, size_t len, struct enoki_error *err)
{
    json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);

    if (tokener == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the request");
    *out = len > INT_MAX ? NULL : json_tokener_parse_ex(tokener, text, (int)len);
    json_tokener_free(tokener);
    if (json_object_is_type(*out, json_type_object))
        return 0;
    json_object_put(*out);
    return enoki_error_set(err, ENOKI_EPROTO, "the request's body is no JSON object");
}

int deploy_parse(struct deploy_request **out, const char *text, size_t len, bool by_url,
                 struct enoki_error *err)
{
    struct deploy_request *request = calloc(1, sizeof(*request));
    int rc;

    if (request == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the request");
    rc = parse_json(&request->json, text, len, err);
    if (rc != 0) {
        free(request);
        return rc;
    }
    rc = check_types(request->json, err);
    if (rc == 0)
        rc = take_name(request, err);
    if (rc == 0)
        rc = take_workers(request, err);
    if (rc == 0)
        rc = take_instances(request, err);
    if (rc == 0)
        rc = take_variables(request, err);
    if (rc == 0)
        rc = take_secrets(request, err);
    if (rc == 0)
        rc = by_url ? take_url(request, err) : decode_zip(request, err);
    if (rc == 0 && !by_url)
        rc = make_version(request, err);
    if (rc != 0) {
        deploy_free(request);
        return rc;
    }
    set_created(&request->deployment);
    *out = request;
    return 0;
}

int deploy_set_package(struct deploy_request *request, struct en_buffer *package,
                       struct enoki_error *err)
{
    free(request->zip);
    request->zip = (unsigned char *)package->data;
    request->zip_len = package->len;
    *package = (struct en_buffer)EN_BUFFER_INIT(package->max);
    return make_version(request, err);
}

const struct deployment *deploy_get(const struct deploy_request *request, const void **zip,
                                    size_t *len)
{
    *zip = request->zip;
    *len = request->zip_len;
    return &request->deployment;
}

void deploy_free(struct deploy_request *request)
{
    if (request == NULL)
        return;
    json_object_put(request->json);
    free(request->zip);
    en_arena_fini(&request->arena);
    free(request);
}

int deploy_make_folder(const char *path, struct enoki_error *err)
{
    if (mkdir(path, 0700) == 0)
        return 0;
    return enoki_error_set(err, ENOKI_EIO, "%.300s: %s", path, strerrordesc_np(errno));
}
