#include "wire/http_writer.h"

#include <string.h>

static const struct {
    int status;
    const char *text;
} status_texts[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
};

const char *en_http_status_text(int status)
{
    for (size_t i = 0; i < sizeof(status_texts) / sizeof(status_texts[0]); i++)
        if (status_texts[i].status == status)
            return status_texts[i].text;
    return "";
}

bool en_http_status_is_bodiless(int status)
{
    return status < 200 || status == 204 || status == 205 || status == 304;
}

static void put_2(char *to, unsigned number)
{
    to[0] = (char)('0' + number / 10 % 10);
    to[1] = (char)('0' + number % 10);
}

void en_http_write_date(char date_out[EN_HTTP_DATE_BYTES], uint64_t seconds_since_1970)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1 January 1970 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    /* Years that start in March put the leap day at the end; 719468 days from March of year 0. */
    uint64_t day = seconds_since_1970 / 86400, second = seconds_since_1970 % 86400;
    uint64_t shifted = day + 719468, era = shifted / 146097, in_era = shifted % 146097;
    uint64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t from_march = (5 * in_year + 2) / 153;
    uint64_t month = (from_march + 2) % 12; /* 0: January */
    uint64_t year = era * 400 + year_of_era + (month < 2 ? 1 : 0);

    memcpy(date_out, "Date: Day, 00 Mon 0000 00:00:00 GMT\r\n", EN_HTTP_DATE_BYTES);
    memcpy(date_out + 6, days + day % 7 * 3, 3);
    put_2(date_out + 11, (unsigned)(in_year - (153 * from_march + 2) / 5 + 1));
    memcpy(date_out + 14, months + month * 3, 3);
    put_2(date_out + 18, (unsigned)(year / 100));
    put_2(date_out + 20, (unsigned)(year % 100));
    put_2(date_out + 23, (unsigned)(second / 3600));
    put_2(date_out + 26, (unsigned)(second / 60 % 60));
    put_2(date_out + 29, (unsigned)(second % 60));
}

static char *put(char *to, const char *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

#define PUT_LITERAL(to, literal) put((to), (literal), sizeof(literal) - 1)

static char *put_number(char *to, size_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return put(to, digits + at, sizeof(digits) - at);
}

int en_http_write_head(struct en_buffer *out, const struct en_http_head *head)
{
    const char *text = head->status == 200 ? "OK" : en_http_status_text(head->status);
    size_t type_len = head->content_type != NULL ? strlen(head->content_type) : 0;
    size_t text_len = strlen(text);
    char *to;
    int rc;

    /* The fixed parts are well below 256 bytes; type and headers are bounded by their makers. */
    rc = en_buffer_reserve(out, 256 + text_len + type_len + head->headers.len);
    if (rc != 0)
        return rc;
    to = PUT_LITERAL(out->data + out->len, "HTTP/1.1 ");
    to = put_number(to, (size_t)head->status);
    *to++ = ' ';
    to = put(to, text, text_len);
    to = PUT_LITERAL(to, "\r\n");
    to = put(to, head->date, EN_HTTP_DATE_BYTES - 1);
    if (head->content_type != NULL) {
        to = PUT_LITERAL(to, "Content-Type: ");
        to = put(to, head->content_type, type_len);
        to = PUT_LITERAL(to, "\r\n");
    }
    if (head->headers.len > 0)
        to = put(to, head->headers.data, head->headers.len);
    if (head->is_chunked) {
        to = PUT_LITERAL(to, "Transfer-Encoding: chunked\r\n");
    } else if (!head->is_endless && head->status != 204 && head->status != 304) {
        to = PUT_LITERAL(to, "Content-Length: ");
        to = put_number(to, head->content_length);
        to = PUT_LITERAL(to, "\r\n");
    }
    if (head->close)
        to = PUT_LITERAL(to, "Connection: close\r\n");
    to = PUT_LITERAL(to, "\r\n");
    *to = '\0';
    out->len = (size_t)(to - out->data);
    return 0;
}
