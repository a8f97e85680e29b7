# A stream of changes by several writers, with rollbacks, savepoints and unflushed commits, while
# drainer, server and broker are killed in turn.  Afterwards every committed event is in Kafka,
# nothing is there that was rolled back or lost in a crash, the first deliveries of each key
# are in order, and nothing is repeated that is behind a stored position.  AGENDA_CRASH_ROUNDS=n makes n rounds of it.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;

my $tasks = 20;
my $rounds = $ENV{AGENDA_CRASH_ROUNDS} // 1;
my $script = "$PostgreSQL::Test::Utils::tmp_check/320_writer.sql";
my @topics = qw(task-created task-updated task-completed);

my $kafka = AgendaKafka->new->start;
my $node = agenda_node('crash',
    'agenda.kafka_brokers' => $kafka->bootstrap,
    # Cluster.pm turns it off; a killed worker takes the server through crash recovery
    'restart_after_crash' => 'on',
    # commits are not flushed: a crash takes the newest back, and then Kafka must not have them
    'synchronous_commit' => 'off',
    'wal_writer_delay' => '10s',
    'max_connections' => 30);
my $user = $node->safe_psql('agenda', "select agenda.user_id_of('writer')");
my @ids = split /\n/, $node->safe_psql('agenda', act_sql('writer', <<"SQL"));
insert into agenda.tasks (title) select 'task ' || n from generate_series(1, $tasks) n returning id
SQL
is(scalar @ids, $tasks, 'tasks to work on');

# ---- writers ---------------------------------------------------------------------------------
append_to_file($script, <<'SQL');
\set n random(1, :tasks)
\set what random(1, 10)
begin;
select agenda.act_as(:user) \gset
select id from agenda.tasks order by created_at, id offset :n - 1 limit 1 \gset
update agenda.tasks set title = 'writer ' || :client_id || ' ' || random() where id = ':id';
\if :what = 1
savepoint s;
update agenda.tasks set priority = 1 + priority % 3, title = 'undone' where id = ':id';
insert into agenda.tasks (title) values ('undone');
rollback to s;
\elif :what = 2
insert into agenda.tasks (title, status) values ('extra', 'completed');
\elif :what = 3
update agenda.tasks set priority = 1 + priority % 3 where id = ':id';
\endif
\if :what >= 9
rollback;
\else
commit;
\endif
SQL
my $writers = spawn('writers', [ 'sh', '-c', <<'SH', $script, $user, $tasks ],
trap 'kill $pgbench; exit' TERM
while :; do
    pgbench -n -M simple -c 4 -T 600 -f "$0" -D user="'$1'" -D tasks="$2" agenda &
    pgbench=$!
    wait $pgbench
done
SH
    PGHOST => $node->host, PGPORT => $node->port);

sub count_events
{
    my ($code, $out) = $node->psql('agenda', 'select max(seq) from agenda.events');
    return $code == 0 && $out ? $out : 0;
}

# The writers have got something done since the server was in this state.
sub wait_for_progress
{
    my ($what) = @_;
    my $before = wait_until(\&count_events, "the server to answer $what");
    wait_until(sub { count_events() > $before + 300 }, "writers to go on $what");
}

# The drainer has published something new.
sub wait_for_delivery
{
    my ($what) = @_;
    my $before = $kafka->count_records('task-updated');
    wait_until(sub { $kafka->count_records('task-updated') > $before + 100 },
        "deliveries $what");
    pass("deliveries go on $what");
}

sub drainer_pid
{
    return wait_until(
        sub {
            my ($code, $out) = $node->psql('agenda', <<'SQL');
select pid from pg_stat_activity where backend_type = 'pg_agenda drainer' and datname = 'agenda'
SQL
            return $code == 0 && $out;
        },
        'a drainer');
}

# ---- the faults ------------------------------------------------------------------------------
my ($stored, %end_of);    # a position, and where the partitions of Kafka ended when the server crashed behind it
wait_for_delivery('before any fault');
foreach my $round (1 .. $rounds)
{
    my $pid = drainer_pid();
    $node->safe_psql('agenda', "select pg_terminate_backend($pid)");
    wait_for_delivery("after the drainer was terminated, round $round");

    kill 'KILL', drainer_pid();
    wait_for_progress('after crash recovery');
    wait_for_delivery("after the drainer was killed, round $round");

    $kafka->kill9;
    wait_for_progress('while the broker is away');
    # the position must not have passed what the broker has not acknowledged
    $node->safe_psql('agenda', 'checkpoint');
    kill 'KILL', drainer_pid();
    wait_for_progress('after the drainer was killed with records in flight');
    $kafka->start;
    wait_for_delivery("after the broker was killed, round $round");

    $stored = $node->safe_psql('agenda', 'select max(tick) from agenda.ticks');
    $node->safe_psql('agenda', 'checkpoint');
    $node->stop('immediate');
    %end_of = map { ("$_->{topic} $_->{partition}" => $_->{offset}) } @{ $kafka->read_headers(@topics) };
    $node->start;
    wait_for_progress('after the server was stopped');
    wait_for_delivery("after the server was stopped, round $round");

    # both at once
    $kafka->kill9;
    $node->stop('immediate');
    $node->start;
    wait_for_progress('without a broker');
    $kafka->start;
    wait_for_delivery("after server and broker were killed, round $round");
}
stop_process($writers);
$node->poll_query_until('agenda',
    "select count(*) = 0 from pg_stat_activity where application_name = 'pgbench'");

