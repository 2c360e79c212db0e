/* fuzz_websocket.c - any bytes as a client's frames: nothing is read beyond them, and what is a
 * frame once is the same frame when it comes byte by byte. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/websocket.h"

enum { PAYLOAD_MAX = 4096, FRAMES_MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *in = malloc(size ? size : 1), *whole = malloc(size ? size : 1);
    size_t at = 0;

    must(in && whole, "memory");
    memcpy(in, data, size);
    memcpy(whole, data, size);
    for (int frames = 0; frames < FRAMES_MAX && at < size; frames++) {
        struct websocket_frame f = { 0 }, g = { 0 };
        enum websocket_step step = websocket_read(in + at, size - at, PAYLOAD_MAX, &f);
        size_t have = 0;
        enum websocket_step slow = WEBSOCKET_MORE;
        while (slow == WEBSOCKET_MORE && have < size - at)
            slow = websocket_read(whole + at, ++have, PAYLOAD_MAX, &g);
        must(slow == step, "the same, however it comes");
        if (step != WEBSOCKET_FRAME)
            break;
        must(f.bytes == have && f.payload.n <= PAYLOAD_MAX, "as long as its head said");
        must(f.payload.p >= in + at && f.payload.p + f.payload.n == in + at + f.bytes, "inside");
        must(f.opcode == g.opcode && f.last == g.last && str_eq(f.payload, g.payload), "the same");
        at += f.bytes;
    }
    free(in);
    free(whole);
    return 0;
}
