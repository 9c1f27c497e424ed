/*
 * movingaverage - the mean of a sensor's last WINDOW readings (a variable, 10 unless set).
 *
 * Input   VALUE or SENSOR-VALUE. VALUE is a decimal number, such as 39.4 or -5; SENSOR a number
 *         from 0 to 999. So "-5" is a value and "3--5" is sensor 3 at -5.
 * Output  the mean, this reading included, in the shortest form that reads back to the same double
 *
 * A sensor's items, here sensor 7's (readings without a sensor have their own):
 *   sensor007next      the number of readings so far, N
 *   sensor007r0000...  a ring: reading n in slot n % WINDOW, as "n VALUE"
 * All have the same length, so their key order is slot order, and no other key sorts in between.
 *
 * Four state operations a call: modify takes the next number (a read and an update), one update
 * stores the reading, one scan fetches the window.
 *
 * Calls for one sensor at the same time: each gets a number of its own, so none overwrites
 * another's reading. The mean is of those of the last WINDOW that are stored when the scan looks;
 * a caller who waits for each answer before he sends the next reading always gets the exact one.
 * A call that dies between taking its number and storing its reading leaves a gap, and the means
 * that cover it are of one reading less.
 */
#include <enoki/function.h>

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENSORS 1000
#define WINDOW_DEFAULT 10
#define WINDOW_MAX 10000

/* Longest text below: %.17g and a number of 20 digits. */
#define TEXT_BYTES 64

struct reading {
    char prefix[16]; /* what the ids of this sensor start with */
    double value;
    uint64_t number;
    char text[TEXT_BYTES];
};

/* --- input and output ------------------------------------------------------------------------- */

/* The value of "-12.5" and the like, and nothing around it; NAN for anything else. strtod alone
 * would take " 5", "0x10", "nan" and "1e5" as well. */
static double parse_value(const char *text, const char *end)
{
    const char *at = text + (*text == '-');
    const char *digits = at;

    while (isdigit((unsigned char)*at))
        at++;
    if (at == digits)
        return NAN;
    if (*at == '.') {
        digits = ++at;
        while (isdigit((unsigned char)*at))
            at++;
        if (at == digits)
            return NAN;
    }
    return at == end ? strtod(text, NULL) : NAN;
}

/* 1 if body is VALUE or SENSOR-VALUE. */
static int parse_reading(struct reading *reading, const char *body, size_t len)
{
    const char *value = body;
    unsigned sensor = 0;

    strcpy(reading->prefix, "nosensor");
    while (isdigit((unsigned char)*value) && sensor < SENSORS)
        sensor = sensor * 10 + (unsigned)(*value++ - '0');
    if (value == body || *value != '-') {
        value = body;
    } else {
        if (sensor >= SENSORS)
            return 0;
        snprintf(reading->prefix, sizeof(reading->prefix), "sensor%03u", sensor);
        value++;
    }
    reading->value = parse_value(value, body + len);
    return isfinite(reading->value);
}

/* The fewest digits that read back to the same double; without an exponent where people would not
 * write one (50, not 5e+01). */
static void shortest(char text[TEXT_BYTES], double value)
{
    int digits = 0, exponent;

    do
        snprintf(text, TEXT_BYTES, "%.*e", digits, value);
    while (strtod(text, NULL) != value && digits++ < 16);

    exponent = atoi(strchr(text, 'e') + 1);
    if (exponent >= -4 && exponent < 16)
        snprintf(text, TEXT_BYTES, "%.*f", digits > exponent ? digits - exponent : 0, value);
}

/* --- state ------------------------------------------------------------------------------------ */

static int take_number(void *context, const struct enoki_items *items, const void **value_out,
                       size_t *value_len_out, struct enoki_error *err)
{
    struct reading *reading = context;

    (void)err;
    /* Nodes that counted without seeing each other: go on from the furthest. */
    reading->number = 0;
    for (size_t i = 0; i < enoki_items_count(items); i++) {
        uint64_t next = strtoull(enoki_items_value(items, i, NULL), NULL, 10);
        if (next > reading->number)
            reading->number = next;
    }
    *value_len_out = (size_t)snprintf(reading->text, TEXT_BYTES, "%" PRIu64, reading->number + 1);
    *value_out = reading->text;
    return ENOKI_MODIFY_WRITE;
}

