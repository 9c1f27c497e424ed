#include "state/fred/nodes.h"

#include "base/checked.h"
#include "base/clock.h"
#include "state/drop.h"
#include "state/uri.h"

#include <enoki/keygroup.h>

#include <stdlib.h>
#include <string.h>

/* The connection that one change is made over. */
struct admin {
    const struct en_fred_api *api;
    struct en_fred_nodes *nodes;
    struct en_fred_peer *peer;
    struct en_fred_link *link;
    uint64_t deadline_ms;
};

static void disconnect(struct admin *admin)
{
    if (admin->peer != NULL)
        en_fred_peer_release(admin->peer);
    en_fred_nodes_free(admin->nodes);
}

static int check_name(const char *keygroup, struct enoki_error *err)
{
    if (en_is_name(keygroup, strnlen(keygroup, ENOKI_NAME_MAX + 1)))
        return 0;
    /* FReD would take a bad name, and nobody could ever use it. */
    return enoki_error_set(err, ENOKI_EINVAL,
                           "'%.100s' is no keygroup: its name is 1 to 255 letters and digits",
                           keygroup);
}

static int open_nodes(struct admin *admin, const struct en_uri *uri, const char *keygroup,
                      struct enoki_error *err)
{
    const struct en_fred_nodes_options options = {
        .api = admin->api,
        .addresses = uri->where,
        .node = uri->node,
        .tls = uri->tls,
        .user = uri->admin != NULL ? uri->admin : uri->user,
        .keygroup = keygroup,
    };

    return en_fred_nodes_new(&admin->nodes, &options, err);
}

static int connect_to(struct admin *admin, const char *text, const char *keygroup,
                      struct enoki_error *err)
{
    struct en_uri uri = {0};
    int rc = check_name(keygroup, err);

    *admin = (struct admin){.api = NULL};
    if (rc == 0)
        rc = en_uri_parse(&uri, text, err);
    if (rc != 0)
        return rc;
    if (strcmp(uri.scheme, "fred") != 0)
        rc = enoki_error_set(err, ENOKI_EINVAL,
                             "'%.100s': keygroups with replicas are FReD's: write 'fred://...'",
                             text);
    if (rc == 0)
        rc = en_fred_api_load(&admin->api, err);
    if (rc == 0)
        rc = open_nodes(admin, &uri, keygroup, err);
    admin->deadline_ms = en_clock_ms() + (uri.timeout_ms != 0 ? uri.timeout_ms : EN_URI_TIMEOUT_MS);
    en_uri_fini(&uri);
    /* Who it is that answers shows here; after this the best node is the one that did. */
    if (rc == 0 && en_fred_nodes_refresh(admin->nodes, admin->deadline_ms, true, err) != EN_FRED_OK)
        rc = err != NULL ? err->status : ENOKI_EIO;
    if (rc == 0) {
        admin->peer = en_fred_peer_get(admin->nodes, 0);
        if (admin->peer == NULL)
            rc = enoki_error_set(err, ENOKI_ENOMEM, "out of memory for a connection");
    }
    if (rc != 0) {
        disconnect(admin);
        return rc;
    }
    admin->link = en_fred_peer_link(admin->peer);
    return 0;
}

/* The status of a call whose failure err tells. */
static int status_of(enum en_fred_result result, const struct enoki_error *err)
{
    return result == EN_FRED_OK ? 0 : err->status;
}

static int by_node(const void *a, const void *b)
{
    return strcmp(((const struct enoki_keygroup_replica *)a)->node,
                  ((const struct enoki_keygroup_replica *)b)->node);
}

/* One block: the entries, then their texts. */
static struct enoki_keygroup_info *make_info(const struct en_fred_replicas *replicas)
{
    size_t bytes = sizeof(struct enoki_keygroup_info) +
                   replicas->count * sizeof(struct enoki_keygroup_replica);
    struct enoki_keygroup_info *info;
    char *text;

    for (size_t i = 0; i < replicas->count; i++)
        bytes += strlen(replicas->replicas[i].node) + strlen(replicas->replicas[i].host) + 2;
    info = malloc(bytes);
    if (info == NULL)
        return NULL;
    info->replicas = (struct enoki_keygroup_replica *)(info + 1);
    info->is_append_only = !replicas->is_mutable;
    info->replica_count = replicas->count;
    text = (char *)(info->replicas + replicas->count);
    for (size_t i = 0; i < replicas->count; i++) {
        info->replicas[i].expiry_s = replicas->replicas[i].expiry_s;
        info->replicas[i].node = text;
        text = stpcpy(text, replicas->replicas[i].node) + 1;
        info->replicas[i].host = text;
        text = stpcpy(text, replicas->replicas[i].host) + 1;
    }
    qsort(info->replicas, info->replica_count, sizeof(info->replicas[0]), by_node);
    return info;
}

