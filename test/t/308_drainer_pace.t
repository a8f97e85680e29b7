# How the drainer paces itself under a load, and in what order it flushes, publishes and stores its position: by
# counters.  Upper bounds go with the time that the load took, so that a slow machine keeps them all the more.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $properties = "$PostgreSQL::Test::Utils::tmp_check/308_kafka.properties";
append_to_file($properties, "statistics.interval.ms = 600000\n");
my $broker = AgendaKafka::DevBroker->new->start;
# nobody but who has to flushes the WAL of asynchronous commits
my $node = agenda_node('pace',
    'agenda.kafka_brokers' => $broker->bootstrap,
    'agenda.kafka_config_file' => $properties,
    'synchronous_commit' => 'off', 'wal_writer_delay' => '10s');

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub metric { return sql("select value from agenda.metrics() where name = 'agenda_drainer_$_[0]'") }
sub newest_tick { return sql('select max(tick) from agenda.ticks') }
sub drained { return sql(q{select (agenda.log_position()).lag}) == 0 }

sub wait_drained { return wait_until(sub { drained() }, 'the log to be drained') }

# How often the drainer's main thread has gone to sleep.
sub sleeps
{
    my $pid = sql(q{select agenda.health() #>> '{drainer,pid}'});
    my ($count) = slurp("/proc/$pid/task/$pid/status") =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
    return $count;
}

# So many commits, of so many events each, as fast as one session can; what the drainer did for them, and for how many milliseconds.
sub burst
{
    my ($commits, $events) = (@_, 1);
    wait_drained();
    my ($reads, $sleeps, $ticks) = (metric('reads_total'), sleeps(), newest_tick());
    my $started = sql('select clock_timestamp()');
    sql("do \$\$ begin for i in 1 .. $commits loop perform agenda.emit('shop.pace', 't' || i, '{}', 'k' || i % 20) from generate_series(1, $events); commit; end loop; end \$\$");
    wait_drained();
    my $ms = sql("select 1000 * extract(epoch from clock_timestamp() - '$started')");
    return { reads => metric('reads_total') - $reads, sleeps => sleeps() - $sleeps, ticks => newest_tick() - $ticks, ms => $ms };
}

sub bounded
{
    my ($got, $most, $what) = @_;
    cmp_ok($got, '<=', $most, sprintf '%s (%d)', $what, $got);
    return;
}

sql(q{insert into agenda.topic_routes values ('shop.pace', 'pace')});
# connection and topic
burst(10);

# ---- under a load --------------------------------------------------------------------------------
my $commits = 5000;
my $did = burst($commits);
note(join ' ', map { sprintf '%s %d', $_, $did->{$_} } sort keys %$did);
# one that comes soon after a read waits for those that follow it; without that, each would find a read
bounded($did->{reads}, 2.5 * $did->{ms} + 20, 'windows are read a few times a millisecond at the most');
bounded($did->{sleeps}, $commits / 3, 'whose writers hardly ever wake the drainer');
bounded($did->{ticks}, $did->{ms} / 10 + 5, 'the position is stored every 10 ms at the most');

# of commits of 50 events those are a load that come within 10 ms: every 4 ms and before each position, every 10 ms
$did = burst(1000, 50);
note(join ' ', map { sprintf '%s %d', $_, $did->{$_} } sort keys %$did);
bounded($did->{reads}, 0.5 * $did->{ms} + 20, 'windows of many events are read less often than every two milliseconds');

# ---- durable before it is visible outside ----------------------------------------------------------
my $published = metric('records_published_total');
my $begun = sql(q{begin; select agenda.emit('shop.pace', 'flushed', '{}') \g /dev/null
select pg_current_wal_insert_lsn(); commit});
wait_until(sub { metric('records_published_total') > $published }, 'an asynchronous commit to be published');
is(sql("select pg_current_wal_flush_lsn() > '$begun'"), 't', 'what is published is on the disk, although its writer has not waited for that');

# ---- a position passes what has been acknowledged, and nothing else ----------------------------------
wait_drained();
my $stored = newest_tick();
wait_until(sub { my $before = $stored; $stored = newest_tick(); $stored == $before }, 'the last position');
$broker->command('down 1');
my $reads = metric('reads_total');
foreach my $n (1 .. 5)
{
    sql("select agenda.emit('shop.pace', 'held $n', '{}')");
    wait_until(sub { metric('windows_in_flight') >= $n }, "window $n");
}
cmp_ok(metric('reads_total'), '>=', $reads + 5, 'windows are read while the broker is away');
is(newest_tick(), $stored, 'and no position is stored behind them');
$broker->command('up 1');
ok(wait_until(sub { newest_tick() > $stored && drained() }, 'the windows to be published'), 'but once the broker is back');

# ---- without brokers -------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "agenda.kafka_brokers = ''");
$node->reload;
burst(10);
$did = burst($commits);
note(join ' ', map { sprintf '%s %d', $_, $did->{$_} } sort keys %$did);
bounded($did->{reads}, $did->{ms} / 10 + 5, 'without brokers the log is read as often as positions are stored');
bounded($did->{ticks}, $did->{ms} / 10 + 5, 'which is every 10 ms');
bounded($did->{sleeps}, $commits / 10, 'and nobody wakes the drainer meanwhile');

$node->stop;
done_testing();
