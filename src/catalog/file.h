/* file.h - the whole catalogue as a document: what a mirror has, what a file wants, and the changes
 * between the two.
 *
 *     {"version":1,"products":[{"id":"prod_1","name":"Pro","default_price":"pro-monthly",
 *       "prices":[{"lookup_key":"pro-monthly","currency":"usd","unit_amount":1000,
 *                  "recurring":{"interval":"month"}}]}]}
 *
 * A product is known by its id, which its owner may choose; a price by its lookup key, or by its id
 * where it has none. What a file does not say stays as it is. docs/catalog.schema.json has every
 * member. */
#pragma once

#include <jansson.h>

#include "core/env.h"

enum { CATALOG_VERSION = 1, CATALOG_FILE_BYTES_MAX = 64 << 20 };

/* How what comes of a catalogue is written for others: 0.1 as 0.1. */
enum { CATALOG_PRECISION = 15 };
#define CATALOG_DUMP (JSON_COMPACT | JSON_REAL_PRECISION(CATALOG_PRECISION))

/* Everything that the mirror has, archived ones too, every price with its "id" and each with its
 * "created". The caller's. Statuses as mirror_list. */
enum status catalog_read(struct env *env, json_t **out, struct error *e) MUST_USE;
/* Were the lists of products and prices ever walked to their end? Until then a catalogue of the
 * mirror alone may lack some. */
enum status catalog_is_whole(struct env *env, bool *out, struct error *e) MUST_USE;
/* One object of Stripe's as catalog_read has it: only what a file may say; what else it has is
 * named in CATALOG_LOST, a list of "recurring.member". Pure. The caller's. */
json_t *catalog_product(const json_t *doc); /* its "prices" are empty */
json_t *catalog_price(const json_t *doc);
#define CATALOG_LOST "would_lose"

/* The same as a file: what is on sale, or with `archived` all; ids of prices that have a lookup key
 * are left out. The caller's; NULL: out of memory. */
json_t *catalog_export(const json_t *all, bool archived);

/* Is it a catalogue? ST_INVALID: the sentence names the member, and where it stands. */
enum status catalog_check(const json_t *file, struct error *e) MUST_USE;

/* What of ours may be archived because the file does not name it. */
struct catalog_prune {
    bool on;
    str owner_key, owner_value; /* metadata that it must carry; set when `on` */
    int64_t created_before;     /* unix seconds: what is younger stays */
};

/* For catalog_compare with `origin`, another environment's catalogue of catalog_read: the file is
 * its export, and `all` the target's. What is made there without a lookup key carries its origin in
 * metadata; what is there under the same name is adopted if it is the same and on sale, else it is
 * a conflict; what would lose something as it is made, too. */
#define CATALOG_ORIGIN "brindle_from"

/* The changes, in the order in which they are safe, each an operation (kinds.h):
 * [{"kind","product","says","input":{…}}…]. Pure. The caller's. ST_INVALID: the file asks for what
 * cannot be, with a sentence. ST_CONFLICT: what is to be adopted is otherwise, or what
 * is to be made would lose something. */
enum status catalog_compare(const json_t *file, const json_t *all,
                            const struct catalog_prune *prune, const json_t *origin,
                            json_t **changes, struct error *e) MUST_USE;
/* What became what: {"products":{"prod_1":"prod_1"},"prices":{"price_1":"price_2"}}, by the two
 * environments' catalogues, of what is in both. The caller's. */
json_t *catalog_map(const json_t *from, const json_t *to);
/* What promoting does with each product and price of `from`:
 * [{"what":"product"|"price","id","name", "decision":"create"|"adopt"|"update"|"skip","there"}…];
 * `there` is its id in `to`, where it has one. What is archived is skipped; what is there and the
 * same is adopted, and costs no request. `changes` are catalog_compare's. The caller's. */
json_t *catalog_decisions(const json_t *from, const json_t *to, const json_t *changes);
enum { CATALOG_HASH_MAX = 65 };
/* A fingerprint of a document, whatever the order of its members, and a NUL. */
enum status catalog_hash(const json_t *doc, char out[CATALOG_HASH_MAX], struct error *e) MUST_USE;
