# told.pl - the part "told" of make bench: the same reminders told by pg_agenda, by a worker that
# looks once a minute, and by pg_cron with a job for each.
#
#   perl told.pl
#
# AGENDA_BENCH_TOLD (100000) reminders, spread evenly over one minute that has yet to come.  Each
# contender writes a row for each that it tells, and counts from the commit of it; those that are missing
# when AGENDA_BENCH_TOLD_MINUTES (30) have passed since the last was owed count as lost, and as later than all
# others.  Processor time is that of all processes of the server, less what it uses without reminders.  One
# contender after the other, the same server.  Figures go to one JSON file in $TESTDIR.
use strict;
use warnings;

use AgendaBench;
use AgendaTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

my $count = $ENV{AGENDA_BENCH_TOLD} // 100_000;
my $minutes = $ENV{AGENDA_BENCH_TOLD_MINUTES} // 30;
my %result = (started => strftime('%FT%TZ', gmtime), machine => machine(), reminders => $count, minutes => $minutes);

my $share = (run_command([ 'pg_config', '--sharedir' ]))[0];
if (!-e "$share/extension/pg_cron.control")
{
    say_line('not measured: pg_cron is not installed');
    exit;
}
# pg_cron as one would set it for very many jobs: workers cost less than connections, many run at a time, and
# none leaves a row of its own
my $node = agenda_node('bench_told', shared_preload_libraries => 'pg_cron,pg_agenda', 'cron.database_name' => 'agenda',
    'cron.use_background_workers' => 'on', 'cron.max_running_jobs' => 64, max_worker_processes => 100, 'cron.log_run' => 'off', 'cron.log_statement' => 'off',
    shared_buffers => '512MB', max_wal_size => '4GB', fsync => 'on', log_min_messages => 'warning', log_statement => 'none', track_commit_timestamp => 'on');
sql('create extension pg_cron; create table public.told (n integer, owed_at timestamptz)');
my $idle = idle_use();

say_line("$count reminders spread over one minute; lateness in ms");
say_line(sprintf '  %-34s %10s %10s %10s %8s %8s %10s', '', 'p50', 'p99', 'longest', 'lost', 'twice', 'CPU us each');
contest('pg_agenda', \&agenda);
contest('a look once a minute, by pg_cron', \&poller);
contest('pg_cron, one job per reminder', \&jobs);
$node->stop;
write_results(\%result, 'told');

sub sql { return $node->safe_psql('agenda', $_[0]) }

# The contender gets the first instant, and returns a query of (n, owed_at, told_at) and one that tidies up.
sub contest
{
    my ($name, $prepare) = @_;
    sql('truncate public.told');
    # a full minute, for pg_cron knows no other; time enough to prepare
    my $lead = 15 + int($count / 2000);
    my $at = sql("select date_trunc('minute', clock_timestamp() + interval '$lead seconds') + interval '1 minute'");
    my ($told, $tidy) = $prepare->($at);
    sql('vacuum analyze');
    my $begin = sql("select extract(epoch from '$at'::timestamptz)");
    die "$name: it took too long to prepare\n" if time > $begin;
    wait_until(sub { time >= $begin - 1 }, 'the minute to begin', 600);
    my ($from, $cpu) = (time, cpu_seconds());
    wait_until(sub { time >= $begin + 60 }, 'the minute to end', 100);
    my $end = $begin + 60 + 60 * $minutes;
    wait_until(seldom(sub { time > $end || sql("select count(distinct n) from ($told) t") >= $count }), 'the last', 60 * $minutes + 60);
    my $seconds = time - $begin;
    $cpu = cpu_seconds() - $cpu - $idle * (time - $from);
    my %figure;
    @figure{qw(p50_ms p99_ms max_ms lost twice)} = map { $_ eq '' ? undef : $_ + 0 } split /\|/, sql(<<"SQL"), -1;
with t as (select n, 1000 * extract(epoch from told_at - owed_at) as ms from ($told) t),
     a as (select n, coalesce(min(ms), 'infinity') as ms from generate_series(1, $count) n left join t using (n) group by n)
select nullif(percentile_disc(0.5) within group (order by ms), 'infinity'), nullif(percentile_disc(0.99) within group (order by ms), 'infinity'),
       max(ms) filter (where ms < 'infinity'), count(*) filter (where ms = 'infinity'), (select count(*) - count(distinct n) from t)
  from a
SQL
    @figure{qw(cpu_us seconds load)} = (1e6 * $cpu / $count, $seconds, load());
    say_line(sprintf '  %-34s %10s %10s %10s %8d %8d %10.0f  load %.2f', $name, (map { defined ? sprintf '%.0f', $_ : 'not told' } @figure{qw(p50_ms p99_ms max_ms)}),
        @figure{qw(lost twice cpu_us load)});
    $result{$name} = \%figure;
    sql($tidy);
}

