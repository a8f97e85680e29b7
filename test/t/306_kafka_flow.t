# Several windows in flight: order of each key when windows in the middle are refused or their producer is
# lost; bounded memory while the broker is away and the backlog is long; interrupts answered at once; an
# orderly end in the midst of it.  On the embedded broker.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $keys = 12;
my $properties = "$PostgreSQL::Test::Utils::tmp_check/306_kafka.properties";
# see 300_kafka_faults.t: the development broker does not check sequence numbers
append_to_file($properties, "max.in.flight.requests.per.connection = 1\n");
my $broker = AgendaKafka::DevBroker->new->start;
my $node = agenda_node('flow',
    'agenda.kafka_brokers' => $broker->bootstrap,
    'agenda.kafka_config_file' => $properties,
    'agenda.drainer_window' => 25,
    'agenda.drainer_memory' => '2MB',
    'max_wal_size' => '2GB');

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub metric { return sql("select value from agenda.metrics() where name = 'agenda_$_[0]'") }
sub drainer_pid { return sql(q{select agenda.health() #>> '{drainer,pid}'}) }
sub unpublished { return sql(q{select (agenda.log_position()).lag}) }

sql(q{insert into agenda.topic_routes values ('shop.flow', 'flow'), ('shop.bulk', 'bulk')});

# Many short transactions, each with an event for every key; n is the number of the transaction.
my $n = 0;
sub write_rounds
{
    my ($rounds) = @_;
    my $script = join ";\n", map {
        my $i = ++$n;
        "begin; select agenda.emit('shop.flow', 'k' || k, jsonb_build_object('n', $i), 'k' || k) from generate_series(1, $keys) k \\g /dev/null\ncommit"
    } 1 .. $rounds;
    sql("$script;");
}

# Everything written so far has arrived; returns the numbers of each key in the order of their first arrival.
sub arrivals
{
    my %order;
    $broker->consume([ 'flow' ],
        until => sub {
            my %seen;
            %order = ();
            foreach my $record (@{ $_[0] })
            {
                my $number = $record->{event}{data}{n};
                push @{ $order{ $record->{key} } }, $number unless $seen{"$record->{key} $number"}++;
            }
            return keys %order == $keys && !grep { @{ $order{$_} } < $n } keys %order;
        }, timeout => 60);
    return \%order;
}

# The last record of each key, which a consumer ends with, repetitions included.
sub last_of_each
{
    my %last;
    $last{ $_->{key} } = $_->{event}{data}{n} foreach @{ $broker->consume([ 'flow' ], until => sub { 1 }) };
    return join ' ', sort values %last;
}

# ---- order over windows ------------------------------------------------------------------------
# an answer takes long enough for windows to pile up behind it
$broker->command('rtt 1 60');
write_rounds(20);
wait_until(sub { metric('drainer_windows_in_flight') > 2 || unpublished() == 0 }, 'windows in flight');
# MSG_SIZE_TOO_LARGE for a batch in which nothing is wrong, OUT_OF_ORDER_SEQUENCE_NUMBER
foreach my $code (10, 45, 10)
{
    my $rewinds = metric('drainer_rewinds_total');
    $broker->command("error 0 $code 1");
    write_rounds(15);
    wait_until(sub { metric('drainer_rewinds_total') > $rewinds }, "records to be sent again after error $code");
    # a record that goes alone just then would be refused for good
    wait_until(sub { unpublished() == 0 }, 'the log to be published');
}
$broker->command('rtt 1 0');
my $order = arrivals();
is((grep { @{ $order->{$_} } != $n } keys %$order), 0, 'everything arrives whatever is refused on the way');
wait_until(sub { unpublished() == 0 }, 'the log to be published');
is(last_of_each(), join(' ', ($n) x $keys), 'the last record of each key is its last change');
cmp_ok(metric('drainer_producer_resets_total'), '>=', 1, 'the producer was made anew on the way');
is(sql('select count(*) from agenda.dead_letters'), 0, 'nothing was given up');

# ---- the end in the midst of it ------------------------------------------------------------------
$broker->command('rtt 1 40');
foreach my $end (1 .. 3)
{
    write_rounds(20);
    # the one before may not have its successor yet
    wait_until(sub { drainer_pid() ne '' }, 'a drainer');
    my $pid = drainer_pid();
    my $started = time;
    sql("select pg_terminate_backend($pid)");
    wait_until(sub { sql("select count(*) from pg_stat_activity where pid = $pid") == 0 }, 'the drainer to end');
    cmp_ok(time - $started, '<', 3, 'SIGTERM with windows in flight is obeyed');
}
$broker->command('rtt 1 0');
$order = arrivals();
my @unordered = grep { join(' ', @{ $order->{$_} }) ne join(' ', sort { $a <=> $b } @{ $order->{$_} }) } keys %$order;
wait_until(sub { unpublished() == 0 }, 'the log to be published');
is(last_of_each(), join(' ', ($n) x $keys), 'nothing is missing or out of order after it');

# ---- memory --------------------------------------------------------------------------------------
sub resident_kb { my ($pid) = @_; return (slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m)[0] - (slurp("/proc/$pid/status") =~ /^RssShmem:\s+(\d+)/m)[0] }

wait_until(sub { drainer_pid() ne '' }, 'a drainer');
my $pid = drainer_pid();
$broker->command('down 1');
my $before = resident_kb($pid);
sql(q{select count(agenda.emit('shop.bulk', 's', jsonb_build_object('t', repeat('z', 300)), i::text)) from generate_series(1, 100000) i});
wait_until(sub { metric('drainer_window_bytes') > 900_000 }, 'the drainer to fill its memory');
cmp_ok(metric('drainer_window_bytes'), '<=', 2 * 1024 * 1024, 'windows stay within their half and one more window');
cmp_ok(metric('drainer_in_flight_bytes'), '<=', 1.1 * 1024 * 1024, 'records within theirs');
my $grown = resident_kb($pid) - $before;
cmp_ok($grown, '<', 24 * 1024, "the process has not grown by the backlog ($grown kB for 100000 events)");

# ---- interrupts ------------------------------------------------------------------------------------
# answered while everything is under way: the broker is back and 100000 records go out
sub answers
{
    my $offset = -s $node->logfile;
    my $started = time;
    sql("select pg_log_backend_memory_contexts($pid)");
    wait_until(sub { $node->log_contains("logging memory contexts of PID $pid", $offset) }, 'an answer');
    return 1000 * (time - $started);
}
sub usual_answer { return (sort { $a <=> $b } map { answers() } 1 .. 5)[2] }
my $away = usual_answer();
$broker->command('up 1');
wait_until(sub { metric('drainer_records_published_total') > 10_000 + $n * $keys }, 'the backlog to move');
my $busy = usual_answer();
note("answers after $away and $busy ms, with psql and the look into the log");
cmp_ok($away, '<', 1000, 'interrupts are answered while the broker is away');
cmp_ok($busy, '<', 500, 'and while the backlog goes out');
wait_until(sub { unpublished() == 0 }, 'the backlog to be published', 180);
cmp_ok(metric('publish_seconds_count'), '>=', 100_000, 'each has been timed');
cmp_ok(metric('drainer_read_seconds_count'), '>=', 100_000, 'when it was read, too');
cmp_ok(metric('drainer_read_seconds_sum'), '<=', metric('publish_seconds_sum'), 'which was before');
cmp_ok(resident_kb($pid) - $before, '<', 24 * 1024, 'and memory is as it was');

# ---- an event that takes more than all of it -----------------------------------------------------------
$node->append_conf('postgresql.conf', "agenda.drainer_memory = '1MB'");
$node->reload;
wait_until(sub { sql('show agenda.drainer_memory') eq '1MB' }, 'the setting');
sql(q{select agenda.emit('shop.bulk', 's', jsonb_build_object('t', repeat('z', 950000)), 'large')});
ok(wait_until(sub { unpublished() == 0 }, 'the large event'), 'an event that takes more than the memory goes alone');
is(sql('select count(*) from agenda.dead_letters'), 0, 'and is not refused');

# ---- nothing to do -----------------------------------------------------------------------------------
my $reads;
wait_until(sub { my $r = metric('drainer_reads_total'); my $same = defined $reads && $r == $reads; $reads = $r; $same }, 'reads to end');
my $scans = sql(q{select coalesce(sum(seq_scan + idx_scan), 0) from pg_stat_user_tables where relname like 'events_p%'});
my $look = sql(q{select agenda.health() #>> '{drainer,heartbeat}'});
wait_until(sub { sql(q{select agenda.health() #>> '{drainer,heartbeat}'}) gt $look }, 'the next look', 30);
is(metric('drainer_reads_total'), $reads, 'an idle drainer looks at the log without reading it');

$node->stop;
done_testing();
