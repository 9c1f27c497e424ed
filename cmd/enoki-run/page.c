#include "page.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* The file as it is; the build runs again when it changes. */
__asm__(".pushsection .rodata\n"
        "en_page_start: .incbin \"" ENOKI_PAGE "\"\n"
        "en_page_end: .byte 0\n"
        ".popsection\n");
extern const char en_page_start[], en_page_end[];

#define DIGEST_TEXT_BYTES 64u

/* "sha256-..." of what stands between the tags: that, and nothing else, a browser runs. */
static bool digest_of(const char *tag, char *out, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE], text[DIGEST_TEXT_BYTES];
    unsigned len = 0;
    char open[16], close[16];
    const char *from, *to;

    (void)snprintf(open, sizeof(open), "<%s>", tag);
    (void)snprintf(close, sizeof(close), "</%s>", tag);
    from = strstr(en_page_start, open);
    to = from == NULL ? NULL : strstr(from, close);
    if (to == NULL)
        return false;
    from += strlen(open);
    if (EVP_Digest(from, (size_t)(to - from), digest, &len, EVP_sha256(), NULL) != 1 ||
        EVP_EncodeBlock(text, digest, (int)len) <= 0)
        return false;
    (void)snprintf(out, size, "sha256-%s", (const char *)text);
    return true;
}

static int add_headers(struct en_reply *reply)
{
    static const char *const headers[][2] = {{"Content-Type", "text/html; charset=utf-8"},
                                             {"Cache-Control", "no-cache"},
                                             {"Referrer-Policy", "no-referrer"},
                                             {"X-Content-Type-Options", "nosniff"},
                                             {"Cross-Origin-Opener-Policy", "same-origin"},
                                             {"Cross-Origin-Resource-Policy", "same-origin"}};
    char script[DIGEST_TEXT_BYTES + 8], style[DIGEST_TEXT_BYTES + 8], policy[400];
    int rc = 0;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]) && rc == 0; i++)
        rc = en_reply_add_header(reply, headers[i][0], headers[i][1], NULL);
    if (!digest_of("script", script, sizeof(script)) || !digest_of("style", style, sizeof(style)))
        return ENOKI_ENOMEM;
    (void)snprintf(policy, sizeof(policy),
                   "default-src 'none'; script-src '%s'; style-src '%s'; connect-src 'self'; "
                   "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                   script, style);
    return rc == 0 ? en_reply_add_header(reply, "Content-Security-Policy", policy, NULL) : rc;
}

void page_answer(struct enoki_invocation *inv)
{
    size_t len = (size_t)(en_page_end - en_page_start);
    struct en_reply reply;

    en_reply_init(&reply, len);
    if (add_headers(&reply) != 0 || en_buffer_append(&reply.body, en_page_start, len) != 0)
        en_reply_text(&reply, 500, "out of memory for the page\n");
    en_invocation_finish(inv, &reply);
    en_reply_fini(&reply);
}
