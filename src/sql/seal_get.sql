-- core/environment/seal.c: who took over, and the switch that is under way; a newer program asks stores that it has not
-- migrated yet, so that schema-001 must know what is asked for
select v.sealed_for, coalesce(s.target, ''), coalesce(s.step, ''), coalesce(s.started_at, 0), coalesce(s.held, 0),
    coalesce(s.reseal, 0), coalesce(s.url, '')
from _environment v left join _switch s on s.one = 1
