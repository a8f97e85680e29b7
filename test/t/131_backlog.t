# Limits of the log: how much may wait to be published, how large an event may be, and what an
# import without events costs.  On the embedded broker.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $broker = AgendaKafka::DevBroker->new->start(control => 1);
my $node = agenda_node('backlog', 'agenda.kafka_brokers' => $broker->bootstrap,
    'agenda.drainer_window' => 100, 'max_prepared_transactions' => 2);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub as_alice { return sql(act_sql('alice', $_[0])) }
sub position { return sql("select $_[0] from agenda.log_position()") }
sub counted { return sql('select events from agenda._backlog()') }
sub metric { return sql("select sum(value) from agenda.metrics() where name = 'agenda_$_[0]'") }
sub wait_published { return wait_until(sub { position('lag') eq '0' && counted() eq '0' }, 'the log to be published') }
sub tasks { return "insert into agenda.tasks (title, description) select 'task ' || n, repeat('x', 1000) from generate_series(1, $_[0]) n" }

# What psql says to a statement of alice that fails.
sub refused
{
    my ($sql) = @_;
    my ($status, undef, $error) = $node->psql('agenda', '\set VERBOSITY verbose' . "\n" . act_sql('alice', $sql), on_error_stop => 0);
    return $error;
}

# --- position ------------------------------------------------------------------------------------
as_alice('insert into agenda.tasks (title) values (\'first\')');
wait_published();
like(position('"position"'), qr/^\d+\.\d+$/, 'a position is opaque and short');
is(position('oldest_age is null and lag_bytes = 0'), 't', 'nothing waits');
$node->safe_psql('agenda', 'create role monitor login in role agenda_monitor');
is($node->safe_psql('agenda', 'set role monitor; select lag from agenda.log_position()'), '0', 'a monitor may ask');

