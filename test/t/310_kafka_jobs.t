# What an independent consumer of a real Kafka sees: every change of a task and every instant that
# the scanner raises, as CloudEvents keyed by the task, in order, each once; a plain INSERT counts
# like a function call, and a transaction that rolls back leaves nothing.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use Test::More;

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;

my $kafka = AgendaKafka->new->start;
my $node = agenda_node('jobs', 'agenda.kafka_brokers' => $kafka->bootstrap);
my @topics = split /\n/,
  $node->safe_psql('agenda', 'select distinct topic from agenda.topic_routes order by 1');
my $alice = $node->safe_psql('agenda', "select agenda.user_id_of('alice')");

sub sql { return $node->safe_psql('agenda', act_sql('alice', $_[0])) }

# What the log says has to be in these topics, as "topic id".
sub expected
{
    return split /\n/, $node->safe_psql('agenda', <<'SQL');
select r.topic || ' ' || e.id from agenda.events e
  join agenda.topic_routes r on r.event_type = e.type order by 1
SQL
}

sub of_subject
{
    my ($records, $subject) = @_;
    return grep { $_->{event}{subject} eq $subject } @$records;
}

# ---- a series and a task that is due soon ----------------------------------------------------
sql(<<'SQL');
select agenda.create_recurring_task('Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO',
    start_date => '2025-01-06 09:00', timezone => 'Europe/Berlin');
SQL
my $task = sql(<<'SQL');
select id from agenda.create_task(U&'B\00fcro "auf\005cr\00e4umen" \2603', (now() + interval '20 hours')::text)
SQL
my $due = $kafka->consume([ 'recurring-task-due', 'task-due-soon' ], count => 2);
my ($recurrence) = grep { $_->{topic} eq 'recurring-task-due' } @$due;
my ($due_soon) = grep { $_->{topic} eq 'task-due-soon' } @$due;

is($recurrence->{event}{type}, 'task.recurrence', 'the occurrence that is owed is announced');
my $owed = $node->safe_psql('agenda',
    "select id from agenda.tasks where recurring_task_id is not null and title = 'Stand-up'");
is($recurrence->{key}, $owed, 'its key is the task that was made');
is($due_soon->{event}{type}, 'task.due_soon', 'a task due in 20 hours is due soon');
is($due_soon->{key}, $task, 'keyed by its id');

sql("select agenda.complete_task('$task')");
my ($completed) = of_subject($kafka->consume([ 'task-completed' ], count => 1), $task);
is($completed->{event}{type}, 'task.completed', 'completing the task is announced');
is($completed->{event}{data}{after}{status}, 'completed', 'with what it has become');

# ---- plain SQL, rollback, savepoint ----------------------------------------------------------
sql("insert into agenda.tasks (title) values ('by plain insert')");
$node->safe_psql('agenda', <<"SQL");
begin;
select agenda.act_as('$alice');
insert into agenda.tasks (title) values ('rolled back');
select agenda.create_task('rolled back too');
rollback;
begin;
select agenda.act_as('$alice');
insert into agenda.tasks (title) values ('before the savepoint');
savepoint s;
insert into agenda.tasks (title) values ('rolled back to the savepoint');
rollback to s;
insert into agenda.tasks (title) values ('after the savepoint');
commit;
SQL
my $busy = sql("insert into agenda.tasks (title) values ('busy') returning id");
sql("update agenda.tasks set title = 'busy $_' where id = '$busy'") foreach 1 .. 20;
sql("update agenda.tasks set priority = 1 where title like 'busy%' or title like '%savepoint'");
sql("delete from agenda.tasks where id = '$busy'");

# the last change of all, before which everything that was rolled back would have come
$kafka->consume([ 'task-deleted' ], count => 1);
$node->poll_query_until('agenda',
    'select count(*) = 0 from agenda.timers where fire_at <= clock_timestamp()');
my @expected = expected();
my $records = $kafka->consume(\@topics, count => scalar @expected);
my @titles = map { $_->{event}{data}{after}{title} }
  grep { $_->{topic} eq 'task-created' } @$records;

is_deeply(
    [ sort @titles ],
    [
        sort "B\x{fc}ro \"auf\\r\x{e4}umen\" \x{2603}",
        'Stand-up', 'by plain insert', 'before the savepoint', 'after the savepoint', 'busy'
    ],
    'what was committed is published, what was rolled back is not, text comes through');
is_deeply([ sort map { "$_->{topic} $_->{event}{id}" } @$records ],
    \@expected, 'each event of the log is in each of its topics exactly once');

my @history = grep { $_->{topic} eq 'task-updated' } of_subject($records, $busy);
is_deeply(
    [ map { $_->{event}{data}{after}{title} . ' ' . $_->{event}{data}{after}{priority} } @history ],
    [ (map { "busy $_ 2" } 1 .. 20), 'busy 20 1' ],
    'the changes of a task come in their order');
is(scalar(keys %{ { map { $_->{partition} => 1 } @history } }), 1, 'through one partition');

# ---- the form of an event --------------------------------------------------------------------
my $database = $node->safe_psql('agenda', <<"SQL");
select to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || ' ' || seq
  from agenda.events where id = '$completed->{event}{id}'
SQL
my ($time, $seq) = split / /, $database;
my $event = $completed->{event};
my %attribute = %$event;
my ($source) = delete $attribute{source};
delete $attribute{$_} foreach qw(data id traceparent correlationid);
like($source, qr{^/[^/]+/agenda$}, 'source names cluster and database');
is_deeply(
    \%attribute,
    {
        specversion => '1.0',
        type => 'task.completed',
        subject => $task,
        time => $time,
        datacontenttype => 'application/json',
        partitionkey => $task,
        sequence => sprintf('%020d', $seq),
        userid => $alice,
    },
    'attributes of the structured CloudEvent');
my %header = %{ $completed->{headers} };
delete $header{traceparent};
is_deeply(
    \%header,
    {
        'content-type' => 'application/cloudevents+json; charset=UTF-8',
        map { ("ce_$_" => $event->{$_}) }
          qw(specversion id source type subject time datacontenttype partitionkey sequence userid)
    },
    'headers say the same');
is_deeply([ grep { $_->{key} ne $_->{event}{partitionkey} || $_->{key} ne $_->{event}{subject} }
          @$records ],
    [], 'every record is keyed by what it is about');

# ---- the second consumer ---------------------------------------------------------------------
sub comparable
{
    return [ sort map { join ' ', @$_{qw(topic partition offset key value)},
          map { "$_->[0]=$_->[1]" } sort { $a->[0] cmp $b->[0] } headers_of($_) } @{ $_[0] } ];
}

sub headers_of
{
    my $headers = $_[0]{headers};
    return map { [ $_, $headers->{$_} ] } keys %$headers;
}

my %exists = map { $_->{topic} => 1 } @$records;
is_deeply(comparable($kafka->read_all(sort keys %exists)),
    comparable($records), "Apache's Java client reads the same records");

$node->stop;
done_testing();
