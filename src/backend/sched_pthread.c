/* sched_pthread.c */
