/* Commands that the process with the store carries out for others. */
#include "unit.h"

#include "base/json.h"
#include "core/counters.h"
#include "core/due.h"
#include "core/environment/fuse.h"
#include "house.h"
#include "serve/control.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEARD_MAX = 16 };

/* What was heard, line by line. However long something is watched, its first lines are kept, and
 * its last two: the slower the machine, the more there are in between. */
struct heard {
    char line[HEARD_MAX][2048];
    _Atomic size_t n; /* of those that are kept */
    size_t patience;  /* lines that are wanted; 0: all */
};

static bool hear(void *ctx, str line)
{
    struct heard *h = ctx;
    size_t n = atomic_load(&h->n);

    assert_true(json_valid(line));
    if (n == HEARD_MAX) {
        n--;
        memcpy(h->line[n - 1], h->line[n], sizeof h->line[n]);
    }
    snprintf(h->line[n], sizeof h->line[n], "%.*s", STR_ARG(line));
    atomic_store(&h->n, n + 1);
    return !h->patience || n + 1 < h->patience;
}

static void assert_has(const char *text, const char *what)
{
    if (!strstr(text, what))
        print_error("\"%s\" is not in: %s\n", what, text);
    assert_non_null(strstr(text, what));
}

static const char *last_line(struct heard *h)
{
    size_t n = atomic_load(&h->n);

    assert_in_range(n, 1, HEARD_MAX);
    return h->line[n - 1];
}

static struct control_host host_of(struct house *h)
{
    return (struct control_host){ .env = &h->env, .log = &h->log };
}

static enum status listen_with(struct control_server **s, const char *path,
                               struct control_host host, struct error *e)
{
    return control_listen(s, path, &host, e);
}

static enum status run(struct house *h, const char *line, struct heard *heard, struct error *e)
{
    const struct control_host host = host_of(h);

    *heard = (struct heard){ 0 };
    error_clear(e);
    return control_run(&host, str_of(line), hear, heard, e);
}

static struct engine *start_engine(struct house *h)
{
    struct engine *g = NULL;
    struct error e = { 0 };

    assert_ok(engine_start(
                  &g, &(struct engine_options){ .env = &h->env, .log = &h->log, .workers = 2 }, &e),
              &e);
    return g;
}

static const char *socket_path(struct house *h)
{
    static char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

    snprintf(path, sizeof path, "%s/brindle.sock", h->dir);
    return path;
}

static struct control_server *listen_on(struct house *h)
{
    struct control_server *s = NULL;
    struct error e = { 0 };

    assert_ok(listen_with(&s, socket_path(h), host_of(h), &e), &e);
    return s;
}

static int connect_to(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void put_event(struct house *h)
{
    struct error e = { 0 };
    struct inbox_result result;
    ARENA(a, 4096);
    struct event ev;

    assert_ok(event_parse(S("{\"id\":\"evt_1\",\"type\":\"customer.updated\",\"livemode\":false,"
                            "\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\"}}}"),
                          &ev, &a, &e),
              &e);
    assert_ok(inbox_put_many(&h->env, &ev, 1, &result, &e), &e);
}

/* ---- the ops ---- */

static void ping_tells_who_is_there(void **state)
{
    struct house *h = house_new();
    struct heard heard;
    struct error e;
    char pid[32];

    (void)state;
    assert_int_equal(run(h, "{\"op\":\"ping\"}", &heard, &e), ST_OK);
    assert_int_equal(heard.n, 2);
    assert_has(heard.line[0], "\"name\":\"test\",\"account\":\"acct_1\",\"livemode\":false");
    snprintf(pid, sizeof pid, "\"pid\":%d,\"version\":\"", getpid());
    assert_has(heard.line[0], pid);
    assert_string_equal(heard.line[1], "{\"end\":true,\"status\":\"ok\"}");
    house_free(h);
}

static void what_is_no_command_is_refused_with_a_sentence(void **state)
{
    static const char *const bad[] = {
        "",
        "ping",
        "[]",
        "{}",
        "{\"op\":\"dance\"}",
        "{\"op\":1}",
        "{\"op\":\"replay\"}",
        "{\"op\":\"sync\",\"args\":\"customers\"}",
        "{\"op\":\"sync\",\"args\":[1]}",
        "{\"op\":\"sync\",\"args\":[\"\"]}",
        "{\"op\":\"sync\",\"args\":[[\"a\"]]}",
        "{\"op\":\"sync\",\"args\":[\"no such thing\"]}",
    };
    struct house *h = house_new();
    struct heard heard;
    struct error e;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (run(h, bad[i], &heard, &e) != ST_INVALID)
            print_error("%s\n", bad[i]);
        assert_int_equal(e.status, ST_INVALID);
        assert_int_equal(heard.n, 1);
        assert_has(heard.line[0], "{\"end\":true,\"status\":\"invalid\",\"error\":\"");
    }
    (void)run(h, "{\"op\":\"dance\"}", &heard, &e); /* it names all that there are */
    assert_has(heard.line[0], "derived");
    assert_has(heard.line[0], "purge");
    assert_has(heard.line[0], "switch");
    assert_int_equal(house_int(h, "select count(*) from _due"), 0);
    house_free(h);
}

