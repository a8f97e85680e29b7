# The scanner: raises things at the instant they are owed, is woken by the transaction that makes
# an earlier one, and sleeps otherwise.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('scanner', max_prepared_transactions => 5);

sub sql { return $node->safe_psql('agenda', $_[0]) }

# A task whose due-soon instant (24 hours before it is due) is the given time from now.
sub task_in
{
    my ($title, $interval) = @_;
    return "insert into agenda.tasks (title, due_date)
            values ('$title', clock_timestamp() + interval '24 hours' + interval '$interval')";
}

# Waits for the notification of a task and returns how late it was raised, in seconds.
sub lateness
{
    my ($title) = @_;
    return wait_until(
        sub {
            sql(qq{select extract(epoch from n.created_at - greatest(t.due_date - interval '24 hours', t.created_at))
                   from agenda.notifications n join agenda.tasks t on t.id = n.task_id
                   where t.title = '$title' and n.type = 'due_soon'});
        },
        "notification of $title");
}

sub figure { return sql("select agenda.health() #>> '{scanner,$_[0]}'") }

wait_until(sub { figure('running') eq 'true' && figure('scans') > 0 }, 'the scanner');

# --- at once, and at its time --------------------------------------------------------------------
sql(act_sql('alice', task_in('owed', '-1 minute')));
cmp_ok(lateness('owed'), '<', 1, 'what is owed already is raised within a second of the insert');

sql(act_sql('alice', task_in('soon', '1500 milliseconds')));
my $late = lateness('soon');
cmp_ok($late, '>=', 0, 'what is owed later is not raised before its time');
cmp_ok($late, '<', 1, 'but at that time');

