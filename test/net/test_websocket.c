#include <string.h>

#include "net/websocket.h"
#include "unit.h"

enum { PAYLOAD_MAX = 1 << 20 };

/* A frame as a client sends it, with a mask. */
static size_t client_frame(char *out, unsigned first, size_t length, const char *payload)
{
    static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
    unsigned char *p = (unsigned char *)out;
    size_t n = 0, more = length < 126 ? 0 : length <= 0xffff ? 2 : 8;

    p[n++] = (unsigned char)first;
    p[n++] = (unsigned char)(0x80 | (more == 0 ? length : more == 2 ? 126 : 127));
    for (size_t i = more; i-- > 0;)
        p[n++] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(p + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < length; i++)
        p[n + i] = (unsigned char)payload[i] ^ mask[i % 4];
    return n + length;
}

static void the_handshake_is_answered_as_the_rfc_has_it(void **state)
{
    char out[WEBSOCKET_ACCEPT_BYTES];

    (void)state;
    websocket_accept(S("dGhlIHNhbXBsZSBub25jZQ=="), out);
    assert_memory_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof out);
}

static void a_frame_is_read_at_every_length(void **state)
{
    static char in[70100], payload[70000];
    static const size_t length[] = { 0, 1, 5, 125, 126, 127, 65535, 65536, 70000 };
    struct websocket_frame f;

    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)(i * 7);
    for (size_t k = 0; k < COUNT(length); k++) {
        size_t n = client_frame(in, 0x81, length[k], payload);
        for (size_t have = 0; have < n; have += have < 16 ? 1 : n / 7 + 1)
            assert_int_equal(websocket_read(in, have, PAYLOAD_MAX, &f), WEBSOCKET_MORE);
        assert_int_equal(websocket_read(in, n + 3, PAYLOAD_MAX, &f), WEBSOCKET_FRAME);
        assert_int_equal(f.bytes, n);
        assert_true(f.last && f.opcode == WEBSOCKET_TEXT);
        assert_true(str_eq(f.payload, (str){ payload, length[k] }));
    }
}

static void what_no_client_may_send_is_bad(void **state)
{
    static char in[300];
    static const char payload[200];
    struct websocket_frame f;
    size_t n;

    (void)state;
    static const unsigned wrong[] = { 0xc1, 0xa1, 0x91, 0x83, 0x8b, 0x8f, 0x08, 0x09, 0x0a };
    for (size_t i = 0; i < COUNT(wrong); i++) { /* reserved bits and opcodes, control in pieces */
        n = client_frame(in, wrong[i], 3, payload);
        assert_int_equal(websocket_read(in, 1, PAYLOAD_MAX, &f), WEBSOCKET_BAD);
        assert_int_equal(websocket_read(in, n, PAYLOAD_MAX, &f), WEBSOCKET_BAD);
    }
    n = client_frame(in, 0x89, 126, payload); /* a ping with more than 125 bytes */
    assert_int_equal(websocket_read(in, n, PAYLOAD_MAX, &f), WEBSOCKET_BAD);
    n = client_frame(in, 0x81, 101, payload);
    assert_int_equal(websocket_read(in, 8, 100, &f), WEBSOCKET_BAD); /* too much, known early */
    n = client_frame(in, 0x81, 5, payload);
    in[1] = 5; /* without a mask */
    assert_int_equal(websocket_read(in, n, PAYLOAD_MAX, &f), WEBSOCKET_BAD);
}

static void a_frame_is_written_with_the_shortest_length(void **state)
{
    static char payload[70000];
    static const struct {
        size_t length;
        unsigned second;
        size_t head;
    } sample[] = { { 0, 0, 2 },       { 125, 125, 2 },    { 126, 126, 4 },
                   { 65535, 126, 4 }, { 65536, 127, 10 }, { 70000, 127, 10 } };

    (void)state;
    for (size_t i = 0; i < COUNT(sample); i++) {
        BUF(b, 80000);
        websocket_write(&b, WEBSOCKET_PONG, (str){ payload, sample[i].length });
        assert_int_equal(b.n, sample[i].head + sample[i].length);
        assert_int_equal((unsigned char)b.p[0], 0x8a);
        assert_int_equal((unsigned char)b.p[1], sample[i].second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handshake_is_answered_as_the_rfc_has_it),
        cmocka_unit_test(a_frame_is_read_at_every_length),
        cmocka_unit_test(what_no_client_may_send_is_bad),
        cmocka_unit_test(a_frame_is_written_with_the_shortest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
