/* Texts and numbers that say an instant <-> UTC milliseconds, as lake/instants.py has it. */
#include "kernel.h"

#define MILLIS_OF_SECOND 1000
#define MILLIS_OF_MINUTE (60 * MILLIS_OF_SECOND)
#define MILLIS_OF_HOUR (60 * MILLIS_OF_MINUTE)
#define MILLIS_OF_DAY (24 * MILLIS_OF_HOUR)
#define WIDEST_OFFSET_MINUTES (14 * 60)
#define SIZE_OF_ALL_DIGITS 19
#define PLACE_OF_MARK 10
#define DAYS_BEFORE_1970 719468 /* since the first of March of the year 0 */
#define LAST_DAY_OF_9999 2932896
#define FIRST_MILLIS (-62135596800000LL) /* of the year 1 */
#define LAST_MILLIS 253402300799999LL    /* of the year 9999 */
/* A number of more digits before its point is no millisecond of those years. */
#define MOST_WHOLE_DIGITS 15
/* Without a unit, a number is seconds below 10^11, milliseconds below 10^14. */
#define MOST_DIGITS_OF_SECONDS 11
#define MOST_DIGITS_OF_MILLIS 14
/* Of the digits of a number, so many are kept; whether others are zero is all that matters. */
#define KEPT_DIGITS 18
/* A larger exponent moves the point out of any text. */
#define FAR_EXPONENT 1000000000000LL

/* --- ISO 8601, as Joda-Time's ISODateTimeFormat.dateTimeParser() takes it */

typedef struct {
    const u8 *p, *end;
} Reader;

/* Pass over a sign, or over a letter (given in lower case) in either case, if it comes next. */
static inline bool take(Reader *text, u8 c) {
    bool here = text->p < text->end && (c >= 'a' ? *text->p | 0x20 : *text->p) == c;
    text->p += here;
    return here;
}

/* The number of up to `most` digits that comes next; -1 without any. */
static inline int take_digits(Reader *text, int most) {
    const u8 *p = text->p, *end = text->end - p > most ? p + most : text->end;
    int number = 0;
    if (p == end || !is_digit(*p)) return -1;
    for (; p < end && is_digit(*p); p++) number = 10 * number + (*p - '0');
    text->p = p;
    return number;
}

/* The number of two digits that comes next, or -1. */
static inline int take_pair(Reader *text) {
    const u8 *start = text->p;
    int number = take_digits(text, 2);
    return CHECK(PAIR_OF_DIGITS, text->p - start == 1) ? -1 : number;
}

/* Days since 1970-01-01 of the Gregorian calendar, by Howard Hinnant's days_from_civil:
 * https://howardhinnant.github.io/date_algorithms.html */
static int days_of(int year, int month, int day) {
    int y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_BEFORE_1970;
}

static bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

static int days_in(int year, int month) {
    static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && (is_leap(year) || WITHOUT(LEAP_YEAR)));
}

/* The day of a date. */
static bool find_day(int year, int month, int of_month, int *day) {
    if (CHECK(FIRST_YEAR, year < 1) || CHECK(LAST_YEAR, year > 9999)) return false;
    if (month < 1 || CHECK(MONTH, month > 12) || CHECK(FIRST_DAY, of_month < 1)) return false;
    if (of_month > (WITHOUT(LAST_DAY) || WITHOUT(MONTH) ? 31 : days_in(year, month))) return false;
    *day = days_of(year, month, of_month);
    return true;
}

/* The Monday of a year's first week, which is the one with the 4th of January. */
static int first_week_of(int year) {
    int fourth = days_of(year, 1, 4);
    return fourth - (fourth + 719162) % 7; /* the year 1 began on a Monday */
}

/* What follows `-W`: a week, and maybe its day. */
static bool take_week(Reader *text, int year, int *day) {
    int week = take_digits(text, 2), weekday = take(text, '-') ? take_digits(text, 1) : 1;
    if (CHECK(FIRST_WEEK, week < 1)) return false;
    if (CHECK(FIRST_WEEKDAY, weekday < 1) || CHECK(LAST_WEEKDAY, weekday > 7)) return false;
    *day = first_week_of(year) + 7 * (week - 1);
    if (CHECK(LAST_WEEK, *day >= first_week_of(year + 1))) return false;
    *day += weekday - 1;
    return !CHECK(LAST_DAY_OF_WEEKS, *day > LAST_DAY_OF_9999);
}

