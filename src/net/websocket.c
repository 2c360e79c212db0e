#include "net/websocket.h"

#include <openssl/evp.h>
#include <string.h>

enum { SHA1_BYTES = 20, MASK_BYTES = 4, LENGTH_16 = 126, LENGTH_64 = 127 };

void websocket_accept(str key, char out[WEBSOCKET_ACCEPT_BYTES])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char sum[SHA1_BYTES] = { 0 }, text[WEBSOCKET_ACCEPT_BYTES + 1];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) && EVP_DigestUpdate(ctx, key.p, key.n) &&
        EVP_DigestUpdate(ctx, guid, sizeof guid - 1))
        EVP_DigestFinal_ex(ctx, sum, NULL);
    EVP_MD_CTX_free(ctx);
    EVP_EncodeBlock(text, sum, SHA1_BYTES);
    memcpy(out, text, WEBSOCKET_ACCEPT_BYTES);
}

/* The head of a frame: what it says of its payload, and how many bytes it takes itself. */
struct head {
    unsigned first;
    uint64_t payload;
    size_t bytes;
};

static bool head_read(const unsigned char *in, size_t n, struct head *h)
{
    size_t more = 0;

    if (n < 2)
        return false;
    h->first = in[0];
    h->payload = in[1] & 0x7f;
    if (h->payload == LENGTH_16)
        more = 2;
    else if (h->payload == LENGTH_64)
        more = 8;
    h->bytes = 2 + more + MASK_BYTES;
    if (n < h->bytes)
        return false;
    if (more)
        h->payload = 0;
    for (size_t i = 0; i < more; i++)
        h->payload = h->payload << 8 | in[2 + i];
    return true;
}

static bool opcode_known(unsigned opcode)
{
    return opcode <= WEBSOCKET_BINARY || (opcode >= WEBSOCKET_CLOSE && opcode <= WEBSOCKET_PONG);
}

/* What the first two bytes say already. */
static bool start_fits(const unsigned char *in, size_t n)
{
    unsigned opcode = in[0] & 0xf;
    bool last = in[0] & 0x80, control = opcode >= WEBSOCKET_CLOSE;

    if ((in[0] & 0x70) || !opcode_known(opcode) || (control && !last))
        return false;
    if (n < 2)
        return true;
    return (in[1] & 0x80) && (!control || (in[1] & 0x7f) <= WEBSOCKET_CONTROL_MAX);
}

enum websocket_step websocket_read(char *in, size_t n, size_t payload_max,
                                   struct websocket_frame *out)
{
    unsigned char *p = (unsigned char *)in;
    struct head h;

    if (!n)
        return WEBSOCKET_MORE;
    if (!start_fits(p, n))
        return WEBSOCKET_BAD;
    if (!head_read(p, n, &h))
        return WEBSOCKET_MORE;
    if (h.payload > payload_max)
        return WEBSOCKET_BAD;
    if (n - h.bytes < h.payload)
        return WEBSOCKET_MORE;
    size_t size = (size_t)h.payload;
    const unsigned char *mask = p + h.bytes - MASK_BYTES;
    for (size_t i = 0; i < size; i++)
        p[h.bytes + i] ^= mask[i % MASK_BYTES];
    *out = (struct websocket_frame){ .opcode = (enum websocket_opcode)(h.first & 0xf),
                                     .last = h.first & 0x80,
                                     .payload = { in + h.bytes, size },
                                     .bytes = h.bytes + size };
    return WEBSOCKET_FRAME;
}

void websocket_write(struct buf *b, enum websocket_opcode opcode, str payload)
{
    size_t more = payload.n < LENGTH_16 ? 0 : payload.n <= UINT16_MAX ? 2 : 8;

    buf_char(b, (char)(0x80 | opcode));
    buf_char(b, (char)(more == 0 ? payload.n : more == 2 ? LENGTH_16 : LENGTH_64));
    for (size_t i = more; i-- > 0;)
        buf_char(b, (char)((uint64_t)payload.n >> (8 * i) & 0xff));
    buf_append(b, payload);
}
