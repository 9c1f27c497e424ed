#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define TOP_BITS UINT64_C(0x8080808080808080)

/* Bytes that follow a first byte; 0 if it is none. */
static size_t following(unsigned char first)
{
    if (first >= 0xc2 && first <= 0xdf)
        return 1;
    if (first >= 0xe0 && first <= 0xef)
        return 2;
    return first >= 0xf0 && first <= 0xf4 ? 3 : 0;
}

size_t en_utf8_sequence(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf;
    size_t more = following(s[0]);

    if (more == 0 || len <= more)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0; /* less would be overlong */
    else if (s[0] == 0xed)
        high = 0x9f; /* more would be a surrogate */
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f; /* more would be above U+10FFFF */
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i <= more; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return more + 1;
}

bool en_utf8_is_valid(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t i = 0;

    while (i < len) {
        uint64_t words[4];
        size_t step;

        /* Most text is ASCII: 32 bytes at a time. */
        while (len - i >= sizeof(words)) {
            memcpy(words, s + i, sizeof(words));
            if (((words[0] | words[1] | words[2] | words[3]) & TOP_BITS) != 0)
                break;
            i += sizeof(words);
        }
        while (i < len && s[i] < 0x80)
            i++;
        for (; i < len && s[i] >= 0x80; i += step) {
            step = en_utf8_sequence(text + i, len - i);
            if (step == 0)
                return false;
        }
    }
    return true;
}
