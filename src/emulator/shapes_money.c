#include "emulator/shapes.h"

const char *const shapes_money[T_COUNT] = { 0 };
