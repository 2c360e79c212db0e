/* http_rig.h - a server on a free port with its loop on a thread, and clients that send raw bytes.
 *
 * What the handler does follows from the path:
 *     /echo   answers with the request's body          /target  with "METHOD path?query"
 *     /reply  answers with what rig_reply has set      /hold    not before rig_release
 *     /turn   answers in `turn`                        /gate    blocks the loop until rig_open_gate
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include "base/buf.h"
#include "net/http.h"
#include "unit.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

enum {
    RIG_HELD_MAX = 512,
    NEVER_MS = 1000000000, /* a deadline that no test lives to see */
};

struct rig {
    struct http_server *server;
    pthread_t thread;
    enum status ran; /* what http_server_run said */
    bool running;

    sem_t at_gate, gate;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_response reply;
    struct http_exchange *held[RIG_HELD_MAX];
    size_t n_held;

    /* The loop's thread alone, or after rig_stop. */
    struct http_exchange *for_turn[RIG_HELD_MAX];
    size_t n_for_turn;
    unsigned handled, turns, handled_since_turn, handled_in_a_turn_max;
};

/* `o` may leave out the address and the handler. */
void rig_open(struct rig *r, struct http_options o);
/* Asks the loop to end and waits for it; what it said is in `ran`. */
void rig_stop(struct rig *r);
void rig_close(struct rig *r);

void rig_reply(struct rig *r, struct http_response reply);
void rig_wait_held(struct rig *r, size_t n);
/* Answers what is held with 200 and its own path, on the caller's thread, the last one first. */
void rig_release(struct rig *r);
void rig_open_gate(struct rig *r);
/* Waits until the counter that `of` reads is at least `n`. */
void rig_wait_count(struct rig *r, uint64_t (*of)(const struct http_counters *), uint64_t n);

struct client {
    int fd;
    struct buf in;
    size_t used; /* of `in`, by answers that were read */
};

struct answer {
    int status; /* 0: the connection was closed instead, -1: it was reset, -2: closed in the middle
                 */
    str head, body;
};

void client_open(struct client *c, const struct rig *r);
/* Whether anybody listens. */
bool client_try_open(struct client *c, const struct rig *r);
void client_close(struct client *c);
/* False when the other side has closed. */
bool client_try_send(struct client *c, str s);
void client_send(struct client *c, const char *z);
/* The next answer; its slices live until the next call. `head_only`: it has no body. */
struct answer client_read(struct client *c, bool head_only);
struct answer client_ask(struct client *c, const char *request);
/* The value of a header of this answer, empty when it is absent. */
str answer_header(const struct answer *a, const char *name);
/* Waits, without reading, until the connection has been reset or closed by the other side. */
void client_wait_hangup(struct client *c);

static inline void check_answer(struct answer a, int status, const char *body, const char *file,
                                int line)
{
    if (a.status == status && str_eqz(a.body, body))
        return;
    print_error("got %d \"%.*s\", want %d \"%s\"\n", a.status, STR_ARG(a.body), status, body);
    _fail(file, line);
}

#define assert_answer(a, status, body) check_answer((a), (status), (body), __FILE__, __LINE__)
