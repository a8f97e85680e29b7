# Several drainers: each key has one of them and keeps its order, whichever is killed or held up; positions,
# backlog, retention, streams and dead letters go by all of them; another number of drainers loses and reorders
# nothing.  On the real Kafka.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;

my $kafka = AgendaKafka->new->start;
$kafka->create_topics('flow:4', 'held:1:max.message.bytes=2000', 'small:1:max.message.bytes=2000');
my $node = agenda_node('drainers',
    'agenda.kafka_brokers' => $kafka->bootstrap,
    'agenda.drainers' => 3,
    'agenda.drainer_window' => 50,
    'restart_after_crash' => 'on',
    # a crash takes the newest commits back: Kafka must not have them
    'synchronous_commit' => 'off',
    'wal_writer_delay' => '2s',
    'max_worker_processes' => 20,
    'max_connections' => 40);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub ask { my ($code, $out) = eval { $node->psql('agenda', $_[0]) }; return defined $code && $code == 0 ? $out : '' }
sub lag { return ask('select lag from agenda.log_position()') }
sub wait_published { return wait_until(sub { lag() eq '0' }, 'the log to be published') }
sub running { return ask(q{select count(*) from pg_stat_activity where backend_type = 'pg_agenda drainer' and datname = 'agenda'}) }
sub pid_of { my ($n) = @_; my $name = $n ? "drainer $n" : 'drainer'; return wait_until(sub { ask("select pid from pg_stat_activity where application_name = 'pg_agenda $name (agenda)'") }, "drainer $n") }
sub emit_for { my ($type, $key, $data) = @_; return sql("select agenda.emit('$type', '$key', jsonb_build_object('t', $data), '$key')") }
# not to be compressed below the limit of a topic
my $large = "(select string_agg(md5(i::text), '') from generate_series(1, 200) i)";
sub gone { my ($day) = @_; return sql("select to_regclass('agenda.events_p$day') is null") eq 't' }

# A key of a drainer, for so many of them.
sub key_of
{
    my ($drainer, $drainers, $prefix) = @_;
    return sql("select '$prefix' || i from generate_series(1, 1000) i where agenda._drainer_of('$prefix' || i, $drainers) = $drainer limit 1");
}

# Starts the server again, with settings.
sub restart_with
{
    my %settings = @_;
    $node->stop('fast');
    $node->append_conf('postgresql.conf', "$_ = '$settings{$_}'") foreach sort keys %settings;
    $node->start;
}

sql(q{
    insert into agenda.topic_routes values ('shop.flow', 'flow'), ('shop.held', 'held'), ('shop.small', 'small');
    insert into agenda.topics (topic, on_refused) values ('held', 'halt'), ('small', 'block_key')});

# ---- writers: each has keys of its own, so that the order of a key is that of its numbers --------
my $script = "$PostgreSQL::Test::Utils::tmp_check/325_writer.sql";
append_to_file($script, <<'SQL');
\set k random(1, 10)
\set what random(1, 10)
begin;
select agenda.emit('shop.flow', 'x', '{}', 'c' || :client_id || '-' || :k);
\if :what = 1
savepoint s;
select agenda.emit('shop.flow', 'undone', '{}', 'c' || :client_id || '-' || :k);
rollback to s;
\elif :what = 2
select agenda.emit('shop.flow', 'x', '{}', 'c' || :client_id || '-' || i % 10) from generate_series(1, 100) i;
\endif
\if :what = 10
rollback;
\else
commit;
\endif
SQL

sub start_writers
{
    return spawn('writers', [ 'sh', '-c', <<'SH', $script ], PGHOST => $node->host, PGPORT => $node->port, PGAPPNAME => 'writers');
trap 'kill $pgbench; exit' TERM
while :; do
    pgbench -n -M simple -c 6 -R 300 -T 600 -f "$0" agenda &
    pgbench=$!
    wait $pgbench
done
SH
}

