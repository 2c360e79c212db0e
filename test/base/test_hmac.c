#include "base/hmac.h"
#include "unit.h"

/* RFC 4231, sections 4.2 to 4.8; case 5 is truncated to 128 bits there. */
static const struct {
    const char *name;
    str key, data;
    const char *hex;
    size_t digits;
} rfc4231[] = {
    { "1",
      { "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20 },
      { "Hi There", 8 },
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      64 },
    { "2",
      { "Jefe", 4 },
      { "what do ya want for nothing?", 28 },
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      64 },
    { "5",
      { "\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c", 20 },
      { "Test With Truncation", 20 },
      "a3b6167473100ee06e0c796c2955552b",
      32 },
};

/* The other cases are runs of one byte. */
static const struct {
    const char *name;
    int key_byte;
    size_t key_n;
    int data_byte;
    size_t data_n;
    const char *data;
    const char *hex;
} runs[] = {
    { "3", 0xaa, 20, 0xdd, 50, NULL,
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "4", 0, 25, 0xcd, 50, NULL, /* the key counts up from 1 */
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
    { "6", 0xaa, 131, 0, 0, "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    { "7", 0xaa, 131, 0, 0,
      "This is a test using a larger than block-size key and a larger than block-size data. "
      "The key needs to be hashed before being used by the HMAC algorithm.",
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
};

static void check_hmac(const char *name, str key, str data, const char *hex, size_t digits)
{
    unsigned char sum[HMAC_BYTES];
    char got[HMAC_HEX];
    struct hmac *h = hmac_new(key);

    hmac_sum(h, data, (str){ 0 }, (str){ 0 }, sum);
    hmac_hex(sum, got);
    assert_for(name, memcmp(got, hex, digits) == 0);
    hmac_free(h);
}

static void the_vectors_of_rfc_4231_hold(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(rfc4231); i++)
        check_hmac(rfc4231[i].name, rfc4231[i].key, rfc4231[i].data, rfc4231[i].hex,
                   rfc4231[i].digits);
    for (size_t i = 0; i < COUNT(runs); i++) {
        char key[131], data[50];
        for (size_t k = 0; k < runs[i].key_n; k++)
            key[k] = (char)(runs[i].key_byte ? runs[i].key_byte : (int)k + 1);
        memset(data, runs[i].data_byte, sizeof data);
        str text = runs[i].data ? str_of(runs[i].data) : (str){ data, runs[i].data_n };
        check_hmac(runs[i].name, (str){ key, runs[i].key_n }, text, runs[i].hex, HMAC_HEX);
    }
}

static void a_key_is_used_again_and_again(void **state)
{
    unsigned char first[HMAC_BYTES], other[HMAC_BYTES], again[HMAC_BYTES];
    struct hmac *h = hmac_new(S("whsec_test"));
    (void)state;

    hmac_sum(h, S("a"), S(""), S(""), first);
    hmac_sum(h, S("b"), S(""), S(""), other);
    assert_memory_not_equal(first, other, HMAC_BYTES);
    for (int i = 0; i < 3; i++) {
        memset(again, 0, sizeof again);
        hmac_sum(h, S("a"), S(""), S(""), again);
        assert_memory_equal(first, again, HMAC_BYTES);
    }
    hmac_free(h);
}

static void three_parts_are_one_text(void **state)
{
    unsigned char whole[HMAC_BYTES], parts[HMAC_BYTES];
    struct hmac *h = hmac_new(S("Jefe"));
    (void)state;

    hmac_sum(h, S("1735689600.{\"id\":1}"), (str){ 0 }, (str){ 0 }, whole);
    hmac_sum(h, S("1735689600"), S("."), S("{\"id\":1}"), parts);
    assert_memory_equal(whole, parts, HMAC_BYTES);
    hmac_sum(h, (str){ 0 }, S("1735689600.{\"id\":1}"), S(""), parts);
    assert_memory_equal(whole, parts, HMAC_BYTES);
    hmac_free(h);
}

static void another_key_gives_another_sum(void **state)
{
    unsigned char x[HMAC_BYTES], y[HMAC_BYTES];
    struct hmac *a = hmac_new(S("key")), *b = hmac_new(S("kez")), *none = hmac_new((str){ 0 });
    char hex[HMAC_HEX];
    (void)state;

    hmac_sum(a, S("x"), S(""), S(""), x);
    hmac_sum(b, S("x"), S(""), S(""), y);
    assert_memory_not_equal(x, y, HMAC_BYTES);
    hmac_sum(none, (str){ 0 }, (str){ 0 }, (str){ 0 }, x); /* an empty key and text are allowed */
    hmac_hex(x, hex);
    assert_memory_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
                        HMAC_HEX);
    hmac_free(a);
    hmac_free(b);
    hmac_free(none);
    hmac_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4231_hold),
        cmocka_unit_test(a_key_is_used_again_and_again),
        cmocka_unit_test(three_parts_are_one_text),
        cmocka_unit_test(another_key_gives_another_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
