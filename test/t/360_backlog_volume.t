# Much of everything: events that pile up while the broker is away do not slow down who writes, and are caught up
# with; transactions that stay open hold up nobody; draining, disk and reading cost the same at the end of a
# long log as at its beginning.  AGENDA_EVENTS=n is how many (100,000).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaKafka;
use AgendaTest;
use List::Util qw(sum max);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $events = $ENV{AGENDA_EVENTS} // 100_000;
my $piled = $events < 1_000_000 ? $events : 1_000_000;
my $pieces = 10;
my $tmp = $PostgreSQL::Test::Utils::tmp_check;
my $broker = AgendaKafka::DevBroker->new->start(control => 1);
my $node = agenda_node('volume', 'agenda.kafka_brokers' => $broker->bootstrap, 'max_wal_size' => '4GB', 'log_statement' => 'none');

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub wait_published { return wait_until(sub { sql('select lag from agenda.log_position()') eq '0' }, 'the log to be published', 1200) }
sub figure { return sql("select agenda.health() #>> '{drainer,$_[0]}'") }

sql(q{insert into agenda.topic_routes values ('load.event', 'load')});
append_to_file("$tmp/360_probe.sql", <<'SQL');
begin;
select agenda.act_as(agenda.user_id_of('probe')) \gset
insert into agenda.tasks (title, due_date) values ('probe', now() + interval '2 days');
commit;
SQL

# Latencies of an application that writes 50 times a second, in ms, in order.
sub probe
{
    my ($name, $seconds) = @_;
    unlink glob "$tmp/360_$name.*";
    $node->command_ok([ 'pgbench', '-n', '-c', 2, '-R', 50, '-T', $seconds, '-l', "--log-prefix=$tmp/360_$name", '-f', "$tmp/360_probe.sql",
            '-h', $node->host, '-p', $node->port, 'agenda' ], "an application writes, $name");
    my @latencies;
    foreach my $log (glob "$tmp/360_$name.*")
    {
        # client, number, latency with the lag of the schedule, script, time, time, lag
        push @latencies, map { my @column = split; ($column[2] - $column[6]) / 1000 } split /\n/, slurp($log);
    }
    @latencies = sort { $a <=> $b } @latencies;
    note(sprintf('%s: %d writes, median %.1f ms, 95 %% %.1f ms', $name, scalar @latencies, $latencies[ @latencies / 2 ], $latencies[ @latencies * 0.95 ]));
    return @latencies;
}
sub median { return $_[ @_ / 2 ] }

# ---- transactions that stay open -----------------------------------------------------------------
my $idle = $node->background_psql('agenda', timeout => 3600);
$idle->query_safe('begin; create table public.held (n int); select pg_current_xact_id()');
my $writer = $node->background_psql('agenda', timeout => 3600);
$writer->query_safe(q{begin; select agenda.emit('load.event', 'held', '{}')});
my @before = probe('before', 3);
wait_published();
pass('one transaction that writes something else, one with an event of its own: everything else is published');
is(sql(q{select count(*) from agenda.events where subject = 'held'}), '0', 'while they are open');

# ---- the broker is away ----------------------------------------------------------------------------
$broker->command('down 1');
my $begin = time;
sql(qq{do \$\$ begin
    for piece in 1 .. 20 loop
        perform agenda.emit('load.event', n::text, jsonb_build_object('n', n, 'filler', repeat('x', 300))) from generate_series(1, $piled / 20) n;
        commit;
    end loop;
end \$\$});
note(sprintf('%d events in %.1f s by emit()', $piled, time - $begin));
my @during = probe('meanwhile', 3);
cmp_ok(median(@during), '<', 3 * median(@before) + 5, 'its writes take as long as before');
$begin = time;
cmp_ok(sql('select lag from agenda.log_position()'), '>=', $piled, 'all of it waits');
cmp_ok(time - $begin, '<', 2, 'which is known at once');
my $memory = figure('pid');
$broker->command('up 1');
$begin = time;
wait_published();
my $seconds = time - $begin;
note(sprintf('caught up in %.1f s, %.0f events/s', $seconds, $piled / $seconds));
my ($rss) = slurp("/proc/$memory/status") =~ /^VmHWM:\s+(\d+) kB/m;
note(sprintf('the drainer had %.0f MB at the most', $rss / 1024));
cmp_ok($rss, '<', 512 * 1024, 'the memory of the drainer stays small');

# ---- they end ----------------------------------------------------------------------------------------
$writer->query_safe('commit');
$writer->quit;
wait_published();
is(sql(q{select count(*) from agenda.events where subject = 'held'}), '1', 'an event of a transaction that was open for long is there');
$idle->query_safe('rollback');
$idle->quit;

# ---- a long log --------------------------------------------------------------------------------------
# Straight into the table, as the log's own function writes it, for the sake of speed.
my @rates;
my @disk;
foreach my $piece (1 .. $pieces)
{
    my $n = int($events / ($events > 1_000_000 ? 1 : 4) / $pieces);
    my $size = sql(q{select sum(pg_total_relation_size(format('agenda.%I', leaf)::regclass)) from agenda.log_leaves});
    sql(qq{
        insert into agenda.events (seq, xid, id, type, subject, key, actor, occurred_at, data)
        select nextval('agenda.events_seq'), pg_current_xact_id(), agenda.uuid7(), 'load.event', n::text, (n % 1000)::text, 'load', clock_timestamp(), jsonb_build_object('n', n, 'filler', repeat('x', 300))
          from generate_series(1, $n) n});
    $begin = time;
    sql('select agenda._wake_drainer()');
    wait_published();
    push @rates, $n / (time - $begin);
    push @disk, (sql(q{select sum(pg_total_relation_size(format('agenda.%I', leaf)::regclass)) from agenda.log_leaves}) - $size) / $n;
}
note('events/s of each tenth: ' . join(' ', map { sprintf '%.0f', $_ } @rates));
note('bytes of disk per event: ' . join(' ', map { sprintf '%.0f', $_ } @disk));
my $first = (sum @rates[ 0 .. 2 ]) / 3;
my $last = (sum @rates[ -3 .. -1 ]) / 3;
cmp_ok($last, '>', $first / 3, 'the end of a long log is drained about as fast as its beginning');
cmp_ok(max(@disk), '<', 2 * $disk[0] + 100, 'and takes as much disk');
is(sql('select count(*) from agenda.dead_letters'), '0', 'no dead letters');

fsck_clean($node);
$node->stop;
done_testing();
