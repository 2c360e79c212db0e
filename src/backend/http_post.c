/* http_post.c */