int enoki_keygroup_show(struct enoki_keygroup_info **out, const char *uri, const char *keygroup,
                        struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct en_fred_replicas replicas;
    struct admin admin;
    int rc = connect_to(&admin, uri, keygroup, &own);

    if (rc == 0) {
        rc = status_of(
            admin.api->keygroup_info(admin.link, admin.deadline_ms, keygroup, &replicas, &own),
            &own);
        if (rc == 0) {
            *out = make_info(&replicas);
            admin.api->replicas_free(&replicas);
            if (*out == NULL)
                rc = enoki_error_set(&own, ENOKI_ENOMEM, "out of memory for a keygroup");
        }
        disconnect(&admin);
    }
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}

void enoki_keygroup_info_free(struct enoki_keygroup_info *info)
{
    free(info);
}

int enoki_keygroup_replicate(const char *uri, const char *keygroup, const char *node,
                             int64_t expiry_s, struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct admin admin;
    int rc = connect_to(&admin, uri, keygroup, &own);

    if (rc == 0) {
        rc = status_of(
            admin.api->add_replica(admin.link, admin.deadline_ms, keygroup, node, expiry_s, &own),
            &own);
        disconnect(&admin);
    }
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}

int enoki_keygroup_unreplicate(const char *uri, const char *keygroup, const char *node,
                               struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct admin admin;
    int rc = connect_to(&admin, uri, keygroup, &own);

    if (rc == 0) {
        rc = status_of(
            admin.api->remove_replica(admin.link, admin.deadline_ms, keygroup, node, &own), &own);
        disconnect(&admin);
    }
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}

static int delete_at_fred(const char *text, const struct en_uri *uri, const char *keygroup,
                          struct enoki_error *err)
{
    struct admin admin;
    int rc = connect_to(&admin, text, keygroup, err);

    if (rc != 0)
        return rc;
    rc = status_of(admin.api->delete_keygroup(admin.link, admin.deadline_ms, keygroup, err), err);
    disconnect(&admin);
    if (rc == 0 && uri->session != NULL)
        en_drop_session(uri->session, keygroup);
    return rc;
}

int enoki_keygroup_delete(const char *text, const char *keygroup, struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct en_uri uri = {0};
    int rc = check_name(keygroup, &own);

    if (rc == 0)
        rc = en_uri_parse(&uri, text, &own);
    if (rc == 0) {
        rc = strcmp(uri.scheme, "embedded") == 0 ? en_drop_store(uri.where, keygroup, &own)
                                                 : delete_at_fred(text, &uri, keygroup, &own);
        en_uri_fini(&uri);
    }
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}

static int change_roles(const char *uri, const char *keygroup, const char *user, bool give,
                        struct enoki_error *err)
{
    struct enoki_error own = ENOKI_ERROR_INIT;
    struct admin admin;
    int last = give ? EN_FRED_CONFIGURE_REPLICA : EN_FRED_CONFIGURE_KEYGROUPS;
    int rc = connect_to(&admin, uri, keygroup, &own);

    if (rc != 0)
        return enoki_error_set(err, rc, "%s", own.message);
    for (int role = EN_FRED_READ_KEYGROUP; rc == 0 && role <= last; role++)
        rc = status_of(give ? admin.api->add_user(admin.link, admin.deadline_ms, user, keygroup,
                                                  (enum en_fred_role)role, &own)
                            : admin.api->remove_user(admin.link, admin.deadline_ms, user, keygroup,
                                                     (enum en_fred_role)role, &own),
                       &own);
    disconnect(&admin);
    return rc == 0 ? 0 : enoki_error_set(err, rc, "%s", own.message);
}

int enoki_keygroup_grant(const char *uri, const char *keygroup, const char *user,
                         struct enoki_error *err)
{
    return change_roles(uri, keygroup, user, true, err);
}

int enoki_keygroup_revoke(const char *uri, const char *keygroup, const char *user,
                          struct enoki_error *err)
{
    return change_roles(uri, keygroup, user, false, err);
}
