/* log.h - what the program tells its operator, one event a line.
 *
 * Each line is an event of the catalogue in log.def with named fields, as logfmt or JSON, on
 * stderr. Only the top of a thread or command logs. Never a secret, never a body. */
#pragma once

#include "base/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_event {
#define LOG_EVENT(name, text) LOG_##name,
#include "base/log.def"
#undef LOG_EVENT
    LOG_EVENT_COUNT
};

struct log_field {
    const char *key;
    bool is_number;
    str text;
    int64_t number;
};

#define LF(k, s) ((struct log_field){ .key = (k), .text = (s) })
#define LF_INT(k, n) ((struct log_field){ .key = (k), .is_number = true, .number = (n) })

struct log {
    int fd;
    enum log_level least; /* what is below is not written */
    bool json;
    void (*before)(void); /* called before each line; may be NULL. For whoever draws on the same
                             terminal. From any thread */
};

/* One line, written with one system call, so that lines of threads do not mix. Longer than 2 KiB is
 * cut: the value that does not fit loses its end, what comes behind it is left out, and cut=true
 * says so. Control characters are escaped: a value cannot forge a line. Bytes that are no UTF-8
 * become U+FFFD. */
void log_write(const struct log *l, enum log_level level, enum log_event event,
               const struct log_field *field, size_t n);

#define log_say(l, level, event, ...)                                           \
    log_write((l), (level), (event), (const struct log_field[]){ __VA_ARGS__ }, \
              sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
