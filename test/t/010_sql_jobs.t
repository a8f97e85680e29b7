# What a user gets by SQL alone, with real sessions and the real workers: a recurring task, a task
# that is due soon, plain INSERT, rollback, two users who see nothing of each other.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('sql');
$node->safe_psql('agenda', q{
    create role app login in role agenda_app;
    create role carol login in role agenda_user;
});

# As the application, in one transaction on behalf of a user.
sub as_user
{
    my ($user, $sql) = @_;
    return $node->safe_psql('agenda', act_sql($user, $sql), extra_params => [ '-U', 'app' ]);
}

# The user sees this answer within the time-out of wait_until().
sub comes_true
{
    my ($user, $sql, $what) = @_;
    return ok(wait_until(sub { as_user($user, $sql) eq 't' }, $what), $what);
}

# --- a recurring task and one that is due in 20 hours -----------------------------------------
as_user('alice', q{
    select from agenda.create_recurring_task('Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO',
        start_date => '2025-01-06 09:00', timezone => 'Europe/Berlin');
});
is(as_user('alice', q{select count(*) from agenda.tasks where title = 'Stand-up' and due_date <= now()}),
    '1', 'the occurrence owed exists as a task');
is(as_user('alice', q{select agenda.utc(agenda.calculate_next_due_at(id, '2027-03-22 12:00Z')) from agenda.recurring_tasks}),
    '2027-03-29T07:00:00Z', 'after the change to summer time it is 09:00 local, 07:00 UTC');
is(as_user('alice', q{select agenda.utc(agenda.calculate_next_due_at(id, '2026-10-20 12:00Z')) from agenda.recurring_tasks}),
    '2026-10-26T08:00:00Z', 'after the change back it is 08:00 UTC');

as_user('alice', q{select from agenda.create_task('Report', to_char(now() + interval '20 hours', 'YYYY-MM-DD"T"HH24:MI:SSOF'))});
comes_true('alice', q{select count(*) = 1 from agenda.notifications where title = 'Report' and type = 'due_soon'},
    'the due-soon notification is there');
cmp_ok(as_user('alice', q{
        select extract(epoch from n.created_at - t.created_at) from agenda.notifications n
        join agenda.tasks t on t.id = n.task_id where t.title = 'Report'}),
    '<', 1, 'within a second');
is(as_user('alice', q{select agenda.unread_count() >= 1}), 't', 'and counts as unread');
my $completed = as_user('alice', q{select ((agenda.complete_task(id)).task).status from agenda.tasks where title = 'Report'});
is($completed, 'completed', 'complete_task');
is(as_user('alice', q{select count(*) from agenda.notifications where title = 'Report' and withdrawn_at is null}),
    '0', 'completion takes the notification back');

# --- plain INSERT counts like the functions, a rollback like nothing ---------------------------
my $written = q{select string_agg(type, ' ' order by seq) from agenda.events where data::text like '%Plain%'};
as_user('alice', q{insert into agenda.tasks (title, due_date) values ('Plain', now() + interval '20 hours')});
comes_true('alice', q{select exists (select from agenda.notifications where title = 'Plain')}, 'plain INSERT raises like the function');
is(as_user('alice', $written), 'task.created task.due_soon notification.created', 'with the same events');
$node->safe_psql('agenda', q{
    begin; select agenda.act_as(agenda.user_id_of('alice'));
    insert into agenda.tasks (title) values ('Rolled back');
    rollback;}, extra_params => [ '-U', 'app' ]);
is($node->safe_psql('agenda', q{select count(*) from agenda.events where data::text like '%Rolled back%'}),
    '0', 'a rollback leaves no event');

# --- a second user -----------------------------------------------------------------------------
is(as_user('bob', "select count(*) from agenda.$_"), '0', "bob sees no $_ of alice")
  foreach qw(tasks recurring_tasks notifications timers events preferences);
my $id = as_user('alice', q{select id from agenda.tasks where title = 'Plain'});
my ($status, $out, $err) = $node->psql('agenda', act_sql('bob', "select agenda.get_task('$id')"), extra_params => [ '-U', 'app' ]);
like($err, qr/task "$id" does not exist/, 'asked by id, it does not exist');
is($node->safe_psql('agenda', 'select count(*) from agenda.tasks', extra_params => [ '-U', 'app' ]),
    '0', 'an application that acts for nobody sees nothing');

