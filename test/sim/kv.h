/* kv.h - the key-value server: keeps the greater revision, as Redis does it with the script of
 * kv_redis.c, and is no more reliable than anything else here. It stalls, goes away, answers into
 * the void, carries out late what was given up, comes back empty, or as it was a while ago. */
#pragma once

#include "climate.h"
#include "world/kv.h"

void kv_server_open(struct climate *c);
/* One life's connection. */
struct kv *kv_server_connect(void);
/* That life is over. What it has sent may yet arrive. */
void kv_server_hang_up(void);
/* No faults from now on. */
void kv_server_calm(void);
/* The program has looked at the server since that lost something, and acted upon it. */
bool kv_server_is_known(void);

size_t kv_server_count(void);
const char *kv_server_key(size_t i);
/* What a key holds; nothing: NULL. */
const char *kv_server_value(const char *key);
