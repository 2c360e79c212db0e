/* promoting.h - what `brindle catalog promote` does between reading a mirror and submitting
 * operations; apart from the test, for jansson and our own JSON share names. */
#pragma once

#include "core/env.h"

struct promoting {
    const char *from; /* the catalogue that is carried over, as catalog_read writes it */
    size_t n, at;     /* operations; the next one */
    void *changes;
    const char *kind; /* of the latest, for op_submit */
    char *input;
};

enum status promoting_begin(struct promoting *p, struct env *to, struct error *e);
bool promoting_next(struct promoting *p); /* false: that was all */
void promoting_end(struct promoting *p);
