# Partitions of the log: made ahead, dropped by the scanner and by pg_cron, and never in anybody's way.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my ($share) = map { chomp; $_ } `pg_config --sharedir`;
my $cron = -e "$share/extension/pg_cron.control";
my $node = agenda_node('housekeeping',
    ($cron ? ('shared_preload_libraries' => 'pg_cron,pg_agenda', 'cron.database_name' => 'agenda', 'cron.use_background_workers' => 'on') : ()),
    'max_worker_processes' => 20);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub leaves { return sql("select count(*) from agenda.log_leaves where $_[0]") }
sub gone { my ($day) = @_; return sql("select to_regclass('agenda.events_p$day') is null and to_regclass('agenda.ticks_p$day') is null") eq 't' }
sub overdue { return sql(q{select string_agg(labels->>'reason' || ' ' || value, ', ' order by labels->>'reason') from agenda.metrics() where name = 'agenda_log_overdue_partitions'}) }
sub problems { return sql(q{select agenda.health()->>'problems'}) }

# Old partitions that nobody needs any more.
sub make_old
{
    my ($day) = @_;
    sql(qq{
        select agenda._ensure_partitions('$day 12:00+00');
        select agenda._close_partitions(now());
        select agenda._log_save(pg_current_snapshot(), null, 0)});
    # the first one that is saved afterwards has seen the end of whoever could have written there
    sql('select agenda._log_save(pg_current_snapshot(), null, 0)');
}

# --- ahead ---------------------------------------------------------------------------------------
# in one look: between two of them it may become another day
ok(wait_until(sub { sql(q{select count(*) filter (where lower <= now()) = 2 and count(*) filter (where lower > now()) = 2 from agenda.log_leaves where upper > now()}) eq 't' },
        'the scanner'), 'today and tomorrow have their partitions');
is(sql(q{select string_agg(distinct array_to_string(c.reloptions, ' '), '|') from pg_class c join agenda.log_leaves l on c.oid = format('agenda.%I', l.leaf)::regclass}),
    'fillfactor=100 autovacuum_freeze_min_age=0 autovacuum_vacuum_insert_threshold=100000 autovacuum_vacuum_insert_scale_factor=0.5'
      . ' autovacuum_analyze_threshold=10000 autovacuum_analyze_scale_factor=0.5',
    'all with the same settings');

# --- who is running may still write --------------------------------------------------------------
sql(q{select agenda._ensure_partitions('2020-05-01 12:00+00')});
my $running = $node->background_psql('agenda');
my $xid = $running->query_safe('begin; select pg_current_xact_id()');
sql('select agenda._close_partitions(now())');
is(sql(qq{select count(*) from agenda.log_leaves where leaf in ('events_p20200501', 'events_p20200502') and closed_xmax > '$xid'}), '2',
    'a partition is not closed before a transaction that was running');
$running->query_safe('commit');
$running->quit;

# --- a reader delays a drop, and nobody waits ----------------------------------------------------
make_old('2020-06-01');
my $reader = $node->background_psql('agenda');
$reader->query_safe('begin; select count(*) from agenda.events');
my $begin = time;
is(sql('select agenda._drop_partitions(now())'), '0', 'what somebody reads is not dropped');
cmp_ok(time - $begin, '<', 5, 'nor waited for');
ok(!gone('20200601'), 'it is still there');
is(overdue(), 'in use 4, unread 0', 'which the metrics tell');
like(problems(), qr/4 partitions of the log, the oldest of 2020-05-01, have not been dropped/, 'and health()');
# a writer comes while drop after drop waits for the reader
my $dropper = spawn('dropper', [ 'sh', '-c', 'while psql -qXAt -d agenda -c "select agenda._drop_partitions(now())"; do :; done' ],
    PGHOST => $node->host, PGPORT => $node->port);
wait_until(sub { -e AgendaTest::log_file('dropper') && slurp(AgendaTest::log_file('dropper')) =~ /\A0\n0\n/ }, 'drops that give up');
my $longest = 0;
foreach my $n (1 .. 20)
{
    $begin = time;
    sql(act_sql('alice', "insert into agenda.tasks (title) values ('task $n')"));
    $longest = time - $begin if time - $begin > $longest;
}
note(sprintf('longest write while drops wait: %.0f ms, psql included', 1000 * $longest));
cmp_ok($longest, '<', 2, 'writers go on meanwhile');
$reader->query_safe('commit');
ok(wait_until(sub { gone('20200601') }, 'the drop'), 'when the reader has gone, so has the partition');
stop_process($dropper);
$reader->quit;
ok(wait_until(sub { overdue() eq 'in use 0, unread 0' && problems() eq '[]' }, 'health'), 'nothing is overdue then');

# --- by the scanner ------------------------------------------------------------------------------
make_old('2020-06-03');
sql(q{select pg_terminate_backend((agenda.health() #>> '{scanner,pid}')::int)});
ok(wait_until(sub { gone('20200603') }, 'the scanner'), 'the scanner does it when it starts');

# two at a time
my $holder = $node->background_psql('agenda');
$holder->query_safe('begin; select agenda.housekeep()');
is(sql('select agenda.housekeep()'), '', 'a second one leaves it to the first');
$holder->query_safe('commit');
$holder->quit;

# what is kept for a time only
sql(act_sql('alice', q{insert into agenda.tasks (title) values ('told')}));
sql(q{insert into agenda.notifications (user_id, type, task_id, title, dedupe_key, scheduled_for, created_at)
      select user_id, 'due', id, title, 'old', now() - interval '40 days', now() - interval '40 days' from agenda.tasks where title = 'told'});
sql('select agenda.housekeep()');
is(sql(q{select count(*) from agenda.notifications where archived_at is not null}), '1', 'old notifications are archived');

# --- by pg_cron ----------------------------------------------------------------------------------
my ($status, undef, $error) = $node->psql('agenda', 'select agenda.schedule_housekeeping()');
like($error, qr/pg_cron is not installed in this database/, 'without pg_cron there is nothing to schedule');

SKIP:
{
    skip 'pg_cron is not installed', 7 unless $cron;

    $node->safe_psql('postgres', 'create extension pg_agenda');
    (undef, undef, $error) = $node->psql('postgres', 'select agenda.schedule_housekeeping()');
    like($error, qr/Run there: select cron.schedule_in_database\('pg_agenda housekeeping of postgres', '17 \* \* \* \*', 'select agenda.housekeep\(\)', 'postgres'\)/,
        'from another database it says what to run where');
    sql('create extension pg_cron');
    make_old('2020-06-05');
    is(sql(q{select agenda.schedule_housekeeping('* * * * *')}), '1', 'a job for every minute');
    is(sql(q{select jobname || '|' || command || '|' || database from cron.job}), 'pg_agenda housekeeping of agenda|select agenda.housekeep()|agenda', 'of this database');
    is(sql(q{select agenda.schedule_housekeeping('30 4 * * *', 'postgres') > 1}), 't', 'and one for another database');
    ok(wait_until(sub { sql(q{select status from cron.job_run_details where command = 'select agenda.housekeep()' order by runid desc limit 1}) eq 'succeeded' },
            'pg_cron', 90), 'pg_cron has run it');
    ok(gone('20200605'), 'and what was old is gone');
    is(sql('select agenda.unschedule_housekeeping(), agenda.unschedule_housekeeping(), (select count(*) from cron.job)'), 't|f|2',
        'it can be taken back');
}

unlike(slurp($node->logfile), qr/PANIC|FATAL:(?!.*(?:terminating|"agenda" does not exist))|TRAP/, 'nothing went wrong');
$node->stop;
done_testing();