static void a_sync_is_watched_until_it_is_done(void **state)
{
    struct house *h = house_new();
    struct engine *g = start_engine(h);
    struct heard heard;
    struct error e;

    (void)state;
    assert_int_equal(run(h, "{\"op\":\"sync\",\"args\":[\"cus_1\",\"cus_2\"]}", &heard, &e), ST_OK);
    assert_true(heard.n >= 2);
    assert_has(heard.line[heard.n - 2], "\"done\":true");
    assert_has(last_line(&heard), "{\"end\":true,\"status\":\"ok\"}");
    assert_int_equal(house_int(h, "select count(*) from objects where type = 'customer'"), 2);
    engine_stop(g, 10000);
    house_free(h);
}

static void tell_traffic(void *ctx, struct buf *out)
{
    buf_printf(out, ",\"requests\":%d", *(const int *)ctx);
}

static void progress_tells_what_only_its_host_knows(void **state)
{
    struct house *h = house_new();
    struct engine *g = start_engine(h);
    struct control_host host = host_of(h);
    struct heard heard = { 0 };
    struct error e = { 0 };
    int requests = 7;

    (void)state;
    host.progress = tell_traffic;
    host.ctx = &requests;
    assert_ok(control_run(&host, S("{\"op\":\"sync\",\"args\":[\"cus_1\"]}"), hear, &heard, &e),
              &e);
    for (size_t i = 0; i + 1 < heard.n; i++) {
        assert_has(heard.line[i], "{\"types\":[");
        assert_has(heard.line[i], ",\"requests\":7}");
    }
    assert_string_equal(last_line(&heard), "{\"end\":true,\"status\":\"ok\"}");
    engine_stop(g, 10000);
    house_free(h);
}

/* Another process has asked for it and given the store up. */
static void what_was_asked_for_before_is_watched_and_not_begun_anew(void **state)
{
    struct house *h = house_new();
    struct heard heard;
    struct error e;

    (void)state;
    assert_int_equal(run(h, "{\"op\":\"sync\",\"args\":[\"cus_1\"],\"watch\":false}", &heard, &e),
                     ST_OK);
    struct engine *g = start_engine(h);
    assert_int_equal(run(h, "{\"op\":\"sync\",\"args\":[\"cus_1\"],\"since\":1}", &heard, &e),
                     ST_OK);
    assert_has(heard.line[heard.n - 2], "\"done\":true,\"since\":1");
    assert_int_equal(house_int(h, "select gen from _due where id = 'cus_1'"), 1);
    assert_int_equal(run(h, "{\"op\":\"sync\",\"args\":[\"cus_2\"],\"since\":1}", &heard, &e),
                     ST_INVALID);
    assert_has(e.text, "cus_2 was never asked for");
    assert_int_equal(run(h, "{\"op\":\"drift\",\"since\":1}", &heard, &e), ST_OK);
    assert_int_equal(run(h, "{\"op\":\"repair_refs\",\"since\":1}", &heard, &e), ST_OK);
    assert_int_equal(house_int(h, "select count(*) from _due"), 1);
    engine_stop(g, 10000);
    house_free(h);
}

