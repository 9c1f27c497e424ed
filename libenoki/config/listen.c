#include "config/listen.h"

#include "config/check.h"

#include <string.h>

static int check_addresses(const struct en_source *source, const config_setting_t *listen)
{
    static const char *const names[] = {"http", "grpc", "coap", "management"};
    int rc = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == 0; i++)
        rc = en_source_check(source, listen, names[i], en_check_address);
    return rc;
}

static const config_setting_t *member(const config_setting_t *root, const char *group,
                                      const char *name)
{
    const config_setting_t *found = config_setting_get_member(root, group);

    return found == NULL ? NULL : config_setting_get_member(found, name);
}

static int check_tls(const struct en_source *source, const config_setting_t *root,
                     const struct en_file_node *file)
{
    const config_setting_t *tls = member(root, "listen", "tls");
    const config_setting_t *ca = member(root, "deploy", "ca");

    if (tls == NULL && ca != NULL)
        return en_source_fail(source, ca, "only with listen.tls, which has the certificate that "
                                          "is shown; allowed: remove it, or write listen.tls");
    if (tls == NULL || (file->tls_certificate != NULL && file->tls_key != NULL))
        return 0;
    return en_source_fail(source, tls,
                          "'%s' is missing; allowed: { certificate = \"FILE\"; key = \"FILE\"; }, "
                          "which `enoki certs issue` makes",
                          file->tls_certificate == NULL ? "certificate" : "key");
}

static int check_psk(const struct en_source *source, const config_setting_t *root)
{
    const config_setting_t *psk = member(root, "listen", "coap_psk");

    return psk == NULL || member(root, "listen", "coap") != NULL
               ? 0
               : en_source_fail(source, psk,
                                "only with listen.coap; allowed: remove it, or write coap = "
                                "\"ADDRESS:PORT\"");
}

static void set_management(const struct en_source *source, const struct en_file_node *file,
                           struct enoki_node_settings *node, bool *failed)
{
    node->listen_management = file->management;
    node->management_socket = en_source_optional_path(source, file->management_socket, failed);
    node->deploy_path = en_source_optional_path(source, file->deploy_path, failed);
    node->deploy_token = en_source_optional_path(source, file->token, failed);
    node->deploy_secrets = en_source_optional_path(source, file->secrets, failed);
    node->deploy_urls = file->urls;
    node->deploy_anyone = strcmp(file->local, "anyone") == 0;
}

/* Ends in '/': else "https://example.org" would allow "https://example.org.elsewhere". */
static int check_urls(const struct en_source *source, const config_setting_t *urls)
{
    for (int i = 0; urls != NULL && i < config_setting_length(urls); i++) {
        const char *text = config_setting_get_string_elem(urls, i);

        if ((strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0) ||
            text[strlen(text) - 1] != '/')
            return en_source_fail(source, urls,
                                  "'%.100s'; allowed: the beginning of URLs, http:// or https://, "
                                  "with a '/' at its end",
                                  text);
    }
    return 0;
}

int en_listen_settings(const struct en_source *source, const config_setting_t *root,
                       const struct en_file_node *file, struct enoki_node_settings *node)
{
    bool failed = false;
    int rc = check_addresses(source, config_setting_get_member(root, "listen"));

    if (rc == 0)
        rc = check_tls(source, root, file);
    if (rc == 0)
        rc = check_psk(source, root);
    if (rc == 0)
        rc = check_urls(source, member(root, "deploy", "urls"));
    if (rc != 0)
        return rc;
    if (file->tls_certificate == NULL)
        node->listen_http = file->http;
    else
        node->listen_https = file->http;
    node->listen_grpc = file->grpc;
    node->listen_coap = file->coap;
    node->coap_psk = en_source_optional_path(source, file->coap_psk, &failed);
    set_management(source, file, node, &failed);
    node->tls_certificate = en_source_optional_path(source, file->tls_certificate, &failed);
    node->tls_key = en_source_optional_path(source, file->tls_key, &failed);
    node->tls_ca = en_source_optional_path(source, file->tls_ca, &failed);
    node->deploy_ca = en_source_optional_path(source, file->deploy_ca, &failed);
    return failed ? en_source_no_memory(source) : 0;
}