# --- a backlog is counted ------------------------------------------------------------------------
$broker->command('down 1');
as_alice(tasks(500));
is(position('lag'), '500', 'events that wait are counted');
cmp_ok(position('lag_bytes'), '>', 500 * 1000, 'in bytes, too');
cmp_ok(position('extract(epoch from oldest_age)'), '<', 60, 'and dated');
is(counted(), '500', 'shared memory counts the same');
cmp_ok(sql('select bytes from agenda._backlog()'), '>', 500 * 1000, 'and about the same bytes');
my ($drainer) = sql(q{select agenda.health() #>> '{drainer,pid}'});
sql("select pg_terminate_backend($drainer)");
wait_until(sub { (sql(q{select agenda.health() #>> '{drainer,pid}'}) || $drainer) ne $drainer && counted() eq '500' }, 'another drainer to count');
pass('a new drainer counts what it finds');

# --- policies ------------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', 'agenda.max_backlog = 300kB');
$node->reload;
wait_until(sub { sql('show agenda.max_backlog') eq '300kB' }, 'the setting');
as_alice(tasks(1));
like(sql(q{select agenda.health()->>'problems'}), qr/larger than agenda.max_backlog \(300kB\)"/, 'keep: a problem of health(), and changes go on');

$node->append_conf('postgresql.conf', 'agenda.backlog_policy = reject');
$node->reload;
wait_until(sub { sql('show agenda.backlog_policy') eq 'reject' }, 'the setting');
like(refused(tasks(1)), qr/ERROR:  53400: too many events wait to be published\n.*agenda.max_backlog is 300 kB/, 'reject: changes are refused');
like(sql(q{select agenda.health()->>'problems'}), qr/changes are refused/, 'and health() says so');
is(as_alice('select count(*) from agenda.tasks'), '502', 'reading goes on');
is(sql(act_sql('alice', q{update agenda.tasks set notified = true where title = 'first'; select 'done'})), 'done', 'as does what writes no event');
# the engine is not refused: a reminder that is owed is raised
sql(q{begin;
    insert into agenda.timers (user_id, entity, entity_id, fire_at, what) select user_id, 'task', id, now(), 'due' from agenda.tasks where title = 'first';
    set local session_replication_role = replica;
    update agenda.tasks set due_date = now() - interval '1 second' where title = 'first';
    select agenda._wake_scanner(now());
    commit});
ok(wait_until(sub { sql(q{select count(*) from agenda.events where type = 'task.due'}) eq '1' }, 'the reminder'), 'reminders come all the same');

# nor is what was prepared forgotten
$node->append_conf('postgresql.conf', 'agenda.max_backlog = 0');
$node->reload;
wait_until(sub { sql('show agenda.max_backlog') eq '0' }, 'the setting');
my $before = counted();
my $written = metric('log_events_total');
sql(q{begin; select count(*) from agenda.events; update agenda.topics set mode = mode; prepare transaction 'other'});
sql(act_sql('alice', tasks(100)) =~ s/commit/prepare transaction 'p'/r);
is(metric('log_prepared_transactions'), 1, 'of two prepared transactions one holds events');
sql(q{commit prepared 'p'; commit prepared 'other'});
is(metric('log_prepared_transactions'), 0, 'until it ends');
is(metric('log_events_total') - $written, 100, 'they count as events then');
is(counted() - $before, 100, 'events of a prepared transaction are counted');

$broker->command('up 1');
wait_published();
pass('with the broker back the backlog goes');
as_alice(tasks(1));
wait_published();

# --- the figure heals ----------------------------------------------------------------------------
as_alice('savepoint s; ' . tasks(50) . '; rollback to s; ' . tasks(1));
wait_published();
pass('work of a rolled-back savepoint does not stay in the figure');

# --- an event that is too large ------------------------------------------------------------------
$node->append_conf('postgresql.conf', 'agenda.max_event_bytes = 2kB');
$node->reload;
wait_until(sub { sql('show agenda.max_event_bytes') eq '2kB' }, 'the setting');
like(refused(q{insert into agenda.tasks (title, description) values ('x', repeat('x', 3000))}),
    qr/ERROR:  54000: the event is too large: \d+ bytes\n.*agenda.max_event_bytes/, 'an event that is too large is refused when it is written');
is(as_alice(q{insert into agenda.tasks (title, description) values ('x', repeat('x', 1000)); select 'done'}), 'done', 'one that fits is not');
$node->append_conf('postgresql.conf', "agenda.max_event_bytes = 960kB\nagenda.max_backlog = 0");
$node->reload;

# --- replay, end to end --------------------------------------------------------------------------
my $order = sql(q{
    insert into agenda.topic_routes values ('shop.order.placed', 'orders');
    select agenda.emit('shop.order.placed', 'order-1', '{"total": 12}', key => 'north', headers => '{"x-shop": "n"}')});
my ($first) = @{ $broker->consume([ 'orders' ], count => 1) };
is($first->{event}{id}, $order, 'an event of another schema is published');
is($first->{key}, 'north', 'under its key');
is_deeply($first->{event}{data}, { total => 12 }, 'with its data');
is($first->{headers}{'x-shop'}, 'n', 'and its headers');
wait_published();
is(sql(q{set role agenda_service; select agenda.replay(now() - interval '1 hour', now(), '{shop.order.placed}')}), '1', 'it is asked for again');
my $records = $broker->consume([ 'orders' ], count => 2);
is($records->[1]{event}{id}, $order, 'and comes again, with its id');
is($records->[1]{event}{sequence}, $first->{event}{sequence}, 'and its sequence');
ok($records->[1]{event}{replayed} && !exists $first->{event}{replayed}, 'marked as replayed');
is($records->[1]{headers}{ce_replayed}, 'true', 'in the headers, too');
is(sql(q{set role agenda_service; select agenda.replay(now() - interval '1 hour', now(), '{shop.order.placed}', 'orders-again')}), '1', 'to a topic of its own');
is($broker->consume([ 'orders-again' ], count => 1)->[0]{event}{id}, $order, 'it comes there');
wait_published();
$broker->command('down 1');
sql(q{set role agenda_service; select agenda.replay(now() - interval '1 hour', now(), '{shop.order.placed}')});
is(sql('select lag from agenda.log_position()'), '2', 'while it waits it counts, beside the event that says so');
is(sql('select events from agenda._backlog()'), '2', 'in shared memory, too');
$broker->command('up 1');
wait_published();
my $bulk = sql(q{set role agenda_service; select agenda.replay(now() - interval '1 hour', now(), '{task.created}', 'again')});
wait_until(sub { $broker->count_records('again') >= $bulk }, 'all repetitions');
is($broker->count_records('again'), $bulk, 'many windows of repetitions');
wait_published();

# --- a user who is forgotten while events of theirs are on their way, and refused ------------------
$broker->command('down 1');
sql(act_sql('eve', tasks(20)));
wait_until(sub { sql(q{select value from agenda.metrics() where name = 'agenda_drainer_records_in_flight'}) >= 20 }, 'records on their way');
sql(q{set role agenda_service; select agenda.forget_user(agenda.user_id_of('eve'), even_unpublished => true)});
# the batch, then each of them alone
$broker->command('error 0 10 21');
$broker->command('up 1');
wait_published();
is(sql(q{select count(*) from agenda.dead_letters where type like 'task.%'}), '0', 'leaves no dead letter');
my ($forgotten) = @{ $broker->consume([ 'user-forgotten' ], until => sub { @{ $_[0] } }) };
is($forgotten->{event}{type}, 'user.forgotten', 'and the log goes on');

# --- import without events -----------------------------------------------------------------------
my $alice = sql(q{select agenda.user_id_of('alice')});
my $file = "$PostgreSQL::Test::Utils::tmp_check/131_import.tsv";
open my $out, '>', $file or die "$file: $!";
printf $out "%s\timported %d\t2031-01-%02d 09:00+00\n", $alice, $_, 1 + $_ % 28 foreach 1 .. 100_000;
close $out;
my %seconds;
foreach my $mode (qw(false true))
{
    my $begin = time;
    $node->safe_psql('agenda', "set role agenda_service; begin; select agenda.bulk_import($mode);\n"
          . "\\copy agenda.tasks (user_id, title, due_date) from '$file'\ncommit");
    $seconds{$mode} = time - $begin;
}
note(sprintf('100,000 tasks by COPY: %.1f s without events, %.1f s with', $seconds{true}, $seconds{false}));
cmp_ok($seconds{true}, '<', 2 * $seconds{false} + 1, 'an import without events takes no longer than one with');
is(sql(q{select count(*) from agenda.timers m join agenda.tasks t on t.id = m.entity_id where t.title like 'imported %'}), '200000', 'every task has its timer');
is(sql(q{select count(*) from agenda.events where type = 'task.created' and data->'after'->>'title' like 'imported %'}), '100000', 'one of the two was silent');
like(slurp($node->logfile), qr/LOG:  role "\w+" has made 100000 changes without events in database "agenda"/, 'the server log tells of it');
is(sql(q{select count(*) from agenda.events where type = 'log.silenced'}), '1', 'as does the log');

fsck_clean($node);
$node->stop;
done_testing();