# A condition that is asked every five seconds: looking is work for the server that is measured.
sub seldom
{
    my ($condition) = @_;
    my $next = 0;
    return sub {
        return 0 if time < $next;
        $next = time + 5;
        return $condition->();
    };
}

# What the server uses in a second without reminders.
sub idle_use
{
    my ($from, $cpu) = (time, cpu_seconds());
    wait_until(sub { time > $from + 10 }, 'ten seconds to pass', 20);
    return (cpu_seconds() - $cpu) / (time - $from);
}

# What all processes of the server have used, those that have ended too.
sub cpu_seconds
{
    my $postmaster = (split /\n/, slurp($node->data_dir . '/postmaster.pid'))[0];
    my $ticks = 0;
    foreach my $file (glob '/proc/[0-9]*/stat')
    {
        my $text = eval { slurp($file) } // next;
        my ($pid, $rest) = $text =~ /^(\d+) .*\) (.*)/s or next;
        my @stat = split ' ', $rest;
        $ticks += $stat[11] + $stat[12] if $pid == $postmaster || $stat[1] == $postmaster;
        $ticks += $stat[13] + $stat[14] if $pid == $postmaster;
    }
    return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

sub agenda
{
    my ($at) = @_;
    sql(<<"SQL");
begin;
set local role agenda_service;
select agenda.bulk_import();
insert into agenda.users (external_id) select 'told ' || i from generate_series(1, 1000) i;
insert into agenda.tasks (user_id, title)
select agenda.user_id_of('told ' || 1 + i % 1000), i from generate_series(1, $count) i;
insert into agenda.reminders (user_id, task_id, anchor, absolute_local, absolute_zone)
select t.user_id, t.id, 'absolute', (timestamptz '$at' + t.title::integer * interval '1 minute' / $count) at time zone 'UTC', 'UTC' from agenda.tasks t;
commit;
SQL
    return ('select t.title::integer as n, n.scheduled_for as owed_at, pg_xact_commit_timestamp(n.xmin) as told_at from agenda.notifications n join agenda.tasks t on t.id = n.task_id',
        'select');
}

sub poller
{
    my ($at) = @_;
    sql(<<"SQL");
create table public.due (n integer primary key, owed_at timestamptz, told boolean not null default false);
create index on public.due (owed_at) where not told;
insert into public.due select i, timestamptz '$at' + i * interval '1 minute' / $count from generate_series(1, $count) i;
select cron.schedule('look', '* * * * *', \$\$with d as (update public.due set told = true where owed_at <= clock_timestamp() and not told returning n, owed_at)
    insert into public.told select n, owed_at from d\$\$);
SQL
    return ('select n, owed_at, pg_xact_commit_timestamp(xmin) as told_at from public.told', q{select cron.unschedule('look'); drop table public.due});
}

# A job can be asked for by the minute only: the one after it is owed.
sub jobs
{
    my ($at) = @_;
    sql(<<"SQL");
insert into cron.job (schedule, command, nodename, nodeport, database, username, jobname)
select to_char((timestamptz '$at' + interval '1 minute') at time zone 'GMT', 'FMMI FMHH24 FMDD FMMM *'),
       format('insert into public.told values (%s, %L)', i, timestamptz '$at' + i * interval '1 minute' / $count),
       '', current_setting('port')::integer, 'agenda', current_user, 'told ' || i
  from generate_series(1, $count) i;
SQL
    return ('select n, owed_at, pg_xact_commit_timestamp(xmin) as told_at from public.told', 'delete from cron.job');
}
