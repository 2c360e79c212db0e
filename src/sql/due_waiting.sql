-- core/mirror/followup.c: is any other work of this kind under way for the account? What failed is tried again
-- later, for days where need be, and so are lists under parents that wait for such a one
select count(*) from _due d
where d.done_gen < d.gen and d.dead = 0 and d.kind = $1 and d.account = $2 and d.attempts = 0
    and not (d.kind = 'walk' and d.id = 'parents' and exists (select 1 from _walks w
        where w.type = d.type and w.variant = 'parents' and w.account = d.account and w.state = 'failed'))