/* A year, and maybe a month and its day, a week and its day, or a day of the year. */
static bool take_date(Reader *text, int *day) {
    const u8 *start;
    int year, number;
    take(text, '+');
    year = take_digits(text, 9);
    if (!find_day(year, 1, 1, day)) return false;
    if (!take(text, '-')) return true;
    if (take(text, 'w')) return take_week(text, year, day);
    start = text->p;
    number = take_digits(text, 3);
    if (text->p - start == 3) {
        if (CHECK(FIRST_DAY_OF_YEAR, number < 1)) return false;
        if (CHECK(LAST_DAY_OF_YEAR, number > 365 + is_leap(year))) return false;
        *day += number - 1;
        return true;
    }
    return find_day(year, number, take(text, '-') ? take_digits(text, 2) : 1, day);
}

static inline bool is_point(const Reader *text) {
    return text->p < text->end && (*text->p == '.' || *text->p == ',');
}

/* Milliseconds of a fraction of a unit; as Joda-Time adds them up, each digit is cut. */
static bool take_fraction(Reader *text, int unit, int64_t *millis) {
    const u8 *p = ++text->p, *end = text->end - p > 9 ? p + 9 : text->end;
    int tenths = 0;
    for (; p < end && is_digit(*p); p++, unit /= 10) tenths += (*p - '0') * unit;
    if (CHECK(DIGIT_OF_FRACTION_OF_TIME, p == text->p)) return false;
    text->p = p;
    *millis += tenths / 10;
    return true;
}

/* Hours, and maybe minutes, and maybe seconds, and maybe a fraction of the last of them. */
static bool take_time(Reader *text, int64_t *millis) {
    static const struct {
        int most, unit;
    } parts[] = {{23, MILLIS_OF_HOUR}, {59, MILLIS_OF_MINUTE}, {59, MILLIS_OF_SECOND}};
    for (int i = 0; i < 3; i++) {
        int number;
        if (i && !take(text, ':')) return true;
        number = take_digits(text, 2);
        if (CHECK(DIGIT_OF_TIME, number < 0)) return false;
        if (CHECK(TIME_OF_DAY, number > parts[i].most)) return false;
        *millis += (int64_t)number * parts[i].unit;
        if (is_point(text)) return take_fraction(text, parts[i].unit, millis);
    }
    return true;
}

/* `Z`, or a sign with hours, and maybe minutes. Seconds and their fraction may follow, but are
 * zero: Trino has no other zones. */
static bool take_offset(Reader *text, int64_t *millis) {
    int hours, minutes = 0, seconds, rest, offset;
    bool minus = *text->p == '-', colon;
    if (take(text, 'z')) return true;
    if (CHECK(SIGN, !minus && *text->p != '+')) return false;
    text->p++;
    hours = take_pair(text);
    if (CHECK(HOURS_OF_OFFSET, hours < 0)) return false;
    if (text->p < text->end) {
        colon = take(text, ':');
        minutes = take_pair(text);
        if (CHECK(MINUTES_OF_OFFSET, minutes < 0)) return false;
        if (CHECK(MINUTE_OF_OFFSET, minutes > 59)) return false;
        if (text->p < text->end) {
            if (colon && !take(text, ':') && CHECK(SECOND_COLON_OF_OFFSET, true)) return false;
            seconds = take_pair(text);
            if (CHECK(SECONDS_OF_OFFSET, seconds)) return false;
            if (text->p < text->end) {
                if (colon && !take(text, '.') && !take(text, ',') && CHECK(POINT_OF_OFFSET, true))
                    return false;
                rest = take_digits(text, 3);
                if (CHECK(FRACTION_OF_OFFSET, rest)) return false;
            }
        }
    }
    offset = 60 * hours + minutes;
    if (CHECK(WIDEST_OFFSET, offset > WIDEST_OFFSET_MINUTES)) return false;
    *millis -= (int64_t)(minus ? -offset : offset) * MILLIS_OF_MINUTE;
    return true;
}

/* A day and a time of it without a fraction, with all their digits and this sign between them: the
 * beginning of most texts, looked at as a whole. */