# --- asleep until then ---------------------------------------------------------------------------
sql(act_sql('alice', task_in('hour', '1 hour')));
# the commit has set its latch; until it has slept again it shows what it slept for before
sub sleeps_until_earliest
{
    return sql(q{select (agenda.health() #>> '{scanner,next_wake}')::timestamptz = min(fire_at) from agenda.timers}) eq 't';
}
ok(wait_until(\&sleeps_until_earliest, 'the scanner to sleep'), 'it sleeps until the earliest timer');

# a sweep may come between two looks, once a minute
sub scans_during
{
    my ($statement) = @_;
    while (1)
    {
        my ($scans, $sweeps) = (figure('scans'), figure('sweeps'));
        $statement->();
        return figure('scans') - $scans if figure('sweeps') == $sweeps;
    }
}
is(scans_during(sub { sql(act_sql('alice', task_in("later $_", '2 days'))) foreach 1 .. 20 }),
    0, 'later timers do not wake it');
my $earlier = scans_during(sub { sql(act_sql('alice', task_in('half an hour', '30 minutes')));
    wait_until(\&sleeps_until_earliest, 'the earlier timer') });
cmp_ok($earlier, '>=', 1, 'an earlier one does');
cmp_ok($earlier, '<=', 2, 'and does not set it spinning');
my $reminded = scans_during(sub {
    sql(act_sql('alice', q{select agenda.create_recurring_task('reminded', 'weekly', options => '{"reminders": ["-71 hours -45 minutes"]}',
                               start_date => to_char(clock_timestamp() at time zone 'UTC' + interval '3 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))}));
    wait_until(\&sleeps_until_earliest, 'the first reminder of a series') });
cmp_ok($reminded, '>=', 1, 'nor does a series sleep through its first reminder');
is(scans_during(sub { $node->psql('agenda', act_sql('alice', task_in('rolled back', '-1 minute')) =~ s/commit/rollback/r) }),
    0, 'a rollback wakes nobody');

# --- rounds keep a gap: who commits meanwhile leaves a note and wakes nobody -------------------------
sub set_gap { sql("alter system set agenda.scanner_gap = '$_[0]'"); $node->reload }
sub told { return sql("select count(*) from agenda.notifications n join agenda.tasks t on t.id = n.task_id where t.title like '$_[0]'") }
my $before_gap = figure('scans');
set_gap('1min');
# the reload itself leads to the round that the gap begins with
wait_until(sub { figure('scans') > $before_gap }, 'the round of the reload');
is(scans_during(sub { sql(act_sql('alice', task_in("gap $_", '-1 minute'))) foreach 1 .. 10 }), 0, 'within the gap there is no other round');
set_gap('0');
wait_until(sub { told('gap %') >= 10 }, 'what was owed in the gap');
pass('the round after it raises what was owed meanwhile');
my $before_none = figure('scans');
foreach my $i (1 .. 5)
{
    sql(act_sql('alice', task_in("no gap $i", '-1 minute')));
    lateness("no gap $i");
}
cmp_ok(figure('scans') - $before_none, '>=', 5, 'without a gap each commit has its round');
sql('alter system reset agenda.scanner_gap');
$node->reload;

# --- two-phase commit: the notes of a transaction end with PREPARE -------------------------------
sql(act_sql('alice', task_in('prepared', '-1 minute')) =~ s/commit/prepare transaction 'p'/r);
is(sql(q{select count(*) from agenda.notifications n join agenda.tasks t on t.id = n.task_id where t.title = 'prepared'}),
    0, 'a prepared transaction is not there yet');
sql(q{commit prepared 'p'});
my $since = sql('select clock_timestamp()');
lateness('prepared');
cmp_ok(sql(qq{select extract(epoch from n.created_at - '$since') from agenda.notifications n
    join agenda.tasks t on t.id = n.task_id where t.title = 'prepared'}), '<', 2, 'COMMIT PREPARED wakes the scanner');

# --- locked by somebody: the others go on, and a rollback does not lose it -----------------------
sql(act_sql('alice', task_in('locked', '2 seconds')));
sql(q{begin; select from agenda.tasks t where t.title = 'locked' for update; prepare transaction 'locker'});
sql(act_sql('alice', task_in('free', '2 seconds')));
cmp_ok(lateness('free'), '<', 2, 'a locked task holds up no other');
is(sql(q{select count(*) from agenda.notifications n join agenda.tasks t on t.id = n.task_id where t.title = 'locked'}),
    0, 'while it is locked it is not raised');
sql(q{rollback prepared 'locker'});
$since = sql('select clock_timestamp()');
lateness('locked');
cmp_ok(sql(qq{select extract(epoch from n.created_at - '$since') from agenda.notifications n
    join agenda.tasks t on t.id = n.task_id where t.title = 'locked'}), '<', 2, 'and soon afterwards it is');

# --- one that cannot be raised holds up no other ----------------------------------------------------
sql(q{
    create function public.refuse() returns trigger language plpgsql as
        $$ begin if new.title = 'poison' then raise exception 'no notification for poison'; end if; return new; end $$;
    create trigger refuse before insert on agenda.notifications for each row execute function public.refuse()});
sql(act_sql('alice', task_in('poison', '-2 minutes')));
sql(act_sql('alice', task_in('beside poison', '-1 minute')));
cmp_ok(lateness('beside poison'), '<', 5, 'a task that cannot be raised holds up no other');
is(sql(q{select m.fire_at > now() + interval '9 minutes' from agenda.timers m join agenda.tasks t on t.id = m.entity_id where t.title = 'poison'}),
    't', 'and is put off');
like(slurp($node->logfile), qr/WARNING:  task \S+ cannot be raised: no notification for poison/, 'with a warning');
sql(q{drop function public.refuse cascade});

# --- the floor: index entries of raised timers stay while an old transaction is open, and are not walked again
sql(q{begin; select pg_current_xact_id(); prepare transaction 'holder'});
sql(act_sql('alice', q{insert into agenda.tasks (title, due_date)
    select 'many', clock_timestamp() + interval '12 hours' from generate_series(1, 1500)}));
sub entries_read { return sql(q{select idx_tup_read from pg_stat_user_indexes where indexrelname = 'timers_fire_at'}) }
sub index_scans { return sql(q{select idx_scan from pg_stat_user_indexes where indexrelname = 'timers_fire_at'}) }
my $raised = figure('raised');
wait_until(sub { figure('raised') >= $raised + 1500 && entries_read() >= 1500 }, '1500 notifications and their statistics');

my ($entries, $scans) = (entries_read(), index_scans());
foreach my $i (1 .. 10)
{
    sql(act_sql('alice', task_in("after $i", '-1 minute')));
    lateness("after $i");
}
wait_until(sub { index_scans() >= $scans + 10 }, 'the statistics of 10 scans');
$entries = entries_read() - $entries;
cmp_ok($entries, '<', 5000, "10 more timers cost $entries index entries and not 10 times the 1500 dead ones");
sql(q{rollback prepared 'holder'});

# --- a reload may stop the clock -----------------------------------------------------------------
sql(act_sql('alice', task_in('simulated', '10 days')));
$node->append_conf('postgresql.conf', q{agenda.now = '} . sql(q{select now() + interval '10 days 1 minute'}) . q{'});
$node->reload;
lateness('simulated');
pass('the scanner follows agenda.now');

$node->stop;
done_testing();
