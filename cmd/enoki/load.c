#include "calls.h"
#include "functions.h"
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONCURRENCY_MAX 256u

struct load {
    const struct call *call;
    const struct load_options *options;
    unsigned long started, finished, failed;
    double *times_ms; /* of those that were answered well */
    unsigned long good;
    char failure[256]; /* of the first that was not */
};

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void count(struct load *load, const struct outcome *outcome, const struct enoki_error *err)
{
    load->finished++;
    if (outcome->ok) {
        load->times_ms[load->good++] = outcome->total_ms;
        return;
    }
    if (load->failed++ == 0)
        (void)snprintf(load->failure, sizeof(load->failure), "%.200s",
                       err->status != 0 ? err->message : outcome->status);
}

static void finish(struct load *load, struct transfer *transfer, CURLcode code)
{
    struct enoki_error err = ENOKI_ERROR_INIT;
    struct outcome outcome;

    if (transfer_finish(transfer, code, &outcome, &err) != 0)
        outcome = (struct outcome){.ok = false};
    count(load, &outcome, &err);
    outcome_fini(&outcome);
}

/* Those that are done start again, until there are enough. */
static void turn_over(struct load *load, CURLM *multi)
{
    const CURLMsg *message;
    int left = 0;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        struct transfer *transfer = NULL;
        CURL *handle = message->easy_handle;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&transfer);
        (void)curl_multi_remove_handle(multi, handle);
        finish(load, transfer, code);
        if (load->started < load->options->count &&
            curl_multi_add_handle(multi, handle) == CURLM_OK)
            load->started++;
    }
}

static int run_transfers(struct load *load, struct enoki_error *err)
{
    struct transfer *transfers[CONCURRENCY_MAX] = {NULL};
    CURLM *multi = curl_multi_init();
    int rc = 0, running = 0;

    if (multi == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for calls");
    /* Connections of their own, as separate clients have. */
    (void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    for (size_t i = 0; i < load->options->concurrency && load->started < load->options->count;
         i++) {
        rc = transfer_new(&transfers[i], load->call, load->options->is_grpc, err);
        if (rc != 0)
            break;
        if (curl_multi_add_handle(multi, transfer_handle(transfers[i])) == CURLM_OK)
            load->started++;
    }
    while (rc == 0 && load->finished < load->started) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            rc = enoki_error_set(err, ENOKI_EIO, "the calls cannot go on");
        turn_over(load, multi);
        if (load->finished < load->started)
            (void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    for (size_t i = 0; i < CONCURRENCY_MAX; i++) {
        if (transfers[i] != NULL)
            (void)curl_multi_remove_handle(multi, transfer_handle(transfers[i]));
        transfer_free(transfers[i]);
    }
    (void)curl_multi_cleanup(multi);
    return rc;
}

static void run_coap(struct load *load)
{
    while (load->finished < load->options->count) {
        struct enoki_error err = ENOKI_ERROR_INIT;
        struct outcome outcome;

        if (coap_call(load->call, &outcome, &err) != 0)
            outcome = (struct outcome){.ok = false};
        count(load, &outcome, &err);
        outcome_fini(&outcome);
    }
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double quantile(const struct load *load, double part)
{
    return load->good == 0 ? 0 : load->times_ms[(size_t)(part * (double)(load->good - 1))];
}

static int report(struct load *load, double took_ms)
{
    qsort(load->times_ms, load->good, sizeof(*load->times_ms), by_time);
    (void)printf("%lu calls, %lu failed, %.0f ms: %.0f calls/s\n", load->finished, load->failed,
                 took_ms, took_ms > 0 ? (double)load->finished * 1000 / took_ms : 0);
    if (load->good > 0)
        (void)printf("ms: p50 %.2f, p95 %.2f, p99 %.2f, max %.2f\n", quantile(load, 0.5),
                     quantile(load, 0.95), quantile(load, 0.99), quantile(load, 1));
    if (load->failed > 0)
        say_error("%lu of %lu calls failed, the first with: %s", load->failed, load->finished,
                  load->failure);
    return finish_output() != 0 || load->failed > 0 ? 1 : 0;
}

int load_run(const struct call *call, const struct load_options *options)
{
    struct load load = {.call = call, .options = options};
    struct enoki_error err = ENOKI_ERROR_INIT;
    double started = now_ms();
    int rc = 0, status;

    load.times_ms = calloc(options->count, sizeof(*load.times_ms));
    if (load.times_ms == NULL) {
        say_error("no memory for %lu calls", options->count);
        return 1;
    }
    if (strncmp(call->base, "coap", 4) == 0)
        run_coap(&load);
    else
        rc = run_transfers(&load, &err);
    status = rc == 0 ? report(&load, now_ms() - started) : say_failure(&err);
    free(load.times_ms);
    return status;
}
