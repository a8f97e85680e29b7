# storm.pl - the part "storm" of make bench: many reminders at one instant, and a steady stream of them.
#
#   perl storm.pl
#
# AGENDA_BENCH_REMINDERS (100000; a million takes ten minutes to make) reminders, twenty of each of many
# users, come up at one instant: the clock is set to it (agenda.now), so nothing is raised before all
# are there.  AGENDA_BENCH_SCANNERS (2) processes raise them.  Meanwhile other users go on, 300 transactions
# a second in sessions that they have opened before, as those of a gateway; how long theirs take is put
# beside the same without a storm, and beside what the disk needs for a write of a page without any server.  Afterwards fsck() looks whether all is as it should be.  Then, by the
# real clock, 1,000 reminders a second for AGENDA_BENCH_SECONDS (5): how late each was committed.  The
# figures go to one JSON file in $TESTDIR.
use strict;
use warnings;

use AgendaBench;
use AgendaTest;
use POSIX qw(ceil strftime);
use PostgreSQL::Test::Utils;
use Test::More ();
use Time::HiRes qw(time usleep);

my $reminders = $ENV{AGENDA_BENCH_REMINDERS} // 100_000;
my $scanners = $ENV{AGENDA_BENCH_SCANNERS} // 2;
my $per_second = 1000;
my $streamed = $per_second * bench_seconds();
my $tasks_each = 20;
my $others = 500;
# a quarter of the memory, as PostgreSQL's manual has it
my $shared_buffers = sprintf '%dMB', (slurp('/proc/meminfo') =~ /^MemTotal:\s+(\d+) kB/m)[0] / 1024 / 4;
my $instant = '2030-01-01 12:00Z';
my $earlier = '2029-12-01 12:00Z';

my %result = (started => strftime('%FT%TZ', gmtime), machine => machine(), shared_buffers => $shared_buffers);
# when something was committed is when others see it
my $node = agenda_node('bench_storm', 'agenda.scanners' => $scanners, track_commit_timestamp => 'on', fsync => 'on', log_statement => 'none', log_min_messages => 'warning',
    shared_buffers => $shared_buffers, max_wal_size => '8GB', min_wal_size => '8GB', backend_flush_after => '512kB', max_connections => 50, max_worker_processes => 16);
sql('create role bench_app login; grant agenda_app to bench_app');
make_tasks('other', $others * $tasks_each);
make_tasks('streamed', $streamed);
make_tasks('stormy', $reminders);
make_reminders('stormy', $reminders, "timestamptz '$instant'");
# the others have notifications already: plans for an empty table would say nothing
make_reminders('other', $others * $tasks_each, "timestamptz '$earlier'");
set_clock($earlier);
wait_until(sub { usleep(200_000); sql("select agenda.health() #>> '{scanner,raised}'") >= $others * $tasks_each }, 'the others to have notifications', 600);
set_clock('');
make_wal_segments($node, ceil($reminders / 200_000));
sql('vacuum (analyze)');
sql('checkpoint');
$result{storm} = storm();
$result{stream} = stream();
$node->stop;
write_results(\%result, 'storm');

sub sql { return $node->safe_psql('agenda', $_[0]) }

# ---- what there is to raise ------------------------------------------------------------------

# The tasks of as many users as it takes; those of "stormy 1" are called 1 to 20, and so on.
sub make_tasks
{
    my ($who, $count) = @_;
    in_steps($count, sub { <<"SQL" });
insert into agenda.users (external_id) select '$who ' || i from generate_series($_[0], $_[1]) i;
-- as life makes them: those of one user do not lie side by side, nor users beside those that came with them
insert into agenda.tasks (user_id, title)
select u.id, k + $tasks_each * (substr(u.external_id, length('$who ') + 1)::integer - 1)
  from generate_series(1, $tasks_each) k, agenda.users u
 where u.external_id = any (select '$who ' || i from generate_series($_[0], $_[1]) i)
 order by k, md5(k || u.external_id)
SQL
}

# One for each; at is SQL in which t is the task.
sub make_reminders
{
    my ($who, $count, $at) = @_;
    in_steps($count, sub { <<"SQL" });
insert into agenda.reminders (user_id, task_id, anchor, absolute_local, absolute_zone)
select t.user_id, t.id, 'absolute', ($at) at time zone 'UTC', 'UTC'
  from agenda.users u join agenda.tasks t on t.user_id = u.id
 where u.external_id = any (select '$who ' || i from generate_series($_[0], $_[1]) i)
 order by t.ctid
SQL
}

# Without events; some users after the other, so that no transaction is as large as the table.
sub in_steps
{
    my ($count, $statement) = @_;
    my $users = ceil($count / $tasks_each);
    for (my $from = 1; $from <= $users; $from += 2500)
    {
        my $to = $from + 2499 < $users ? $from + 2499 : $users;
        sql('begin; set local role agenda_service; select agenda.bulk_import();' . $statement->($from, $to) . '; commit');
    }
}

# ---- at one instant ---------------------------------------------------------------------------

