/* ISO-8601 texts -> UTC milliseconds, as `parse_timestamp` of lake/coercion.py has it. */
#include "kernel.h"

#define WIDEST_OFFSET_MINUTES (14 * 60)
#define FIRST_MILLIS (-62135596800000LL) /* of the year 1 */
#define LAST_MILLIS 253402300799999LL    /* of the year 9999 */

/* A number of this many digits, or -1. */
static int digits_at(const u8 *p, const u8 *end, int count) {
    int value = 0;
    if (end - p < count) return -1;
    for (int i = 0; i < count; i++) {
        if (!is_digit(p[i])) return -1;
        value = 10 * value + (p[i] - '0');
    }
    return value;
}

/* Days since 1970-01-01 of the Gregorian calendar, by Howard Hinnant's days_from_civil:
 * https://howardhinnant.github.io/date_algorithms.html */
static int64_t days_of(int year, int month, int day) {
    int y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int year, int month) {
    static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && (leap || WITHOUT(LEAP_YEAR)));
}

/* Read a whole text as an instant; return whether it is one. */
static bool parse_instant(const u8 *p, const u8 *end, int64_t *millis) {
    int year = digits_at(p, end, 4), month, day, hour, minute, second = 0, fraction = 0, offset = 0;
    int64_t found;
    if (year < 1 || end - p < 10) return false;
    if (CHECK(FIRST_DASH, p[4] != '-') || CHECK(SECOND_DASH, p[7] != '-')) return false;
    month = digits_at(p + 5, end, 2);
    day = digits_at(p + 8, end, 2);
    if (month < 1 || CHECK(MONTH, month > 12) || CHECK(FIRST_DAY, day < 1)) return false;
    if (day > (WITHOUT(LAST_DAY) ? 31 : days_in(year, month))) return false;
    found = days_of(year, month, day) * 86400000;
    p += 10;
    if (p < end) {
        if (CHECK(TIME_MARK, *p != 'T') || end - p < 6) return false;
        if (CHECK(TIME_COLON, p[3] != ':')) return false;
        hour = digits_at(p + 1, end, 2);
        minute = digits_at(p + 4, end, 2);
        p += 6;
        if (p < end && *p == ':') {
            second = digits_at(p + 1, end, 2);
            if (CHECK(DIGITS_OF_SECOND, second < 0)) return false;
            p += 3;
            if (p < end && (*p == '.' || *p == ',')) {
                int scale = 100, count = 0;
                for (p++; p < end && is_digit(*p); p++, count++, scale /= 10)
                    fraction += scale * (*p - '0'); /* 0 from the fourth digit on */
                if (CHECK(DIGIT_OF_SECOND, count < 1)) return false;
                if (CHECK(LONG_FRACTION, count > 9)) return false;
            }
        }
        if (hour < 0 || CHECK(HOUR, hour > 23) || minute < 0 || CHECK(MINUTE, minute > 59) ||
            CHECK(SECOND, second > 59))
            return false;
        if (p < end && *p == 'Z') {
            p++;
        } else if (p < end) {
            int sign = *p == '+' ? 1 : *p == '-' ? -1 : 0;
            int hours = digits_at(p + 1, end, 2), rest = 0;
            if (CHECK(SIGN, !sign) || hours < 0) return false;
            p += 3;
            if (p < end) {
                p += *p == ':';
                rest = digits_at(p, end, 2);
                if (rest >= 0) p += 2;
                else if (CHECK(DIGITS_OF_OFFSET, true)) return false;
                else rest = 0;
            }
            offset = 60 * hours + rest;
            if (CHECK(MINUTE_OF_OFFSET, rest > 59)) return false;
            if (CHECK(WIDEST_OFFSET, offset > WIDEST_OFFSET_MINUTES)) return false;
            offset *= sign;
        }
        if (CHECK(END_OF_TIME, p != end)) return false;
        found += ((hour * 60LL + minute - offset) * 60 + second) * 1000 + fraction;
    }
    *millis = found;
    return !CHECK(FIRST_INSTANT, found < FIRST_MILLIS) && !CHECK(LAST_INSTANT, found > LAST_MILLIS);
}

/* `"2025-11-26T10:00:00.000Z"`, in its quotes; its size. */
static size_t write_instant(int64_t millis, char *out) {
    return (size_t)snprintf(out, 40, "%lld", (long long)millis);
}