/* The fuse has blown, and holds one key of each type. */
static void blow_fuse(struct house *h, const char *const *type, size_t n)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    assert_ok(tx_begin(&tx, h->env.world->store, TX_WRITE, &e), &e);
    assert_ok(counter_set(&tx, counter_of(&h->env, COUNTER_FUSE_BLOWN, &a), 1, &a, &e), &e);
    for (size_t i = 0; i < n; i++) {
        const struct due_mark m = { .key = { DUE_OBJECT, str_of(type[i]), S("x_1") },
                                    .cause = "test" };
        assert_ok(due_mark(&tx, &h->env, &m, &a, &e), &e);
    }
    assert_ok(tx_commit(&tx, &e), &e);
    for (size_t i = 0; i < n; i++) {
        struct claim c;
        assert_ok(due_claim(&h->env, &c, &a, &e), &e);
        assert_ok(due_refuse(&h->env, &c, FUSE_REASON "test", 404, &e), &e);
    }
}

#define HELD "select count(*) from _due where dead = 1"
#define BLOWN "select value from _counters where name = 'fuse_blown'"

static void a_word_for_one_type_is_none_for_another(void **state)
{
    static const char *const types[] = { "coupon", "product" };
    struct house *h = house_new();
    struct heard heard = { .patience = 1 };
    const struct control_host host = host_of(h);
    struct error e = { 0 };

    (void)state;
    blow_fuse(h, types, COUNT(types));
    assert_int_equal(control_run(&host,
                                 S("{\"op\":\"drift\",\"repair\":true,\"yes\":true,"
                                   "\"args\":[\"coupons\",\"nothing\"]}"),
                                 hear, &heard, &e),
                     ST_INVALID);
    assert_int_equal(house_int(h, HELD), 2); /* and a word that was not understood is for none */
    heard = (struct heard){ .patience = 1 };
    assert_int_equal(
        control_run(&host,
                    S("{\"op\":\"drift\",\"repair\":true,\"yes\":true,\"args\":[\"coupons\"]}"),
                    hear, &heard, &e),
        ST_RETRY); /* nobody does the work */
    assert_int_equal(house_int(h, HELD), 1);
    assert_string_equal(house_text(h, "select type from _due where dead = 1"), "product");
    assert_int_equal(house_int(h, BLOWN), 1);
    heard = (struct heard){ .patience = 1 };
    assert_int_equal(
        control_run(&host,
                    S("{\"op\":\"drift\",\"repair\":true,\"yes\":true,\"args\":[\"products\"]}"),
                    hear, &heard, &e),
        ST_RETRY);
    assert_int_equal(house_int(h, HELD), 0);
    assert_int_equal(house_int(h, BLOWN), 0);
    house_free(h);
}

static void a_sync_that_nobody_watches_ends_at_once(void **state)
{
    struct house *h = house_new();
    struct heard heard;
    struct error e;

    (void)state;
    assert_int_equal(run(h, "{\"op\":\"sync\",\"args\":[\"cus_1\"],\"watch\":false}", &heard, &e),
                     ST_OK);
    assert_int_equal(heard.n, 2);
    assert_string_equal(heard.line[0], "{\"walks\":0,\"objects\":1}");
    assert_int_equal(house_int(h, "select count(*) from _due"), 1);
    house_free(h);
}

