# Rows that come by logical replication were events where they were written: here they are none.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $broker = AgendaKafka::DevBroker->new->start;
my $node = agenda_node('logical', 'agenda.kafka_brokers' => $broker->bootstrap, 'wal_level' => 'logical', 'max_wal_senders' => 4, 'max_worker_processes' => 20);
sub sql { my ($database, $query) = @_; return $node->safe_psql($database, $query) }
sub events { my ($database) = @_; return sql($database, q{select count(*) from agenda.events where type like 'task.%'}) }

$node->safe_psql('postgres', 'create database replica');
sql('replica', 'create extension pg_agenda');
# the slot is made here because both databases are in one cluster
sql('agenda', q{create publication things for table agenda.users, agenda.tasks; select pg_create_logical_replication_slot('things', 'pgoutput')});
sql('replica', sprintf q{create subscription things connection 'host=%s port=%s dbname=agenda' publication things with (create_slot = false, slot_name = 'things', copy_data = false)},
    $node->host, $node->port);

sql('agenda', act_sql('alice', q{insert into agenda.tasks (title, due_date) select 'task ' || i, now() + interval '3 days' from generate_series(1, 5) i; update agenda.tasks set title = title || '!'}));
ok(wait_until(sub { sql('replica', q{select count(*) from agenda.tasks where title like '%!'}) eq '5' }, 'the rows to be replicated'), 'tasks are replicated');
is(events('agenda'), '10', 'the original has their events');
is(events('replica'), '0', 'the replica has none');
is(join(' ', map { sql($_, 'select count(*) from agenda.timers') } qw(agenda replica)), '5 0', 'nor timers');
# what is written there is
my $own = sql('replica', act_sql('bob', q{insert into agenda.tasks (title) values ('own') returning id}));
is(events('replica'), '1', 'it has its own');
wait_until(sub { sql($_, 'select lag from agenda.log_position()') eq '0' }, "the log of $_") foreach qw(agenda replica);
my $created = $broker->consume([ 'task-created' ], count => 6);
is(scalar @$created, 6, 'each is published once');
is((grep { $_->{key} eq $own } @$created), 1, 'by where it was written');

# the session of somebody who plays a part of it
sql('agenda', act_sql('alice', q{set local session_replication_role = replica; update agenda.tasks set title = 'silent'}));
is(events('agenda'), '10', 'what is written as a replica is no event');

# ---- everything is published -------------------------------------------------------------------------
# what can be written otherwise can be written then; ticks and repetitions are never changed
is(sql('agenda', q{select coalesce(string_agg(c.relname, ' '), '') from pg_class c
        where c.relnamespace = 'agenda'::regnamespace and c.relkind = 'r' and c.relname !~ '^(ticks|replays)_' and c.relreplident = 'd'
          and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)}), '', 'every table has what tells its rows apart');
sql('agenda', 'create publication everything for all tables');
sql('agenda', act_sql('alice', q{select agenda.set_preferences('{"timezone": "Europe/Berlin"}'); select agenda.set_holiday('2027-05-01'); select agenda.set_holiday('2027-05-01', label => 'off'); select agenda.remove_holiday('2027-05-01')}));
wait_until(sub { sql('agenda', 'select lag from agenda.log_position()') eq '0' }, 'the log');
is(sql('agenda', q{set role agenda_service; select agenda.forget_user(agenda.user_id_of('alice'))->>'tasks'}), '5', 'a user can be forgotten where all tables are published');
sql('agenda', 'drop publication everything');

sql('replica', 'alter subscription things disable; alter subscription things set (slot_name = none); drop subscription things');
sql('agenda', q{select pg_drop_replication_slot('things')});
fsck_clean($node);
$node->stop;
done_testing();
