/* erasing.h - a shop with somebody in it who is to be forgotten, and what is left of her then. */
#pragma once

#include "../unit.h"

#include "core/erasure/erase.h"
#include "core/mirror/mirror.h"
#include "small_world.h"

#define OF(type, id, more) "{\"id\":\"" id "\",\"object\":\"" type "\"" more "}"
#define MAIL ",\"email\":\"ada@example.com\""
#define CUS(id) ",\"customer\":\"" id "\""

/* Stores an answer as a list would bring it. */
enum mirror_result put(struct small_world *w, const char *type, const char *id, const char *data);
/* The object's own GET brings another version: the one before becomes history. */
void change(struct small_world *w, const char *type, const char *id, const char *data);

/* Two customers of one shop; what is Ada's holds her address. */
void open_shop(struct small_world *w);

/* An erasure that goes through. */
void erase(struct small_world *w, const char *id, struct erasure *x, struct arena *a);

/* Is the word anywhere in the bytes of the database and its log? */
bool files_hold(struct small_world *w, const char *word);