static void a_sync_whose_listener_is_gone_goes_on_alone(void **state)
{
    struct house *h = house_new();
    struct heard heard = { .patience = 1 };
    const struct control_host host = host_of(h);
    struct error e = { 0 };

    (void)state; /* no engine runs: it would never be done */
    assert_int_equal(
        control_run(&host, S("{\"op\":\"sync\",\"args\":[\"cus_1\"]}"), hear, &heard, &e),
        ST_RETRY);
    assert_int_equal(house_int(h, "select count(*) from _due where done_gen < gen"), 1);
    house_free(h);
}

static void a_sync_ends_when_the_environment_stops(void **state)
{
    struct house *h = house_new();
    struct heard heard;
    struct error e;

    (void)state;
    env_stop(&h->env);
    assert_int_equal(run(h, "{\"op\":\"sync\",\"args\":[\"cus_1\"]}", &heard, &e), ST_RETRY);
    assert_has(last_line(&heard), "next start");
    house_free(h);
}

static void replay_makes_an_event_due_once_more(void **state)
{
    struct house *h = house_new();
    struct heard heard;
    struct error e;

    (void)state;
    put_event(h);
    assert_int_equal(run(h, "{\"op\":\"replay\",\"event\":\"evt_1\"}", &heard, &e), ST_OK);
    assert_int_equal(house_int(h, "select gen from _due where id = 'cus_1'"), 2);
    assert_int_equal(run(h, "{\"op\":\"replay\",\"event\":\"evt_2\"}", &heard, &e), ST_NONE);
    assert_has(last_line(&heard), "\"status\":\"none\"");
    house_free(h);
}

static void revive_brings_dead_work_back(void **state)
{
    struct house *h = house_new();
    struct engine *g;
    struct heard heard;
    struct error e;

    (void)state;
    h->env.set.attempts_max = 1;
    atomic_store(&h->stripe_status, 400);
    put_event(h);
    g = start_engine(h);
    while (house_int(h, "select count(*) from _due where dead = 1") == 0)
        clock_sleep(h->world.clock, 5);
    atomic_store(&h->stripe_status, 0);
    assert_int_equal(run(h, "{\"op\":\"revive\",\"id\":\"cus_2\"}", &heard, &e), ST_OK);
    assert_string_equal(heard.line[0], "{\"revived\":0}");
    assert_int_equal(run(h, "{\"op\":\"revive\"}", &heard, &e), ST_OK);
    assert_string_equal(heard.line[0], "{\"revived\":1}");
    while (house_int(h, "select count(*) from objects where id = 'cus_1'") == 0)
        clock_sleep(h->world.clock, 5);
    engine_stop(g, 10000);
    house_free(h);
}

/* ---- the socket ---- */

