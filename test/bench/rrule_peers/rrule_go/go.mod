module pg_agenda/bench

go 1.19

require github.com/teambition/rrule-go v1.8.2
