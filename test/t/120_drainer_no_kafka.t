# The drainer without Kafka: it cuts the log into windows and saves ticks, for whoever reads the log
# by its ticks.  What is in a window is committed, complete, in order, and there once.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('drainer', max_prepared_transactions => 10, 'agenda.drainer_window' => 50);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub figure { return sql("select agenda.health() #>> '{drainer,$_[0]}'") }
sub metric { return sql("select value from agenda.metrics() where name = 'agenda_$_[0]'") }
sub create { return "insert into agenda.tasks (title) values ('$_[0]')" }

# The number of the first tick that covers the creation of this task; empty while none does.
my $covering = q{
    select min(t.tick) from agenda.ticks t, agenda.events e
    where e.type = 'task.created' and e.data::text like '%"title": "TITLE"%'
      and (pg_visible_in_snapshot(e.xid, t.lo)
           or (t.hi is not null and pg_visible_in_snapshot(e.xid, t.hi) and e.seq <= t.seq))};

sub tick_of { return sql($covering =~ s/TITLE/$_[0]/r) }
sub tick_comes { my ($title) = @_; return wait_until(sub { tick_of($title) }, "a tick for $title") }
sub newest_tick { return sql('select max(tick) from agenda.ticks') }

wait_until(sub { figure('state') eq 'idle' }, 'the drainer');

# --- commit and rollback -------------------------------------------------------------------------
sql(act_sql('alice', create('first')));
ok(tick_comes('first'), 'a commit is followed by a tick');
cmp_ok(sql(q{select extract(epoch from t.saved_at - e.occurred_at) from agenda.events e, agenda.ticks t
        where e.data::text like '%first%' and e.type = 'task.created' and t.tick = } . tick_of('first')),
    '<', 2, 'at once');

my $events = figure('events');
$node->psql('agenda', act_sql('alice', create('rolled back')) =~ s/commit/rollback/r);
sql(act_sql('alice', create('kept') . '; savepoint a; ' . create('undone') . '; rollback to a; ' . create('kept too')));
ok(tick_comes($_), "$_ is in a window") foreach 'kept', 'kept too';
is(figure('events') - $events, 2, 'what was rolled back, wholly or to a savepoint, is in none');

# --- a writer that stays open holds back nobody --------------------------------------------------
sql(act_sql('alice', create('prepared')) =~ s/commit/prepare transaction 'p'/r);
sql(act_sql('alice', create('later')));
my $later = tick_comes('later');
is(tick_of('prepared'), '', 'an earlier transaction that is still open is in no window');
my $committed = sql(q{select clock_timestamp()});
sql(q{commit prepared 'p'});
cmp_ok(tick_comes('prepared'), '>', $later, 'it is in a later one, once it has committed');
cmp_ok(sql("select extract(epoch from saved_at - '$committed') from agenda.ticks where tick = " . tick_of('prepared')),
    '<', 3, 'which comes at once');
is(sql(q{select p.seq < l.seq from agenda.events p, agenda.events l where p.data::text like '%"prepared"%' and l.data::text like '%"later"%'
        and p.type = 'task.created' and l.type = 'task.created'}), 't', 'although its number is lower');

# --- concurrent sessions -------------------------------------------------------------------------
# ten tasks that eight sessions complete and open again; some transactions roll back, some in part
sql(act_sql('alice', q{insert into agenda.tasks (title) select 'hot ' || i from generate_series(1, 10) i}));
my $script = "$PostgreSQL::Test::Utils::tmp_check/120.sql";
my $alice = sql(q{select agenda.user_id_of('alice')});
append_to_file($script, <<"SQL");
\\set n random(1, 9)
\\set dice random(1, 10)
begin;
select agenda.act_as('$alice');
update agenda.tasks set description = clock_timestamp()::text where title = 'hot ' || :n;
savepoint s;
update agenda.tasks set priority = 1 + priority % 3 where title = 'hot ' || (1 + :n);
\\if :dice = 1
rollback to s;
\\endif
\\if :dice = 2
rollback;
\\else
commit;
\\endif
SQL
$node->command_ok([ 'pgbench', '-n', '-c', 8, '-j', 2, '-t', 60, '-f', $script, '-h', $node->host, '-p', $node->port, 'agenda' ], 'load');
sql(act_sql('alice', create('end of load')));
my $last = tick_comes('end of load');

# the window of an event: the first tick that covers it
sql(qq{
    create table public.windows as
    select e.seq, e.subject, e.id,
        (select min(t.tick) from agenda.ticks t
         where pg_visible_in_snapshot(e.xid, t.lo)
            or (t.hi is not null and pg_visible_in_snapshot(e.xid, t.hi) and e.seq <= t.seq)) as tick
    from agenda.events e});
is(sql('select count(*) from public.windows where tick is null'), 0, 'every committed event is in a window');
cmp_ok(sql('select count(distinct tick) from public.windows'), '>', 10, 'of many');
is(sql(q{select count(*) from public.windows a join public.windows b using (subject)
        where a.seq < b.seq and a.tick > b.tick}),
    0, 'windows keep the order of the changes of each thing');
is(sql(q{select (select events from agenda._drainer_figures()) = count(*) from agenda.events}), 't', 'each event was read once');
is(sql(q{select count(*) from agenda.ticks t where (hi is not null) <> (seq > 0)}), 0, 'positions are well-formed');