static bool take_all_digits(Reader *text, u8 mark, int *day, int64_t *millis) {
    static const u8 zeros[] = "0000-00-00 00:00:00";
    static const u8 most[] = {9, 9, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9, 0, 9, 9};
    u8 d[SIZE_OF_ALL_DIGITS], wrong = 0;
    int hour, minute, second;
    if (text->end - text->p < SIZE_OF_ALL_DIGITS) return false;
    /* What differs from zero is a digit, or nothing where there is a sign. */
    for (int i = 0; i < SIZE_OF_ALL_DIGITS; i++) {
        d[i] = text->p[i] ^ (i == PLACE_OF_MARK ? mark : zeros[i]);
        wrong |= d[i] > most[i];
    }
    if (CHECK(SHAPE_OF_ALL_DIGITS, wrong)) return false;
    hour = 10 * d[11] + d[12];
    minute = 10 * d[14] + d[15];
    second = 10 * d[17] + d[18];
    if (CHECK(HOUR, hour > 23) || CHECK(MINUTE, minute > 59) || CHECK(SECOND, second > 59))
        return false;
    if (!find_day(1000 * d[0] + 100 * d[1] + 10 * d[2] + d[3], 10 * d[5] + d[6], 10 * d[8] + d[9],
                  day))
        return false;
    *millis = (int64_t)(60 * hour + minute) * MILLIS_OF_MINUTE + second * MILLIS_OF_SECOND;
    text->p += SIZE_OF_ALL_DIGITS;
    return true;
}

static bool parse_iso(const u8 *p, const u8 *end, int64_t *millis) {
    Reader text = {p, end};
    int day = 0;
    int64_t found = 0;
    if (take_all_digits(&text, 'T', &day, &found)) {
        if (is_point(&text) && !take_fraction(&text, MILLIS_OF_SECOND, &found)) return false;
        if (text.p < end && !take_offset(&text, &found)) return false;
    } else {
        bool dated = p == end || (*p | 0x20) != 't';
        if (dated && !take_date(&text, &day)) return false;
        if (text.p < end) {
            if (CHECK(TIME_MARK, (*text.p | 0x20) != 't')) return false;
            text.p++;
            if (text.p < end && is_digit(*text.p)) {
                if (!take_time(&text, &found)) return false;
            } else if (CHECK(DATE_OR_TIME, !dated)) {
                return false;
            }
            if (text.p < end && !take_offset(&text, &found)) return false;
        }
    }
    if (CHECK(END_OF_TIME, text.p != end)) return false;
    *millis = found += (int64_t)day * MILLIS_OF_DAY;
    return !CHECK(FIRST_INSTANT, found < FIRST_MILLIS) && !CHECK(LAST_INSTANT, found > LAST_MILLIS);
}

/* --- SQL: a blank instead of `T`, all digits, no offset */

static bool parse_sql(const u8 *p, const u8 *end, int64_t *millis) {
    Reader text = {p, end};
    int day;
    if (!take_all_digits(&text, ' ', &day, millis)) return false;
    if (text.p < end) {
        if (CHECK(POINT_OF_SQL, *text.p != '.')) return false;
        if (!take_fraction(&text, MILLIS_OF_SECOND, millis)) return false;
    }
    *millis += (int64_t)day * MILLIS_OF_DAY;
    return !CHECK(END_OF_SQL, text.p != end);
}

/* --- numbers since 1970 */

/* A number as it is written: 0.digits * 10^point. */
typedef struct {
    u64 kept;      /* the first of the digits, from the first on that is not zero */
    int64_t count; /* of the digits */
    int64_t point;
    bool minus;
    bool more; /* a digit that was not kept is not zero */
} Decimal;

static inline void add_digit(Decimal *number, u8 digit) {
    if (number->count < KEPT_DIGITS) number->kept = 10 * number->kept + digit;
    else number->more |= digit != 0;
    number->count += number->count || digit;
}

/* A whole text as JSON writes numbers. */
static bool read_decimal(const u8 *p, const u8 *end, Decimal *number) {
    const u8 *start;
    *number = (Decimal){.minus = p < end && *p == '-'};
    start = p += number->minus;
    for (; p < end && is_digit(*p); p++) {
        add_digit(number, *p - '0');
        number->point += number->count > 0;
    }
    if (CHECK(DIGIT_OF_EPOCH, p == start)) return false;
    if (CHECK(LEADING_ZERO_OF_EPOCH, *start == '0' && p - start > 1)) return false;
    if (p < end && *p == '.') {
        for (start = ++p; p < end && is_digit(*p); p++) {
            add_digit(number, *p - '0');
            number->point -= !number->count;
        }
        if (CHECK(DIGIT_OF_EPOCH_FRACTION, p == start)) return false;
    }
    if (p < end && (*p | 0x20) == 'e') {
        bool minus = ++p < end && *p == '-';
        int64_t exponent = 0;
        if (minus || (p < end && *p == '+')) p++;
        for (start = p; p < end && is_digit(*p); p++)
            if (exponent < FAR_EXPONENT) exponent = 10 * exponent + (*p - '0');
        if (CHECK(DIGIT_OF_EPOCH_EXPONENT, p == start)) return false;
        number->point += minus ? -exponent : exponent;
    }
    return !CHECK(END_OF_EPOCH, p != end);
}

