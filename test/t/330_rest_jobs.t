# The main job by REST, end to end: a front end posts a recurring task and one that is due soon, the
# notification comes by itself, an independent consumer of a real Kafka reads what happened, with the
# request's ids, and a second user sees nothing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaKafka;
use AgendaTest;
use POSIX qw(strftime);
use Test::More;

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;

my $kafka = AgendaKafka->new->start;
my $node = agenda_node('rest', 'agenda.kafka_brokers' => $kafka->bootstrap);
my $gateway = AgendaGateway->start($node);
my $alice = $gateway->user('alice');
my $bob = $gateway->user('bob');

sub in_hours { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 3600 * $_[0])) }

# ---- what the user does ------------------------------------------------------------------------
my $series = $alice->post('/api/recurring-tasks',
    { title => 'Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2025-01-06T09:00', timezone => 'Europe/Berlin' });
is($series->{status}, 201, 'a recurring task');
is($series->{json}{recurrence_type}, 'weekly', 'is weekly');
is($series->{json}{is_active}, JSON::PP::true, 'and active');
like($series->{json}{next_due_at}, qr/^\d{4}-\d\d-\d\dT0[78]:00:00Z$/, 'next_due_at is 09:00 in Berlin, summer or winter');
my $owed = $alice->get("/api/tasks?recurring_task_id=$series->{json}{id}")->{json};
is($owed->{total}, 1, 'the occurrence owed exists as a task');

my $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
my $report = $alice->post('/api/tasks', { title => 'Report', due_date => in_hours(20) },
    'X-Request-Id' => 'front-end-42', traceparent => $trace);
is($report->{status}, 201, 'a task due in 20 hours');
is($report->{json}{due_state}, 'due_soon', 'is due soon');
my $id = $report->{json}{id};

sub due_soon
{
    return grep { $_->{type} eq 'due_soon' && $_->{task_id} eq $id } @{ $alice->get('/api/notifications')->{json}{items} };
}
ok(wait_until(sub { scalar due_soon() }, 'the notification'), 'the notification comes by itself');
my ($told) = due_soon();
is($told->{late}, JSON::PP::false, 'and not late');
cmp_ok($node->safe_psql('agenda', "select extract(epoch from n.created_at - t.created_at) from agenda.notifications n join agenda.tasks t on t.id = n.task_id where t.id = '$id'"),
    '<', 1, 'but within a second');

my $done = $alice->put("/api/tasks/$id/complete");
is($done->{status}, 200, 'PUT complete');
is($done->{json}{status}, 'completed', 'completes');
is($alice->put("/api/tasks/$id/complete")->{status}, 200, 'and can be repeated');

# ---- what a consumer reads ---------------------------------------------------------------------
my $records = $kafka->consume([qw(task-created recurring-task-due task-due-soon task-completed)], count => 5);
my %of;    # topic => subjects
push @{ $of{ $_->{topic} } }, $_->{event}{subject} foreach @$records;
is_deeply([ sort @{ $of{'task-created'} } ], [ sort $id, $owed->{items}[0]{id} ], 'both tasks were created');
is_deeply($of{'recurring-task-due'}, [ $owed->{items}[0]{id} ], 'the occurrence was due');
is_deeply($of{'task-due-soon'}, [$id], 'the other one due soon');
is_deeply($of{'task-completed'}, [$id], 'and completed, once');
is_deeply([ grep { $_->{key} ne $_->{event}{subject} } @$records ], [], 'all keyed by the task');
my ($created) = grep { $_->{topic} eq 'task-created' && $_->{key} eq $id } @$records;
is($created->{event}{correlationid}, 'front-end-42', 'the request id came along');
like($created->{event}{traceparent}, qr/^00-0af7651916cd43dd8448eb211c80319c-/, 'and the trace');

# ---- what another user sees --------------------------------------------------------------------
is($bob->get("/api/tasks/$id")->{status}, 404, 'another user does not find the task');
is($bob->put("/api/tasks/$id/complete")->{status}, 404, 'nor complete it');
is($bob->get("/api/recurring-tasks/$series->{json}{id}")->{status}, 404, 'nor the series');
is($bob->get($_)->{json}{total}, 0, "and $_ is empty") foreach qw(/api/tasks /api/recurring-tasks /api/notifications);

$gateway->stop;
$node->stop;
done_testing();