sub storm
{
    my @disk_quiet;
    my $quiet = percentiles_of(map { $_->[1] } others(5, sub { @disk_quiet = disk_latencies(100, sub { usleep(3_000_000) }) }));
    my $cpu = scanner_cpu();
    # one session and some looks a second: sessions that come and go took a quarter of the machine
    Test::More->builder->output(\my $notes);    # the session tells of each query
    my $watch = $node->background_psql('agenda');
    $watch->set_query_timer_restart;
    my $raised = q{select agenda.health() #>> '{scanner,raised}'};
    my $before = $watch->query_safe($raised);
    my $pid = sql("select agenda.health() #>> '{scanner,pid}'");
    my ($start, @memory);
    my $until_over = sub {
        $start = time;
        set_clock($instant);
        wait_until(sub { usleep(200_000); push @memory, own_memory($pid); $watch->query_safe($raised) - $before >= $reminders },
            'the storm to be over', 3600);
        $watch->quit;
    };
    my @disk_busy;
    my @busy = others(2 + ceil($reminders / 10_000), sub { @disk_busy = disk_latencies(100, $until_over) });
    $cpu = scanner_cpu() - $cpu;
    my ($told, $twice, $end, $left) = split /\|/, sql(<<"SQL");
select count(distinct n.reminder_id), count(*) - count(distinct n.reminder_id), extract(epoch from max(pg_xact_commit_timestamp(n.xmin))),
       (select count(*) from agenda.timers m where m.fire_at <= '$instant')
  from agenda.notifications n where n.scheduled_for = '$instant'
SQL
    set_clock('');
    # the last round goes on after the end
    my ($busy, $disk) = map { percentiles_of(map { $_->[1] } grep { $_->[0] <= $end } @$_) } \(@busy, @disk_busy);
    my $disk_quiet = percentiles_of(map { $_->[1] } @disk_quiet);
    my %storm = (reminders => $reminders, lost => $reminders - $told, twice => $twice + 0, left => $left + 0, seconds => $end - $start,
        per_second => $reminders / ($end - $start), scanner_cpu_us => 1e6 * $cpu / $reminders, others_quiet => $quiet, others => $busy, disk_quiet => $disk_quiet, disk => $disk, scanners => $scanners, memory_kb => $memory[$#memory], memory_half_kb => $memory[ $#memory / 2 ],
        fsck => sql('select count(*) from agenda.fsck()') + 0, load => load());

    say_line(sprintf '%d reminders at one instant, 300 calls a second of other users beside it; shared_buffers %s', $reminders, $shared_buffers);
    row('raised', sprintf('%.0f /s', $storm{per_second}), sprintf('%.1f us of %d scanners each', $storm{scanner_cpu_us}, $scanners),
        sprintf('%d lost, %d twice, %d left, %d findings of fsck()', @storm{qw(lost twice left fsck)}));
    row('memory of the scanner', sprintf '%d kB after one half, %d kB in the end', @storm{qw(memory_half_kb memory_kb)});
    row($_->[0], sprintf 'p50 %.1f ms  p99 %.1f ms  longest %.1f ms', @{ $_->[1] }{qw(p50_ms p99_ms p100_ms)})
      foreach [ 'others, before', $quiet ], [ 'others, meanwhile', $busy ],
      [ 'a write to the disk alone, before (limit)', $disk_quiet ], [ 'a write to the disk alone, meanwhile (limit)', $disk ];
    return \%storm;
}

sub set_clock
{
    my ($now) = @_;
    sql("alter system set agenda.now = '$now'");
    $node->reload;
}

# Calls of one user each, as those of a gateway: a transaction, sent at once.
sub others
{
    my ($seconds, $work) = @_;
    my @calls = map { sprintf <<'SQL', $others, $_ } q{select agenda.create_task('beside the storm')}, 'select agenda.unread_count()', 'select * from agenda.list_tasks()';
\set n random(1, %d)
\startpipeline
begin;
select agenda.act_as(agenda.user_id_of('other ' || :n));
%s;
commit;
\endpipeline
SQL
    return pgbench_latencies($node, 'bench_app', \@calls, 300, $seconds, $work);
}

# Seconds of processor time that the scanners have used.
sub scanner_cpu
{
    my $all = processes();
    my $sum = 0;
    $sum += $all->{$_}[1] foreach split /\n/, sql(q{select pid from agenda._workers() where worker like '%scanner%'});
    return $sum;
}

# Of a process, in kB: without the pages of shared memory that it has touched.
sub own_memory
{
    my ($pid) = @_;
    return (slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m)[0];
}

# ---- a steady stream ----------------------------------------------------------------------------

sub stream
{
    my $lead = 10 + int($streamed / 2000);
    my $begin = sql("select clock_timestamp() + interval '$lead seconds'");

    make_reminders('streamed', $streamed, "timestamptz '$begin' + t.title::integer * interval '1 second' / $per_second");
    my $from = sql("select extract(epoch from timestamptz '$begin')");
    die "the reminders took longer to make than $lead s\n" if time > $from;
    wait_until(sub { time >= $from }, 'the stream to begin', $lead + 1);
    my $cpu = scanner_cpu();
    wait_until(sub { time >= $from + $streamed / $per_second + 1 }, 'the stream to end', 600);
    $cpu = scanner_cpu() - $cpu;
    my @late = split /\n/, sql(<<"SQL");
select 1e6 * extract(epoch from pg_xact_commit_timestamp(n.xmin) - n.scheduled_for) from agenda.notifications n where n.scheduled_for between '$begin' and timestamptz '$earlier' - interval '1 day'
SQL
    my %stream = (per_second => $per_second, reminders => $streamed, lost => $streamed - @late, late => percentiles_of(@late),
        scanner_cpu_us => 1e6 * $cpu / $streamed, load => load());

    say_line("\n$per_second reminders a second, how late they were committed");
    row('late', sprintf('p50 %.1f ms  p99 %.1f ms  longest %.1f ms', @{ $stream{late} }{qw(p50_ms p99_ms p100_ms)}),
        sprintf('%.1f us of %d scanners each', $stream{scanner_cpu_us}, $scanners), "$stream{lost} lost");
    return \%stream;
}
