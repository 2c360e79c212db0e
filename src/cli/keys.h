/* keys.h - do the keys and secrets of an environment look right, and do they belong together? */
#pragma once

#include "cli/config.h"

enum key_kind { KEY_NONE, KEY_TEST, KEY_LIVE, KEY_MALFORMED };
/* What a key's prefix says. `why` (unless NULL) gets a sentence when it is malformed. */
enum key_kind key_judge(const struct secret *key, const char **why);
/* The same of a publishable key, which is public. */
enum key_kind publishable_judge(str key, const char **why);
/* What is wrong with a webhook secret, as the end of a sentence; NULL: nothing that can be seen. */
const char *webhook_secret_fault(const struct secret *s);

/* Of one environment, before anything is asked or written. ST_INVALID: one is malformed.
 * ST_REFUSED: the publishable key is of the other mode. No key at all is fine here. */
enum status keys_check(const struct env_config *env, struct error *e) MUST_USE;
/* Environments share neither key nor webhook secret, nor a place where their data would meet: the
 * schema and the prefix at the key-value server. ST_INVALID names the two and the setting, which
 * `*what` (may be NULL) gets, too. */
enum status keys_apart(const struct config *c, enum setting_id *what, struct error *e) MUST_USE;