# ---- durable before visible outside ----------------------------------------------------------
# The newest commits stand in the last page of the WAL, in memory: a crash loses what nobody flushed.
my @outlived;
foreach my $n (1 .. 5)
{
    my $id = $node->safe_psql('agenda', act_sql('writer', <<"SQL"));
insert into agenda.tasks (title) values ('last words $n') returning id
SQL
    wait_until(sub { grep { $_->{key} eq $id } @{ $kafka->read_headers('task-created') } },
        'the last words');
    $node->stop('immediate');
    $node->start;
    push @outlived, $id
      if $node->safe_psql('agenda', "select count(*) from agenda.events where key = '$id'") == 0;
}
is_deeply(\@outlived, [], 'an event that is in Kafka survives a crash of the server');

# ---- the books -------------------------------------------------------------------------------
my %logged = map { my ($id, $topic, $seq) = split /\|/; ("$topic $id" => $seq) }
  split /\n/, $node->safe_psql('agenda', <<'SQL');
select e.id, r.topic, e.seq from agenda.events e join agenda.topic_routes r on r.event_type = e.type
 where r.topic in ('task-created', 'task-updated', 'task-completed')
SQL
my $records = [];
my %delivered;

eval {
    wait_until(
        sub {
            $records = $kafka->read_headers(@topics);
            %delivered = map { ("$_->{topic} $_->{headers}{ce_id}" => 1) } @$records;
            return !grep { !$delivered{$_} } keys %logged;
        },
        'every event of the log');
};
my @lost = grep { !$delivered{$_} } keys %logged;
my @strange = grep { !exists $logged{$_} } keys %delivered;
note(scalar(keys %logged) . ' events, ' . scalar(@$records) . ' records');
cmp_ok(scalar(keys %logged), '>', 3000, 'there was a stream');
is(scalar @lost, 0, 'every committed event is in Kafka') or diag(join "\n", @lost[ 0 .. 9 ]);
is(scalar @strange, 0, 'nothing that was rolled back or lost in a crash is there')
  or diag(join "\n", grep { defined } @strange[ 0 .. 9 ]);

my (%last, %seen, @reordered);
foreach my $record (@$records)
{
    my $sequence = $record->{headers}{ce_sequence};
    my $key = "$record->{topic} $record->{key}";
    next if $seen{"$record->{topic} $record->{headers}{ce_id}"}++;
    push @reordered, "$key: $sequence after $last{$key}" if ($last{$key} // '') gt $sequence;
    $last{$key} = $sequence;
}
is(scalar @reordered, 0, 'first deliveries of each task are in order')
  or diag(join "\n", grep { defined } @reordered[ 0 .. 9 ]);

my %done = map { $_ => 1 } split /\n/, $node->safe_psql('agenda', <<"SQL");
select e.id from agenda.events e join agenda.ticks t on t.tick = $stored
 where pg_visible_in_snapshot(e.xid, t.lo) or (pg_visible_in_snapshot(e.xid, t.hi) and e.seq <= t.seq)
SQL
my @later = grep { $_->{offset} > ($end_of{"$_->{topic} $_->{partition}"} // -1) } @$records;
note(scalar(keys %done) . ' events before a stored position, ' . scalar(@later) . ' records after the crash behind it');
cmp_ok(scalar(keys %done), '>', 1000, 'a position was stored');
is(scalar(grep { $done{ $_->{headers}{ce_id} } } @later), 0, 'what is before it is never repeated');
is($node->safe_psql('agenda', <<'SQL'), '', 'the log tells the same story as the tables');
select t.id, t.title, e.title
  from agenda.tasks t
  left join (select distinct on (subject) subject, data->'after'->>'title' as title
               from agenda.events where type like 'task.%' order by subject, seq desc) e
    on e.subject = t.id::text
 where t.title is distinct from e.title
SQL
is($node->safe_psql('agenda', 'select count(*) from agenda.dead_letters'), '0', 'no dead letters');

fsck_clean($node);
$node->stop;
done_testing();
