# Several scanners: those beside the first work while more is owed than a round takes, nothing is lost or
# told twice, and what goes wrong with one of them is no matter.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('scanners', 'agenda.scanners' => 3, 'agenda.scanner_batch' => 40, max_worker_processes => 20);

sub sql { return $node->safe_psql('agenda', $_[0]) }

sub set_clock
{
    sql("alter system set agenda.now = '$_[0]'");
    $node->reload;
}

# A storm: so many reminders of each of ten users, two for every task, come up when the clock is set.
my $storms = 0;
sub storm
{
    my ($each, $before) = @_;
    my $name = 'storm ' . ++$storms;
    my $instant = sprintf '2030-01-%02d 12:00Z', $storms;
    sql(<<"SQL");
begin;
set local role agenda_service;
insert into agenda.users (external_id) select '$name ' || i from generate_series(1, 10) i;
insert into agenda.tasks (user_id, title) select u.id, '$name' from agenda.users u, generate_series(1, $each / 2)
 where u.external_id like '$name %';
insert into agenda.reminders (user_id, task_id, anchor, absolute_local, absolute_zone)
select t.user_id, t.id, 'absolute', timestamptz '$instant' at time zone 'UTC', 'UTC'
  from agenda.tasks t, generate_series(1, 2) where t.title = '$name';
commit
SQL
    sql($before =~ s/NAME/$name/r) if defined $before;
    set_clock($instant);
    wait_until(sub { sql('select agenda.now()') eq sql("select timestamptz '$instant'") }, 'the clock');
    return $name;
}

sub owed { return sql('select count(*) from agenda.timers where fire_at <= agenda.now()') }

# Reminders of a storm: how many, how many came up, how many events say so, for how many of them more than one does.
sub books
{
    my ($name) = @_;
    return sql(<<"SQL");
select count(*), sum(r.fired_count), sum(e.n), count(*) filter (where e.n > 1)
  from agenda.tasks t join agenda.reminders r on r.task_id = t.id and r.user_id = t.user_id
  left join lateral (select count(*) as n from agenda.events e where e.subject = r.id::text and e.type = 'reminder.due') e on true
 where t.title = '$name'
SQL
}

wait_until(sub { sql(q{select count(*) from agenda._workers() where worker like '%scanner%' and state = 'idle'}) == 3 }, 'three scanners');
is(sql(q{select jsonb_array_length(agenda.health()->'extra_scanners')}), 2, 'health() lists the extra ones');
is(sql(q{select agenda.health()->>'ok'}), 'true', 'all is well');
is(sql(q{select count(*) from agenda.metrics() where name = 'agenda_worker_up' and labels->>'worker' = 'extra scanner' and value = 1}), 2,
    'and so do the metrics');

# who has told what; outside of the transaction's way, by the name of the process
sql(<<'SQL');
create table public.told (who text, round xid8 default pg_current_xact_id());
grant insert on public.told to agenda_service;
create function public.note() returns trigger language plpgsql as
    $$ begin insert into public.told values (current_setting('application_name')); return null; end $$;
create trigger note after insert on agenda.notifications for each row execute function public.note();
-- and what the end of the transaction waits for
create table public.waited (round xid8 default pg_current_xact_id(), synchronous_commit text);
grant insert on public.waited to agenda_service;
create function public.note_end() returns trigger language plpgsql as
    $$ begin insert into public.waited (synchronous_commit) values (current_setting('synchronous_commit')); return null; end $$;
create constraint trigger note_end after insert on public.told deferrable initially deferred for each row execute function public.note_end();
SQL

# --- one of few does not call them ---------------------------------------------------------------
my $few = storm(2);
wait_until(sub { owed() == 0 }, 'a few to be raised');
is(sql(q{select count(distinct who) from public.told}), 1, 'what a round takes is raised by one');
is(sql(q{select distinct synchronous_commit from public.waited}), 'on', 'and is on disk when it is over');

# --- a storm, shared ---------------------------------------------------------------------------
wait_until(sub {
        my $name = storm(200);
        wait_until(sub { owed() == 0 }, 'a storm to be over');
        is(books($name), '2000|2000|2000|0', "U28 $name: each comes up, once");
        return sql(q{select count(distinct who) from public.told}) == 3;
    }, 'all three to have told something', 120);
pass('all of them work');
is(sql(q{select string_agg(distinct synchronous_commit, ' ' order by synchronous_commit) from public.waited}), 'off on', 'full rounds do not wait for the disk');
is(sql(q{select max(n) <= 40 from (select count(*) as n from public.told group by round) r}), 't', 'a round is no larger than it may be');
fsck_clean($node);

# --- one that cannot be raised: they fail on it, the scanner puts it off ----------------------------
sql(q{
    create function public.refuse() returns trigger language plpgsql as
        $$ begin if new.title = 'poison' then raise exception 'no notification for poison'; end if; return new; end $$;
    create trigger refuse before insert on agenda.notifications for each row execute function public.refuse()});
my $name = storm(200);
sql(act_sql('alice', q{insert into agenda.tasks (title, due_date) values ('poison', agenda.now() + interval '23 hours')}));
wait_until(sub { owed() == 0 }, 'the storm around it to be over');
is(books($name), '2000|2000|2000|0', 'one that cannot be raised holds up no other');
is(sql(q{select count(*) from agenda.timers m join agenda.tasks t on t.id = m.entity_id where t.title = 'poison' and m.fire_at > agenda.now() + interval '9 minutes'}),
    1, 'and is put off');
sql(q{drop function public.refuse cascade});
wait_until(sub { sql(q{select agenda.health()->>'ok'}) eq 'true' }, 'all to be well again');

# --- one that is killed ---------------------------------------------------------------------------
$name = storm(200);
my $killed = 0;
wait_until(sub {
        $killed += sql(q{select count(*) from (select pg_terminate_backend(pid) from agenda._workers() where worker like 'extra scanner%' and state = 'working') k});
        return owed() == 0;
    }, 'the storm to be over all the same');
is(books($name), '2000|2000|2000|0', "with $killed of them killed in the middle nothing is lost or told twice");
wait_until(sub { sql(q{select count(*) from agenda._workers() where worker like '%scanner%' and pid is not null}) == 3 }, 'three scanners again');

# --- what users want held: all set the same users' timers -------------------------------------------
$name = storm(200, q{insert into agenda.preferences (user_id, paused_until)
    select u.id, '2031-01-01' from agenda.users u where u.external_id like 'NAME %'});
wait_until(sub { owed() == 0 }, 'the storm of those who are away to be over');
is(books($name), '2000|2000|2000|0', 'each of a storm that is held comes up once');
is(sql(qq{select count(*) from agenda.timers m join agenda.users u on u.id = m.entity_id where u.external_id like '$name %' and m.entity = 'user'}),
    10, 'and is released by one timer of each user');
unlike(slurp($node->logfile), qr/deadlock detected/, 'scanners do not wait for each other in a ring');

# --- the floor is still right: what is owed next is raised at its time --------------------------------
sql(act_sql('alice', q{insert into agenda.tasks (title, due_date) values ('after', agenda.now() + interval '24 hours 1 second')}));
set_clock(sql(q{select agenda.now() + interval '1 minute'}));
wait_until(sub { sql(q{select count(*) from agenda.notifications n join agenda.tasks t on t.id = n.task_id where t.title = 'after'}) == 1 },
    'what is owed after the storms');
fsck_clean($node, 'fsck() finds nothing in the end');

$node->stop;
done_testing();
