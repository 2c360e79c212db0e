#include "backend/stripe_logged.h"