# --- more than a window holds, and a restart in between ------------------------------------------
my $ticks = newest_tick();
my $windows = figure('windows');
sql(act_sql('alice', q{insert into agenda.tasks (title) select 'bulk ' || i from generate_series(1, 4000) i}));
wait_until(sub { tick_of('bulk 4000') }, 'the end of the bulk');
cmp_ok(figure('windows') - $windows, '>=', 80, 'a big transaction is cut into windows');
my $stored = newest_tick() - $ticks;
cmp_ok($stored, '<', 80, "not each of which stores a position ($stored do)");
cmp_ok(sql(qq{select count(*) from agenda.ticks where tick > $ticks and hi is not null}),
    '>=', 1, 'some inside of it, where the upper end of the cut window is kept');

$events = figure('events');
sql(q{select pg_terminate_backend((agenda.health() #>> '{drainer,pid}')::int)});
sql(act_sql('alice', create('after the restart')));
ok(tick_comes('after the restart'), 'a drainer that was ended goes on');
is(figure('events') - $events, 1, 'where the last one stopped');

# --- a number that is lower than what has been read, of a transaction that no snapshot names -----
# The xmax of a snapshot is behind the highest id that has ended: 'early' has drawn a higher id than 'late',
# and a lower number, and is running when 'late' is read.  Then it commits more than a window holds.
$events = figure('events');
my ($early, $late) = map { $node->background_psql('agenda') } 1 .. 2;
$late->query_safe("begin; select agenda.act_as('$alice'); select pg_current_xact_id()");
$early->query_safe("begin; select agenda.act_as('$alice'); " . create('early'));
$late->query_safe(create('late') . '; commit');
ok(tick_comes('late'), 'the later number is read');
$early->query_safe(q{insert into agenda.tasks (title) select 'early ' || i from generate_series(1, 200) i; commit});
ok(tick_comes('early 200'), 'and a transaction that was running then');
is(figure('events') - $events, 202, 'from its first event on');
$_->quit foreach $early, $late;

# --- another partition, another index ------------------------------------------------------------
# the drainer remembers both
my $leaf = 'agenda.' . sql(q{select agenda._leaf_name('events', date_trunc('day', now(), 'UTC'))});
sql("reindex table concurrently $leaf");
sql(act_sql('alice', create('in a new index')));
ok(tick_comes('in a new index'), 'a partition is read by an index that was made anew');
sql("drop table $leaf; delete from agenda.log_leaves where 'agenda.' || leaf = '$leaf'");
sql(act_sql('alice', create('in a new partition')));
ok(tick_comes('in a new partition'), 'an event whose transaction has made the partition is read');

is(metric('drainer_read_seconds_count'), 0, 'where nothing is published nothing is timed');

# --- a clock that was ahead, and is set back -------------------------------------------------------
# meanwhile the partition of today was closed, and the drainer is done with it
sql(q{select agenda._ensure_partitions(now() + interval '2 days');
      update agenda.log_leaves set closed_xmax = agenda._next_xid() where parent = 'events' and lower <= now()});
foreach (1 .. 2)
{
    my $reads = metric('drainer_reads_total');
    sql('select pg_current_xact_id(), agenda._wake_drainer()');
    wait_until(sub { metric('drainer_reads_total') > $reads }, 'the drainer to look');
}
$events = figure('events');
sql(act_sql('alice', create('after the clock was set back')));
ok(wait_until(sub { figure('events') == $events + 1 }, 'the event'), 'what is written to a partition that was closed is read');

# --- what nobody tells of --------------------------------------------------------------------------
# rows that a superuser writes past all functions; the drainer looks every five seconds
$events = figure('events');
sql(q{insert into agenda.events (seq, xid, id, type, subject, key, actor, occurred_at, data)
      values (nextval('agenda.events_seq'), pg_current_xact_id(), agenda.uuid7(), 'x.y', 'x', 'x', 'x', clock_timestamp(), '{}')});
ok(wait_until(sub { figure('events') == $events + 1 }, 'the look'), 'what nobody tells of is found');

# --- a server crash ------------------------------------------------------------------------------
sql(act_sql('alice', create('before the crash')));
$node->stop('immediate');
$node->start;
ok(tick_comes('before the crash'), 'after a crash nothing that was committed is missing');

# --- the publisher cannot be used: the log waits -------------------------------------------------
$node->append_conf('postgresql.conf', "agenda.kafka_brokers = '127.0.0.1:1'\nagenda.publisher_library = 'no_such_library'");
$node->reload;
ok(wait_until(sub { figure('state') eq 'no publisher' }, 'the drainer to notice'), 'a library that is not there is noticed');
like(sql(q{select agenda.health() ->> 'problems'}), qr/no_such_library/, 'and named in health()');
like(slurp($node->logfile), qr/WARNING:.*events are not published: could not access file "no_such_library"/, 'and in the log');
$ticks = newest_tick();
sql(act_sql('alice', create('waiting')));
wait_until(sub { figure('unpublished') == 1 }, 'the backlog');
is(newest_tick(), $ticks, 'meanwhile the position stays');

$node->append_conf('postgresql.conf', "agenda.kafka_brokers = ''");
$node->reload;
ok(tick_comes('waiting'), 'after a reload it goes on');
ok(wait_until(sub { sql(q{select agenda.health() ->> 'ok'}) eq 'true' }, 'health'), 'and all is well');
unlike(slurp($node->logfile), qr/ERROR:(?!.*publisher)|PANIC|FATAL/, 'nothing else went wrong');

$node->stop;
done_testing();