# --- a login that is a user --------------------------------------------------------------------
$node->safe_psql('agenda', q{update agenda.users set login_role = 'carol' where id = agenda.user_id_of('alice')});
is($node->safe_psql('agenda', q{select count(*) > 0 from agenda.tasks}, extra_params => [ '-U', 'carol' ]),
    't', 'a login role that stands for alice sees her tasks');
$node->safe_psql('agenda', q{insert into agenda.tasks (title) values ('by carol')}, extra_params => [ '-U', 'carol' ]);
is(as_user('alice', q{select count(*) from agenda.tasks where title = 'by carol'}), '1', 'and writes for her');
($status, $out, $err) = $node->psql('agenda', act_sql('bob', 'select 1'), extra_params => [ '-U', 'carol' ]);
like($err, qr/permission denied for function act_as/, 'but may act for nobody else');

# --- bulk load by the service ------------------------------------------------------------------
$node->safe_psql('agenda', q{
    set role agenda_service;
    insert into agenda.users (id) select ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid from generate_series(1, 3) i;
    insert into agenda.tasks (user_id, title, due_date)
    select id, 'bulk', now() + interval '10 days' from agenda.users where id::text like '00000000-0000-4000-%';
});
is($node->safe_psql('agenda', q{
        select count(distinct e.user_id) || ' ' || count(distinct t.user_id) from agenda.events e
        join agenda.timers t on t.entity_id::text = e.subject where e.data::text like '%bulk%'}),
    '3 3', 'rows of many users in one statement get their events and timers');

# --- a second database of the cluster ----------------------------------------------------------
$node->safe_psql('postgres', 'create database other');
$node->safe_psql('other', 'create extension pg_agenda');
$node->safe_psql('other', act_sql('alice', q{insert into agenda.tasks (title, due_date) values ('There', now() + interval '1 hour')}));
ok(wait_until(sub { $node->safe_psql('other', q{select count(*) from agenda.notifications where title = 'There'}) eq '1' },
        'the second database has its notification'), 'a second database works by itself');
is(as_user('alice', q{select count(*) from agenda.tasks where title = 'There'}), '0', 'and shares no rows');

# --- who makes the schema beforehand does not get the extension into it -------------------------
$node->safe_psql('postgres', 'create database squatted');
$node->safe_psql('squatted', 'create schema agenda authorization app');
($status, $out, $err) = $node->psql('squatted', 'create extension pg_agenda');
like($err, qr/schema "agenda" already exists/, 'CREATE EXTENSION refuses a schema of somebody else');

# --- nor do default privileges of whoever creates it give rights to anybody ----------------------
$node->safe_psql('postgres', 'create database generous');
$node->safe_psql('generous', 'create role reporting; '
      . join('; ', map { "alter default privileges grant all on $_ to reporting, public" } qw(schemas tables sequences functions)));
$node->safe_psql('generous', 'create extension pg_agenda');
is($node->safe_psql('generous', q{
        select distinct a.grantee::regrole, a.privilege_type
          from (select relacl as acl from pg_class where relnamespace = 'agenda'::regnamespace
                union all select proacl from pg_proc where pronamespace = 'agenda'::regnamespace
                union all select nspacl from pg_namespace where nspname = 'agenda') x, aclexplode(x.acl) a
         where a.grantee::regrole::text not like 'agenda!_%' escape '!' and a.grantee <> 10 order by 1, 2}),
    "-|EXECUTE\n-|USAGE", 'default privileges give nobody rights in the schema');
is($node->safe_psql('generous', q{select has_function_privilege('reporting', 'agenda._set_identity(uuid)', 'execute')}), 'f', 'least of all to say who acts');

# --- a transaction that is older than the partition it writes to ---------------------------------
$node->safe_psql('postgres', 'create database fresh');
$node->append_conf('postgresql.conf', 'agenda.max_databases = 1');
$node->restart;
$node->safe_psql('fresh', 'create extension pg_agenda');
my $old = $node->background_psql('fresh');
$old->query_safe('begin isolation level repeatable read; select 1');
$node->safe_psql('fresh', act_sql('alice', q{insert into agenda.tasks (title) values ('first')}));
$old->query_safe(q{select agenda.act_as(agenda.user_id_of('bob')); insert into agenda.tasks (title) values ('second'); commit});
$old->quit;
is($node->safe_psql('fresh', 'select count(*) from agenda.events'), '2', 'a REPEATABLE READ transaction writes to a partition younger than itself');

$node->stop;
done_testing();
