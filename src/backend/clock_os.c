/* clock_os.c */
