#include "backend/http_post.h"