/* Read a whole text as a number of the one unit that the formats name. */
static bool parse_epoch(u8 formats, const u8 *p, const u8 *end, int64_t *millis) {
    Decimal number;
    int64_t found, have, kept;
    bool rest;
    if (!read_decimal(p, end, &number)) return false;
    *millis = 0;
    if (!number.count) return true;
    if (formats & AUTO_EPOCH) {
        if (CHECK(BEFORE_1970, number.minus)) return false;
        if (CHECK(AFTER_MILLIS, number.point > MOST_DIGITS_OF_MILLIS)) return false;
        number.point += number.point <= MOST_DIGITS_OF_SECONDS ? 3 : 0;
    } else {
        number.point += formats & EPOCH_S    ? 3
                        : formats & EPOCH_US ? -3
                        : formats & EPOCH_NS ? -6
                                             : 0;
    }
    if (number.point > MOST_WHOLE_DIGITS) return false;
    have = number.count < KEPT_DIGITS ? number.count : KEPT_DIGITS;
    kept = number.point < 0 ? 0 : number.point;
    if (kept >= have) {
        found = (int64_t)(number.kept * powers_of_ten[kept - have]);
        rest = number.more;
    } else {
        u64 power = powers_of_ten[have - kept];
        found = (int64_t)(number.kept / power);
        rest = number.more || number.kept % power;
    }
    if (number.minus) found = -found - rest; /* cut toward the past */
    *millis = found;
    return !CHECK(FIRST_EPOCH, found < FIRST_MILLIS) && !CHECK(LAST_EPOCH, found > LAST_MILLIS);
}

/* --- for the rest of the kernel */

/* Read a decoded text, or a number's own text, as an instant in one of some formats, in the years 1
 * to 9999; return whether it is one. `as_sent`: it is ISO 8601, which the JSON line keeps. */
static bool instant_of(u8 formats, const u8 *p, const u8 *end, bool is_text, int64_t *millis,
                       bool *as_sent) {
    *as_sent = is_text && formats & ISO && parse_iso(p, end, millis);
    if (*as_sent || (is_text && formats & SQL && parse_sql(p, end, millis))) return true;
    return formats & ANY_EPOCH && parse_epoch(formats, p, end, millis);
}

static inline void write_pair(char *out, u32 number) {
    out[0] = (char)('0' + number / 10);
    out[1] = (char)('0' + number % 10);
}

/* Write an instant as ISO 8601 in its quotes; return how many bytes that is. */
static size_t write_instant(int64_t millis, char *out) {
    static const char text[] = "\"0000-00-00T00:00:00.000Z\"";
    /* From the year 0 on, so that nothing is negative. */
    u64 since = (u64)millis + DAYS_BEFORE_1970 * (u64)MILLIS_OF_DAY;
    u32 days = (u32)(since / MILLIS_OF_DAY), time = (u32)(since % MILLIS_OF_DAY), era, of_era, year;
    u32 of_year, month;
    /* Howard Hinnant's civil_from_days: https://howardhinnant.github.io/date_algorithms.html */
    era = days / 146097;
    days -= era * 146097;
    of_era = (days - days / 1460 + days / 36524 - days / 146096) / 365;
    of_year = days - (365 * of_era + of_era / 4 - of_era / 100);
    month = (5 * of_year + 2) / 153;
    days = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    year = era * 400 + of_era + (month <= 2);
    memcpy(out, text, sizeof text - 1);
    write_pair(out + 1, year / 100);
    write_pair(out + 3, year % 100);
    write_pair(out + 6, month);
    write_pair(out + 9, days);
    write_pair(out + 12, time / MILLIS_OF_HOUR);
    write_pair(out + 15, time / MILLIS_OF_MINUTE % 60);
    write_pair(out + 18, time / MILLIS_OF_SECOND % 60);
    write_pair(out + 21, time % MILLIS_OF_SECOND / 10);
    out[23] = (char)('0' + time % 10);
    return sizeof text - 1;
}
