-- core/due.c: other processes may work here; claims end by their leases, pauses by the clock
update _due set claimed = claimed where false