sub end_writers
{
    stop_process($_[0]);
    $node->poll_query_until('agenda', "select count(*) = 0 from pg_stat_activity where application_name = 'writers'");
}

sub wait_for_delivery
{
    my ($what) = @_;
    my $before = wait_until(sub { $kafka->count_records('flow') }, "records $what");
    wait_until(sub { $kafka->count_records('flow') > $before + 200 }, "deliveries $what");
}

# Lost, ghosts, out of order, keys whose last record is not their newest; and how many came again.
sub books
{
    my ($what) = @_;
    my (%times, %last, %final, @ghosts, @reordered);
    my $records = 0;
    wait_published();
    my %logged = map { split /\|/ } split /\n/, sql(q{select id, seq from agenda.events where type = 'shop.flow'});
    $kafka->each_header('flow', sub {
        my ($partition, $key, $headers) = @_;
        my ($id) = $headers =~ /ce_id=([^,]+)/;
        my ($seq) = $headers =~ /ce_sequence=0*(\d+)/;
        $records++;
        $final{$key} = $seq;
        push @ghosts, $id if !exists $logged{$id};
        return if $times{$id}++;
        push @reordered, "$key: $seq after $last{$key}" if ($last{$key} // 0) > $seq;
        $last{$key} = $seq;
    });
    my @lost = grep { !$times{$_} } keys %logged;
    my @stale = grep { $final{$_} != $last{$_} } keys %last;
    note(sprintf('%s: %d events, %d records', $what, scalar keys %logged, $records));
    is_deeply([ \@lost, \@ghosts, \@reordered, \@stale ], [ [], [], [], [] ], "$what: nothing lost, made up or out of order");
    return $records - keys %logged;
}

# ---- three of them -------------------------------------------------------------------------------
wait_until(sub { running() eq '3' }, 'three drainers');
wait_until(sub { sql('select count(*) from agenda._log_positions()') eq '3' }, 'a position for each');
wait_until(sub { sql(q{select agenda.health()->>'ok'}) eq 'true' }, 'health');
is(sql(q{select jsonb_array_length(agenda.health()->'drainers')}), '3', 'health() has each of them');
is(sql('select drainers, shared_by from agenda.log_owners order by adopted_at desc limit 1'), '3|task', 'the log knows by whom it is shared');
my $writers = start_writers();
wait_for_delivery('by three drainers');
end_writers($writers);
is(books('three drainers'), 0, 'each record came once');
is(sql(q{select count(*) from agenda.metrics() where name = 'agenda_drainer_records_published_total' and labels->>'drainer' in ('0', '1', '2') and value > 0}), '3',
    'each of them has published something');
is(sql(q{select sum(value) from agenda.metrics() where name = 'agenda_drainer_records_published_total'}), $kafka->count_records('flow'), 'and together everything');
is(sql(q{select (select events from agenda._drainer_figures()) = count(*) from agenda.events}), 't', 'each event was read once by its own');

# ---- again ---------------------------------------------------------------------------------------
my $asked = sql(q{set role agenda_service; select agenda.replay(now() - interval '1 hour', now(), '{shop.flow}', 'again')});
wait_until(sub { $kafka->count_records('again') >= $asked }, 'the repetitions');
my (%repeated, @overtaken);
$kafka->each_header('again', sub {
    my ($partition, $key, $headers) = @_;
    my ($seq) = $headers =~ /ce_sequence=0*(\d+)/;
    push @overtaken, $key if ($repeated{$key} // 0) >= $seq;
    $repeated{$key} = $seq;
});
is_deeply([ $kafka->count_records('again'), \@overtaken ], [ $asked, [] ], 'a replay is shared, too, and keeps the order of each key');

# ---- who has nothing in a window --------------------------------------------------------------------
# windows that are cut have nothing of drainer 2 before its event at the end
my @key = map { key_of($_, 3, 'k') } 0 .. 2;
sql("begin; select count(agenda.emit('shop.flow', 'many', '{}', '$key[1]')) from generate_series(1, 1000); select agenda.emit('shop.flow', 'last', '{}', '$key[2]'); commit");
is(books('windows of one drainer'), 0, 'events of others are passed over, each record came once');
# nor has drainer 0, by whose position streams go, anything here
my ($since, $task) = sql(q{select "position" from agenda.log_position()});
do { $task = sql(act_sql('alice', q{insert into agenda.tasks (title) values ('theirs') returning id})) } until sql("select agenda._drainer_of('$task', 3)") ne '0';
my $user = sql(q{select agenda.user_id_of('alice')});
ok(wait_until(sub { sql(qq{select body from agenda.gw_changes('$user', null, null, '{"since": "$since"}')}) =~ /$task/ }, 'the change'), 'streams have what others publish');

# ---- kills ---------------------------------------------------------------------------------------
$writers = start_writers();
foreach my $n (2, 0, 1)
{
    wait_for_delivery('between kills');
    if ($n == 0) { ask('select pg_terminate_backend(' . pid_of($n) . ')') }
    else { kill 'KILL', pid_of($n) }
    wait_for_delivery("after the end of drainer $n");
}
$node->stop('immediate');
$node->start;
wait_for_delivery('after the server was stopped');
restart_with();
wait_for_delivery('after a restart');
end_writers($writers);
wait_until(sub { running() eq '3' }, 'three drainers');
books('kills and restarts');

# ---- one is behind -------------------------------------------------------------------------------
# its record is too large, and nothing of it may pass; the others go on
my $held = $key[2];
my @other = @key[ 0, 1 ];
$since = sql(q{select "position" from agenda.log_position()});
emit_for('shop.held', $held, $large);
wait_until(sub { sql(q{select agenda.health()->'drainers'->2->>'state'}) =~ /halted/ }, 'drainer 2 to halt');
emit_for('shop.flow', $held, "'waits'") foreach 1 .. 3;
emit_for('shop.flow', $_, "'goes on'") foreach @other;
sql(act_sql('alice', q{insert into agenda.tasks (title) select 'task ' || i from generate_series(1, 30) i}));
my $waiting = 4 + sql(q{select count(*) from agenda.events e where e.data->'after'->>'title' like 'task %' and agenda._drainer_of(e.key, 3) = 2});
cmp_ok($waiting, '>', 6, 'some tasks are with the one that is held up');
wait_until(sub { lag() eq $waiting }, 'the others to go on');
is(sql('select events, oldest = (select min(occurred_at) from agenda.events where type = \'shop.held\') from agenda._log_backlog()'), "$waiting|t",
    'the backlog is what has not been published, as old as the record that holds it up');
is(sql(qq{select jsonb_array_length(body::jsonb->'items') from agenda.gw_changes('$user', null, null, '{"since": "$since"}')}), '30', 'streams have everything: who reads for them reads all');
my (undef, undef, $error) = $node->psql('agenda', "set role agenda_service; select agenda.forget_user('$user')");
like($error, qr/events of the user have not been published yet/, 'a user with events that wait is not forgotten');

# partitions that the one behind may need stay
sql(q{select agenda._ensure_partitions('2020-06-01 12:00+00'); select agenda._close_partitions(now())});
emit_for('shop.flow', $_, "'afterwards'") foreach @other;
wait_until(sub { sql(q{select bool_and(pg_snapshot_xmin(p.lo) > k.closed_xmax) from agenda._log_positions() p, agenda.log_leaves k where p.drainer < 2 and k.leaf = 'events_p20200601'}) eq 't' },
    'the positions of the others');
sql('select agenda._drop_partitions(now())');
ok(!gone('20200601'), 'what one drainer may still have to read is not dropped');

# ---- dead letters --------------------------------------------------------------------------------
my $blocked = key_of(1, 3, 'b');
emit_for('shop.small', $blocked, $large);
wait_until(sub { sql('select count(*) from agenda.dead_letters') eq '1' }, 'a dead letter');
emit_for('shop.small', $blocked, "'$_'") foreach qw(second third);
wait_until(sub { sql('select count(*) from agenda.dead_letters') eq '3' }, 'those that wait behind it');
emit_for('shop.small', $other[0], "'free'");
is($kafka->consume([ 'small' ], count => 1)->[0]{key}, $other[0], 'another key is not blocked');
sql(q{update agenda.dead_letters set data = '{"t": "first"}' where attempts > 0});
is(sql('set role agenda_service; select agenda.redrive_dead_letters()'), '3', 'letters are asked for again');
wait_until(sub { sql('select count(*) from agenda.dead_letters') eq '0' }, 'the letters to go');
emit_for('shop.small', $blocked, "'fourth'");
is_deeply([ map { $_->{event}{data}{t} } grep { $_->{key} eq $blocked } @{ $kafka->consume([ 'small' ], count => 5) } ],
    [qw(first second third fourth)], 'and arrive in order, once, from the drainer of their key');

# ---- another number of drainers, with a backlog ----------------------------------------------------
restart_with('agenda.drainers' => 1);
wait_until(sub { sql(q{select agenda.health()->'drainer'->>'state'}) =~ /halted/ }, 'the only one to halt');
is(running(), '1', 'one drainer');
is(sql('select drainers, shared_by is null, (select count(*) from agenda._log_positions()) from agenda.log_owners order by adopted_at desc limit 1'), '1|t|1',
    'of the three positions none is left over');
$writers = start_writers();
wait_until(sub { (lag() || 0) > 500 }, 'a backlog');
restart_with('agenda.drainers' => 2);
my $holder = sql("select agenda._drainer_of('$held', 2)");
wait_until(sub { sql("select agenda.health()->'drainers'->$holder->>'state'") =~ /halted/ }, 'one of two to halt');
wait_for_delivery('by the other one');
sql(q{update agenda.topics set on_refused = 'skip' where topic = 'held'});
wait_until(sub { sql(q{select count(*) from agenda.dead_letters where topic = 'held'}) eq '1' }, 'the record that held it up to be set aside');
wait_for_delivery('of all');
end_writers($writers);
books('three, one, two');
sql('select agenda._close_partitions(now())');
emit_for('shop.flow', $_, "'afterwards'") foreach map { key_of($_, 2, 'k') } 0, 1;
ok(wait_until(sub { sql('select agenda._drop_partitions(now())'); gone('20200601') }, 'the drop'), 'and what nobody needs any more is dropped');

# ---- by user ---------------------------------------------------------------------------------------
# one drainer would know of a reload before another: so it waits for a restart
$node->append_conf('postgresql.conf', "agenda.event_key = 'user'");
$node->reload;
wait_until(sub { sql('show agenda.event_key') eq 'user' }, 'the setting');
sql(act_sql('alice', q{update agenda.tasks set title = title || '!'}));
wait_published();
is((grep { $_->{key} eq $user } @{ $kafka->read_headers('task-updated') }), 0, 'after a reload keys are what they were');
restart_with();
wait_until(sub { running() eq '2' }, 'two drainers');
sql(act_sql('alice', q{update agenda.tasks set title = title || '!'}));
wait_published();
is((grep { $_->{key} eq $user } @{ $kafka->read_headers('task-updated') }), sql('select count(*) from agenda.tasks'), 'after a restart they are the users');
is(sql('select drainers, shared_by from agenda.log_owners order by adopted_at desc limit 1'), '2|user', 'and the log is shared by them');

# ---- a database that goes ----------------------------------------------------------------------------
$node->safe_psql('postgres', 'create database other');
$node->safe_psql('other', 'create extension pg_agenda');
$node->poll_query_until('postgres', q{select count(*) = 2 from pg_stat_activity where backend_type = 'pg_agenda drainer' and datname = 'other'});
$node->safe_psql('postgres', 'drop database other');
pass('is dropped with all its drainers');

unlike(slurp($node->logfile), qr/PANIC|TRAP|unexpected report/, 'nothing went wrong');
$node->stop;
done_testing();
