# Transaction ids beyond 32 bits: the log goes on over the end of an epoch, and nothing is lost, repeated or
# out of order there.  Also, which partitions are read, and that those that are done with are not.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $broker = AgendaKafka::DevBroker->new->start;
my $node = agenda_node('xids', 'agenda.kafka_brokers' => $broker->bootstrap, 'autovacuum' => 'off');

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub emit { my ($key, $n) = @_; return "select agenda.emit('shop.x', '$key', '{\"n\": $n}')" }
sub wait_published { return wait_until(sub { sql('select lag from agenda.log_position()') eq '0' }, 'the log to be published') }
sub metric { return sql("select value from agenda.metrics() where name = 'agenda_drainer_$_[0]'") }

# n of each event of a key, repetitions included
sub numbers { my ($key) = @_; return join ' ', map { $_->{event}{data}{n} } grep { $_->{key} eq $key } @{ $broker->consume([ 'x' ], until => sub { 1 }) } }

sql(q{insert into agenda.topic_routes values ('shop.x', 'x')});
sql(emit('before', 0));
wait_published();

# ---- partitions -------------------------------------------------------------------------------------
# a month of them that are done with: an event in each, read by now
sql(q{
    select agenda._ensure_partitions('2020-06-01'::timestamptz + i * interval '2 days') from generate_series(0, 14) i;
    insert into agenda.events (seq, xid, id, type, subject, key, actor, occurred_at, data)
    select nextval('agenda.events_seq'), pg_current_xact_id(), agenda.uuid7(), 'shop.old', 'old', 'old', 'test', l.lower, '{}'
      from agenda.log_leaves l where l.parent = 'events' and l.upper < '2020-07-01';
    select agenda._close_partitions(now())});
sql(emit('closed', $_)) foreach 1 .. 3;
wait_published();
# a session tells what it has read now and then, and when it ends
sub drainer_ends
{
    my $pid = sql(q{select agenda.health() #>> '{drainer,pid}'});
    sql("select pg_terminate_backend($pid)");
    wait_until(sub { my $next = sql(q{select agenda.health() #>> '{drainer,pid}'}); $next && $next ne $pid }, 'the next drainer');
    return sql(q{select coalesce(sum(seq_scan + idx_scan) filter (where relname ~ '^events_p2020'), 0), coalesce(sum(idx_scan) filter (where relname !~ '^events_p2020'), 0)
                   from pg_stat_user_tables where relname ~ '^events_p'});
}
my ($old, $new) = split /\|/, drainer_ends();
sql(emit('read', $_)) foreach 1 .. 20;
wait_published();
my ($old_later, $new_later) = split /\|/, drainer_ends();
is($old_later, $old, 'partitions that can hold nothing new are not read');
cmp_ok($new_later, '>', $new, 'unlike those that can');

# ---- the end of an epoch ------------------------------------------------------------------------------
# nothing may remember an id of the beginning
$node->safe_psql('postgres', 'update pg_database set datallowconn = true');
$node->safe_psql($_, 'vacuum freeze') foreach qw(postgres template0 template1 agenda);
$node->stop;
my $next = 2**32 - 200;
command_ok([ 'pg_resetwal', '-f', '-x', $next, '-D', $node->data_dir ], 'the next transaction is one of the last of its epoch');
# the piece of the commit log that it would stand in: 32768 bytes for each 2^17 transactions, 8 pages a file
my $segment = sprintf '%s/pg_xact/%04X', $node->data_dir, $next / 2**20;
append_to_file($segment, "\0" x 2**18) unless -e $segment;
$node->start;

my $open = $node->background_psql('agenda');
$open->query_safe('begin; ' . emit('open', 1));
sql(join ';', map { emit('over', $_) } $_ * 20 + 1 .. $_ * 20 + 20) foreach 0 .. 4;
sql(emit('over', $_)) foreach 101 .. 350;
$open->query_safe('commit');
$open->quit;
cmp_ok(sql('select pg_current_xact_id()::text::bigint >> 32'), '==', 1, 'which is over now');
ok(eval { wait_published() }, 'all is published');
is(numbers('over'), join(' ', 1 .. 350), 'once and in order');
is(numbers('open'), '1', 'with what was open when the epoch ended');
# one that has come by logical replication: nobody here has drawn its id yet
sql(q{insert into agenda.events (seq, xid, id, type, subject, key, actor, occurred_at, data)
      values (nextval('agenda.events_seq'), (pg_current_xact_id()::text::bigint + 1000000)::text::xid8, agenda.uuid7(), 'shop.x', 'foreign', 'foreign', 'x', clock_timestamp(), '{"n": 1}')});
$node->restart;
sql(emit('over', 351));
ok(wait_until(sub { numbers('over') =~ / 351$/ }, 'the record'), 'an id of another cluster holds up nobody');
is(numbers('foreign'), '', 'and is not published');
is(numbers('over'), join(' ', 1 .. 351), 'a new drainer goes on behind it');
my $reads;
wait_until(sub { my $r = metric('reads_total'); my $same = defined $reads && $r == $reads; $reads = $r; $same }, 'reads to end');
my $look = sql(q{select agenda.health() #>> '{drainer,heartbeat}'});
wait_until(sub { sql(q{select agenda.health() #>> '{drainer,heartbeat}'}) gt $look }, 'the next look', 30);
is(metric('reads_total'), $reads, 'and rests when there is nothing to read');

fsck_clean($node);
$node->stop;
done_testing();