static void a_command_is_carried_out_over_the_socket(void **state)
{
    struct house *h = house_new();
    struct engine *g = start_engine(h);
    struct control_server *s = listen_on(h);
    struct heard heard = { 0 };
    struct error e = { 0 };
    struct stat st;

    (void)state;
    assert_int_equal(stat(socket_path(h), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(
        control_send(socket_path(h), S("{\"op\":\"sync\",\"args\":[\"cus_1\"]}"), hear, &heard, &e),
        &e);
    assert_has(last_line(&heard), "\"end\":true");
    assert_int_equal(house_int(h, "select count(*) from objects where id = 'cus_1'"), 1);
    assert_int_equal(control_send(socket_path(h), S("{\"op\":\"replay\",\"event\":\"evt_0\"}"),
                                  hear, &heard, &e),
                     ST_NONE);
    assert_has(e.text, "evt_0");
    control_close(s);
    assert_int_equal(stat(socket_path(h), &st), -1); /* it takes its file along */
    engine_stop(g, 10000);
    house_free(h);
}

static void where_nobody_listens_is_told_apart(void **state)
{
    struct house *h = house_new();
    struct heard heard = { 0 };
    struct error e = { 0 };

    (void)state;
    assert_int_equal(control_send(socket_path(h), S("{\"op\":\"ping\"}"), hear, &heard, &e),
                     ST_NONE);
    assert_int_equal(heard.n, 0);
    house_free(h);
}

static void a_stale_socket_is_replaced_and_a_file_is_not(void **state)
{
    struct house *h = house_new();
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct heard heard = { 0 };
    struct error e = { 0 };
    struct control_server *s = NULL;

    (void)state;
    snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path(h));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd); /* as a process that was killed leaves it */
    assert_int_equal(control_send(socket_path(h), S("{\"op\":\"ping\"}"), hear, &heard, &e),
                     ST_NONE);
    s = listen_on(h);
    error_clear(&e);
    assert_ok(control_send(socket_path(h), S("{\"op\":\"ping\"}"), hear, &heard, &e), &e);
    control_close(s);
    FILE *f = fopen(socket_path(h), "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(listen_with(&s, socket_path(h), host_of(h), &e), ST_REFUSED);
    assert_int_equal(access(socket_path(h), F_OK), 0);
    house_free(h);
}

static void the_socket_of_a_successor_is_left_alone(void **state)
{
    struct house *h = house_new();
    struct control_server *first = listen_on(h), *second = listen_on(h);
    struct heard heard = { 0 };
    struct error e = { 0 };

    (void)state;
    control_close(first);
    assert_ok(control_send(socket_path(h), S("{\"op\":\"ping\"}"), hear, &heard, &e), &e);
    control_close(second);
    house_free(h);
}

static void note(void *ctx)
{
    atomic_fetch_add((_Atomic int *)ctx, 1);
}

static void only_who_can_hand_over_does(void **state)
{
    struct house *h = house_new();
    struct control_server *s = listen_on(h);
    struct heard heard = { 0 };
    struct error e = { 0 };
    _Atomic int asked = 0;
    struct control_host host = host_of(h);

    (void)state;
    assert_int_equal(control_send(socket_path(h), S("{\"op\":\"handover\"}"), hear, &heard, &e),
                     ST_REFUSED);
    control_close(s);
    error_clear(&e);
    host.on_handover = note;
    host.ctx = &asked;
    assert_ok(listen_with(&s, socket_path(h), host, &e), &e);
    assert_ok(control_send(socket_path(h), S("{\"op\":\"handover\"}"), hear, &heard, &e), &e);
    assert_int_equal(asked, 1);
    control_close(s);
    house_free(h);
}

static void what_is_taken_over_the_socket_is_logged(void **state)
{
    struct house *h = house_new();
    struct control_server *s = listen_on(h);
    struct heard heard = { 0 };
    struct error e = { 0 };
    char wanted[128];

    (void)state;
    assert_ok(control_send(socket_path(h), S("{\"op\":\"ping\"}"), hear, &heard, &e), &e);
    assert_int_equal(control_send(socket_path(h), S("{\"op\":\"sk_test_1\"}"), hear, &heard, &e),
                     ST_INVALID);
    error_clear(&e);
    assert_ok(control_send(socket_path(h), S("{\"op\":\"revive\"}"), hear, &heard, &e), &e);
    control_close(s);
    snprintf(wanted, sizeof wanted,
             "level=info event=command_accepted " HOUSE_FIELDS " op=revive pid=%d\n", getpid());
    assert_int_equal(house_logged(h, wanted), 1);
    assert_int_equal(house_logged(h, "level=debug event=command_accepted " HOUSE_FIELDS " op=ping"),
                     1);
    assert_int_equal(house_logged(h, "sk_test_1"), 0);
    house_free(h);
}

static void callers_and_lines_have_a_limit(void **state)
{
    struct house *h = house_new();
    struct control_server *s = listen_on(h);
    struct heard heard = { 0 };
    struct error e = { 0 };
    int fd[CONTROL_CONNECTIONS_MAX];
    char *line = malloc(CONTROL_LINE_BYTES_MAX + 1);

    (void)state;
    assert_non_null(line);
    for (size_t i = 0; i < COUNT(fd); i++)
        fd[i] = connect_to(socket_path(h)); /* and says nothing */
    assert_int_equal(control_send(socket_path(h), S("{\"op\":\"ping\"}"), hear, &heard, &e),
                     ST_LIMIT);
    for (size_t i = 0; i < COUNT(fd); i++)
        close(fd[i]);
    do { /* until their threads have noticed */
        error_clear(&e);
    } while (control_send(socket_path(h), S("{\"op\":\"ping\"}"), hear, &heard, &e) == ST_LIMIT);
    assert_int_equal(e.status, ST_OK);
    memset(line, 'x', CONTROL_LINE_BYTES_MAX + 1);
    fd[0] = connect_to(socket_path(h));
    assert_true(send(fd[0], line, CONTROL_LINE_BYTES_MAX + 1, MSG_NOSIGNAL) > 0);
    ssize_t n = recv(fd[0], line, 1024, 0);
    assert_true(n < 0 ? errno == ECONNRESET : true);
    if (n > 0) {
        line[n] = '\0';
        assert_has(line, "\"status\":\"limit\"");
    }
    close(fd[0]);
    free(line);
    control_close(s);
    house_free(h);
}

struct asking {
    const char *path;
    struct heard heard;
    struct error e;
    enum status st;
};

static void *ask(void *arg)
{
    struct asking *a = arg;

    a->st =
        control_send(a->path, S("{\"op\":\"sync\",\"args\":[\"cus_1\"]}"), hear, &a->heard, &a->e);
    return NULL;
}

static void closing_ends_commands_and_tells_that_the_work_goes_on(void **state)
{
    struct house *h = house_new();
    struct control_server *s = listen_on(h);
    struct asking *a = calloc(1, sizeof *a);
    pthread_t thread;

    (void)state; /* no engine: the sync waits */
    assert_non_null(a);
    a->path = socket_path(h);
    assert_int_equal(pthread_create(&thread, NULL, ask, a), 0);
    while (atomic_load(&a->heard.n) == 0)
        clock_sleep(h->world.clock, 5);
    control_close(s);
    pthread_join(thread, NULL);
    assert_int_equal(a->st, ST_RETRY);
    assert_has(a->e.text, "next start");
    free(a);
    house_free(h);
}

static void too_long_a_path_is_told(void **state)
{
    struct house *h = house_new();
    struct control_server *s = NULL;
    struct error e = { 0 };
    char path[200];

    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(listen_with(&s, path, host_of(h), &e), ST_LIMIT);
    assert_has(e.text, "too long");
    house_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_tells_who_is_there),
        cmocka_unit_test(what_is_no_command_is_refused_with_a_sentence),
        cmocka_unit_test(a_sync_is_watched_until_it_is_done),
        cmocka_unit_test(progress_tells_what_only_its_host_knows),
        cmocka_unit_test(what_was_asked_for_before_is_watched_and_not_begun_anew),
        cmocka_unit_test(a_word_for_one_type_is_none_for_another),
        cmocka_unit_test(a_sync_that_nobody_watches_ends_at_once),
        cmocka_unit_test(a_sync_whose_listener_is_gone_goes_on_alone),
        cmocka_unit_test(a_sync_ends_when_the_environment_stops),
        cmocka_unit_test(replay_makes_an_event_due_once_more),
        cmocka_unit_test(revive_brings_dead_work_back),
        cmocka_unit_test(a_command_is_carried_out_over_the_socket),
        cmocka_unit_test(where_nobody_listens_is_told_apart),
        cmocka_unit_test(a_stale_socket_is_replaced_and_a_file_is_not),
        cmocka_unit_test(the_socket_of_a_successor_is_left_alone),
        cmocka_unit_test(only_who_can_hand_over_does),
        cmocka_unit_test(what_is_taken_over_the_socket_is_logged),
        cmocka_unit_test(callers_and_lines_have_a_limit),
        cmocka_unit_test(closing_ends_commands_and_tells_that_the_work_goes_on),
        cmocka_unit_test(too_long_a_path_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
