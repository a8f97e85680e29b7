# compare.pl - the drainer and Debezium's embedded engine carry the same events of the same table to the same
# broker, one after the other.  Called by run.
#
# Latency: from occurred_at (the insert) to the broker's time of the record, at a given rate of transactions of
# one event each.  Catching up: a backlog that was written while the carrier was stopped.  CPU: of the process that
# carries, with Debezium that of its walsender, too.
use strict;
use warnings;

# the test modules send STDOUT to their log; the table goes to the real one
my $stdout;
BEGIN { open $stdout, '>&', \*STDOUT or die "stdout: $!" }

use AgendaKafka;
use AgendaTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use POSIX ();
use Time::HiRes qw(time);
use Time::Local qw(timegm);

die AgendaKafka->skip_reason . "\n" if AgendaKafka->skip_reason;

my $rate = $ENV{AGENDA_BENCH_RATE} // 500;
my $seconds = $ENV{AGENDA_BENCH_SECONDS} // 10;
my $backlog = $ENV{AGENDA_BENCH_EVENTS} // 200_000;
my $tmp = $PostgreSQL::Test::Utils::tmp_check;
my $kafka = AgendaKafka->new(heap => '1G', 'num.partitions' => 3, 'log.message.timestamp.type' => 'LogAppendTime')->start;
my $ticks = POSIX::sysconf(&POSIX::_SC_CLK_TCK);

append_to_file("$tmp/one_event.sql", <<'SQL');
select agenda.emit('load.event', ':client_id', '{"filler": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}');
SQL

sub new_node
{
    my ($name, $brokers) = @_;
    my $node = agenda_node($name, 'wal_level' => 'logical', 'max_wal_senders' => 5, 'max_replication_slots' => 5,
        'listen_addresses' => '127.0.0.1', 'max_wal_size' => '4GB', 'agenda.kafka_brokers' => $brokers);
    $node->safe_psql('agenda', qq{insert into agenda.topic_routes values ('load.event', '$name')});
    return $node;
}

sub cpu
{
    my $sum = 0;
    foreach my $pid (@_)
    {
        my @stat = split ' ', slurp_file("/proc/$pid/stat") =~ s/.*\) //sr;
        $sum += ($stat[11] + $stat[12]) / $ticks;
    }
    return $sum;
}

# Milliseconds between the insert and the broker's time, in order, of events written since.
sub latencies
{
    my ($topic, $since) = @_;
    my @result;
    my $out = '';
    IPC::Run::run([ 'kcat', '-C', '-e', '-q', '-o', 'beginning', '-t', $topic, '-f', '%T %s\n', '-b', $kafka->bootstrap ],
        '<', \undef, '>', \$out)
      or die "kcat failed\n";
    foreach my $line (split /\n/, $out)
    {
        my ($at) = $line =~ /^(\d+) /;
        my ($y, $m, $d, $h, $min, $s, $fraction) = $line =~ /"(?:time|occurred_at)":"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(\.\d+)?Z"/ or next;
        my $written = timegm($s, $min, $h, $d, $m - 1, $y) + ($fraction // 0);
        push @result, $at - 1000 * $written if $written >= $since;
    }
    return sort { $a <=> $b } @result;
}

# stop and go: subs that keep the carrier from working; pids: processes that do the work.
sub measure
{
    my ($name, $node, $pids, $stop, $go) = @_;
    my $topic = $name;
    my $psql = sub { $node->safe_psql('agenda', $_[0]) };

    # the first time is to warm up
    my ($before, $begin, $cpu);
    foreach (1 .. 2)
    {
        ($before, $begin, $cpu) = ($kafka->count_records($topic), time, cpu($pids->()));
        my ($out, $err) = ('', '');
        IPC::Run::run([ 'pgbench', '-n', '-c', 8, '-R', $rate, '-T', $seconds, '-f', "$tmp/one_event.sql", $node->connstr('agenda') ], '>', \$out, '2>', \$err)
          or die "pgbench: $err";
        my ($sent) = $out =~ /actually processed: (\d+)/;
        wait_until(sub { $kafka->count_records($topic) >= $before + $sent }, 'the records', 300);
    }
    my $rate_cpu = (cpu($pids->()) - $cpu) / (time - $begin);
    my @latency = latencies($topic, $begin);

    $stop->();
    foreach my $piece (1 .. 20)
    {
        $psql->(qq{select count(agenda.emit('load.event', n::text, jsonb_build_object('filler', repeat('x', 100)))) from generate_series(1, $backlog / 20) n});
    }
    $before = $kafka->count_records($topic);
    $go->();
    my @pids = wait_until(sub { my @p = eval { $pids->() }; @p && \@p }, 'the carrier', 120);
    $cpu = cpu(@{ $pids[0] });
    wait_until(sub { $kafka->count_records($topic) > $before + 100 }, 'the first of the backlog', 300);
    my $first = $kafka->count_records($topic);
    $begin = time;
    wait_until(sub { $kafka->count_records($topic) >= $before + $backlog }, 'the backlog', 900);
    my $caught = ($before + $backlog - $first) / (time - $begin);
    printf {$stdout} "%-10s %6d/s: p50 %7.1f ms  p95 %7.1f ms  p99 %7.1f ms  CPU %5.1f %%   backlog: %8.0f events/s, CPU %5.1f us/event\n", $name, $rate,
      @latency[ @latency * 0.5, @latency * 0.95, @latency * 0.99 ], 100 * $rate_cpu, $caught, 1e6 * (cpu(@{ $pids[0] }) - $cpu) / $backlog;
}

# ---- ours --------------------------------------------------------------------------------------
my $node = new_node('drainer', $kafka->bootstrap);
measure('drainer', $node, sub { $node->safe_psql('agenda', q{select agenda.health() #>> '{drainer,pid}'}) || die },
    sub { kill 'STOP', $node->safe_psql('agenda', q{select agenda.health() #>> '{drainer,pid}'}) },
    sub { kill 'CONT', $node->safe_psql('agenda', q{select agenda.health() #>> '{drainer,pid}'}) });
$node->stop;

# ---- Debezium ------------------------------------------------------------------------------------
$node = new_node('debezium', '');
$node->safe_psql('agenda', q{create publication bench for table agenda.events with (publish_via_partition_root = true)});
my $java;
my $start = sub {
    $java = spawn('relay', [ 'java', '-XX:+UseSerialGC', '-Xmx512m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
            '-cp', "$ENV{AGENDA_DEBEZIUM_LIB}/*", "$ENV{AGENDA_ROOT}/test/bench/debezium/Relay.java", $node->port, 'agenda', $kafka->bootstrap, 'debezium' ]);
    wait_until(sub { $node->safe_psql('agenda', 'select count(*) from pg_stat_replication') > 0 }, 'Debezium', 120);
};
my $sender = sub { return ($java, $node->safe_psql('agenda', 'select pid from pg_stat_replication') || die) };
$start->();
# frozen, not stopped, so that neither has to start again
measure('debezium', $node, $sender, sub { kill 'STOP', $java }, sub { kill 'CONT', $java });
stop_process($java, 'KILL');
$node->stop('immediate');