static int store(struct enoki_state *state, struct reading *reading, uint64_t window,
                 struct enoki_error *err)
{
    char value[TEXT_BYTES], id[TEXT_BYTES];
    int len, rc;

    snprintf(id, sizeof(id), "%snext", reading->prefix);
    rc = enoki_state_modify(state, id, take_number, reading, err);
    if (rc != 0)
        return rc;
    snprintf(id, sizeof(id), "%sr%04" PRIu64, reading->prefix, reading->number % window);
    len = snprintf(value, sizeof(value), "%" PRIu64 " %.17g", reading->number, reading->value);
    return enoki_state_update(state, id, value, (size_t)len, NULL, err);
}

static int mean(struct enoki_state *state, struct reading *reading, uint64_t window,
                struct enoki_error *err)
{
    uint64_t stored = reading->number < window ? reading->number + 1 : window;
    /* Wider than double: the sum is exact for anything a sensor sends, so the order in which the
     * ring holds the readings does not show in the answer. */
    long double sum = reading->value;
    struct enoki_items *items = NULL;
    uint64_t count = 1;
    char start[TEXT_BYTES];
    int rc;

    snprintf(start, sizeof(start), "%sr%04d", reading->prefix, 0);
    rc = enoki_state_scan(state, start, stored, &items, err);
    /* Slot 0 is another call's, which has its number but has not stored its reading yet. */
    if (rc == ENOKI_ENOTFOUND)
        rc = 0;
    if (rc != 0)
        return rc;

    for (size_t i = 0; i < enoki_items_count(items); i++) {
        const char *id = enoki_items_id(items, i);
        char *end;
        uint64_t number = strtoull(enoki_items_value(items, i, NULL), &end, 10);

        /* With a gap in the ring the scan runs on into the next sensor's items. */
        if (strncmp(id, start, strlen(reading->prefix) + 1) != 0)
            break;
        /* Not this one again; none that came later, or before the window (it was wider once). */
        if (number >= reading->number || reading->number - number >= window)
            continue;
        sum += strtod(end, NULL);
        count++;
    }
    enoki_items_free(items);
    shortest(reading->text, (double)sum / (double)count);
    return 0;
}

/* --- the function ----------------------------------------------------------------------------- */

/* The window is looked up and checked once per worker, not once per call. */
static int open_window(const struct enoki_env *env, void **instance_out, struct enoki_error *err)
{
    const char *text = enoki_env_variable(env, "WINDOW");
    uint64_t *window = malloc(sizeof(*window));
    char *end = "";

    if (window == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the window");
    *window = text == NULL ? WINDOW_DEFAULT : strtoull(text, &end, 10);
    if (*end != '\0' || *window < 1 || *window > WINDOW_MAX) {
        free(window);
        return enoki_error_set(err, ENOKI_EINVAL, "WINDOW is '%s'; use a number from 1 to %d", text,
                               WINDOW_MAX);
    }
    *instance_out = window;
    return 0;
}

static int invoke(void *instance, struct enoki_call *call, struct enoki_error *err)
{
    const uint64_t *window = instance;
    struct enoki_state *state;
    struct reading reading;
    size_t len;
    const char *body = enoki_call_body(call, &len);
    int rc;

    if (!parse_reading(&reading, body, len)) {
        rc = enoki_call_reply_status(call, 400, err);
        return rc != 0 ? rc
                       : enoki_call_replyf(call, err,
                                           "send VALUE or SENSOR-VALUE: VALUE is a decimal number "
                                           "such as 39.4 or -5, SENSOR a number from 0 to %d\n",
                                           SENSORS - 1);
    }
    rc = enoki_call_state(call, &state, err);
    if (rc == 0)
        rc = store(state, &reading, *window, err);
    if (rc == 0)
        rc = mean(state, &reading, *window, err);
    if (rc != 0)
        return rc;
    return enoki_call_reply(call, reading.text, strlen(reading.text), err);
}

ENOKI_FUNCTION(.open = open_window, .invoke = invoke, .close = free);
