# pg_dump and restore: nothing is lost, nothing is counted twice, and the copy does not publish.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('restore');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/agenda.dump';

$node->safe_psql('agenda', act_sql('alice', q{
    select from agenda.create_task('Report', to_char(now() + interval '20 hours', 'YYYY-MM-DD"T"HH24:MI:SSOF'));
    select from agenda.create_recurring_task('Daily', 'daily', timezone => 'Europe/Berlin');
    select from agenda.set_preferences('{"timezone": "Europe/Berlin"}');
    select from agenda.complete_task((select id from agenda.create_task('Water', '2030-01-01', recurrence_rule => 'weekly')))}));
$node->safe_psql('agenda', q{insert into agenda.topic_routes values ('task.created', 'mine')});
ok(wait_until(sub { $node->safe_psql('agenda', q{select count(*) > 0 from agenda.notifications}) eq 't' }, 'a notification'),
    'there is something of everything');

# rules in a table of somebody else, with indexes and what is derived from them
$node->safe_psql('agenda', q{
    create table public.rules (rule agenda.rrule primary key, next timestamp generated always as
        (agenda.next_local_occurrence(rule, '2026-01-01', '2026-06-01')) stored, check (agenda.describe(rule) <> ''));
    create index on public.rules using hash (rule);
    insert into public.rules select format('FREQ=%s;INTERVAL=%s', f, i)::agenda.rrule
        from unnest('{SECONDLY,HOURLY,DAILY,WEEKLY,MONTHLY,YEARLY}'::text[]) f, generate_series(1, 50) i;
    insert into public.rules values ('monthly'), ('FREQ=YEARLY;BYDAY=1SU,-1MO;UNTIL=20301231T000000Z;WKST=SU')});
my $rules = q{select count(*), md5(string_agg(r::text, ' ' order by rule)) from public.rules r};

# Everything a user has, and the log, as one line each.
sub content
{
    my ($database) = @_;
    return $node->safe_psql($database, join ' union all ',
        map { "(select '$_ ' || count(*) || ' ' || md5(coalesce(string_agg(t::text, '' order by t::text), '')) from agenda.$_ t)" }
          qw(users preferences recurring_tasks tasks notifications timers events topic_routes));
}

ok(wait_until(sub { $node->safe_psql('agenda', q{select (agenda.health()->'drainer'->>'unpublished')::int = 0}) eq 't' }, 'the log is read'),
    'the drainer is through');
my $original = content('agenda');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('agenda') ], 'pg_dump');

$node->safe_psql('postgres', 'create database copy');
$node->safe_psql('copy', 'create extension pg_agenda');
ok(wait_until(sub { $node->safe_psql('copy', q{select count(*) from pg_stat_activity where datname = 'copy' and backend_type like 'pg_agenda %'}) eq '2' },
        'workers of the copy'), 'the workers are there already');
$node->safe_psql('copy', 'select agenda.pre_restore()');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('copy'), $dump ], 'pg_restore without an error');
is(content('copy'), $original, 'the copy is equal to the original, event by event');
is($node->safe_psql('copy', $rules), $node->safe_psql('agenda', $rules), 'rules of another table too');
like($node->safe_psql('agenda', $rules), qr/^302\|/, 'all of them');
is($node->safe_psql('copy', q{select count(*) from pg_stat_activity where datname = 'copy' and backend_type like 'pg_agenda %'}),
    '0', 'no worker runs meanwhile');
$node->safe_psql('copy', 'select agenda.post_restore()');
ok(wait_until(sub { $node->safe_psql('copy', q{select agenda.health()->'drainer'->>'state'}) eq 'log belongs to another cluster' },
        'the drainer sees that'), 'the copy does not publish');

$node->safe_psql('copy', 'select agenda.adopt_log()');
$node->safe_psql('copy', act_sql('alice', q{insert into agenda.tasks (title, due_date) values ('new', now() + interval '1 hour')}));
ok(wait_until(sub { $node->safe_psql('copy', q{select count(*) from agenda.notifications where title = 'new'}) eq '1' }, 'a notification in the copy'),
    'after adopt_log it lives');
ok(wait_until(sub { $node->safe_psql('copy', q{select agenda.health()->>'ok'}) eq 'true' }, 'health'), 'and is well');
is($node->safe_psql('copy', q{select (agenda.health()->'drainer'->>'events')::int}), '3', 'having read its own events only');

my ($status, $out, $err) = $node->psql('agenda', 'select agenda.pre_restore()');
like($err, qr/is not empty/, 'a database in use is refused');

$node->stop;
done_testing();
