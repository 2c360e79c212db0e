/* store_sqlite.c */
