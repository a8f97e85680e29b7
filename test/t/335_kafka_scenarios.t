# The acceptance scenarios S7 to S11, by their numbers: a user at the gateway, the real workers, a real Kafka, and
# services of others that read it.  test/SCENARIOS.md lists all scenarios.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaKafka;
use AgendaTest;
use JSON::PP;
use POSIX qw(strftime);
use Test::More;

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;

# a member of a group that is gone is missed soon
my $kafka = AgendaKafka->new('group.initial.rebalance.delay.ms' => 0, 'group.min.session.timeout.ms' => 500)->start;
# one partition each, so that a consumer of a group has them all at once
$kafka->create_topics(map { "$_:1" } qw(task-created task-updated task-completed task-due-soon task-due recurring-task-due legacy));
my $node = agenda_node('scenarios', 'agenda.kafka_brokers' => $kafka->bootstrap);
my $gateway = AgendaGateway->start($node);
my $alice = $gateway->user('alice');
# on this machine it needs no token
my $sidecar = $gateway->user;

sub in_minutes { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + 60 * $_[0])) }

# A service of somebody else: a member of a consumer group, which goes on where its group has got to.  What it has
# read stands in its log.
my $started = 0;

sub start_service
{
    my ($group, @topics) = @_;
    my $name = "$group" . ++$started;
    my $pid = spawn($name, [ 'kcat', '-G', $group, '-u', '-q', '-J', '-b', $kafka->bootstrap,
            '-X', 'auto.offset.reset=earliest', '-X', 'auto.commit.interval.ms=50', '-X', 'session.timeout.ms=1500', '-X', 'heartbeat.interval.ms=300', @topics ]);
    return { name => $name, pid => $pid, group => $group };
}

sub events_of
{
    my ($service) = @_;
    my $log = AgendaTest::log_file($service->{name});
    return unless -e $log;
    # what is being written may end in the middle of a line
    return grep { defined } map { my $record = eval { decode_json($_) }; $record && eval { decode_json($record->{payload}) } } split /\n/, slurp($log);
}

sub received
{
    my ($service, $type, $subject) = @_;
    return scalar grep { $_->{type} eq $type && $_->{subject} eq $subject } events_of($service);
}

# ---- create and complete -----------------------------------------------------------------------
my $notifications = start_service('notifications', 'task-created', 'task-completed');
my $analytics = start_service('analytics', 'task-completed');
my $report = $alice->post('/api/tasks', { title => 'Report', priority => 1 })->{json};
ok(wait_until(sub { received($notifications, 'task.created', $report->{id}) }, 'task.created'), 'S7: a task is created, and the notification service receives the event');
my ($created) = grep { $_->{subject} eq $report->{id} } events_of($notifications);
is($created->{data}{after}{title}, 'Report', 'S7: with the task');

$alice->put("/api/tasks/$report->{id}/complete");
ok(wait_until(sub { received($analytics, 'task.completed', $report->{id}) }, 'task.completed'), 'S8: a task is completed, and analytics can process it');
my ($completed) = events_of($analytics);
is_deeply([ @{ $completed->{data}{after} }{qw(status priority)} ], [ 'completed', 1 ], 'S8: with what it has become');
is(received($analytics, 'task.created', $report->{id}), 0, 'S8: which is all that it has asked for');

# ---- a service that crashes ----------------------------------------------------------------------
ok(wait_until(sub { received($notifications, 'task.completed', $report->{id}) }, 'the other service'), 'S9: the notification service is up');
stop_process($notifications->{pid}, 'KILL');
my @missed = map { $alice->post('/api/tasks', { title => "Missed $_" })->{json}{id} } 1 .. 20;
$kafka->consume([ 'task-created' ], count => 1 + @missed);
is(scalar(grep { received($notifications, 'task.created', $_) } @missed), 0, 'S9: it crashes, and misses what happens');
my $again = start_service('notifications', 'task-created', 'task-completed');
wait_until(sub { @missed == grep { received($again, 'task.created', $_) } @missed }, 'what was missed', 60);
is_deeply([ map { $_->{subject} } grep { $_->{data}{after}{title} =~ /^Missed/ } events_of($again) ], \@missed, 'S9: it is back, and processes what it has missed, in order');

# ---- end to end ------------------------------------------------------------------------------------
my $soon = $alice->post('/api/tasks', { title => 'Soon', due_date => in_minutes(15) })->{json}{id};
my $unread = sub { return $alice->get('/api/notifications/unread-count')->{json}{unread_count} };
ok(wait_until(sub { grep { $_->{task_id} eq $soon } @{ $alice->get('/api/notifications')->{json}{items} } }, 'the notification'), 'S10: a task with a due date becomes a notification');
is($unread->(), 1, 'S10: which the bell counts');
my $series = $alice->post('/api/recurring-tasks', { title => 'Each second', rrule => 'FREQ=SECONDLY;COUNT=3', start_date => in_minutes(0), policy => 'must_do' })->{json}{id};
my $occurrences = sub { return @{ $alice->get("/api/tasks?recurring_task_id=$series&sort=due_date")->{json}{items} } };
ok(wait_until(sub { $occurrences->() == 3 }, 'three occurrences'), 'S10: a recurring task becomes new tasks, by itself');
my $records = $kafka->consume([ 'recurring-task-due', 'task-due-soon' ], until => sub { 3 <= grep { $_->{topic} eq 'recurring-task-due' } @{ $_[0] } });
is_deeply([ map { $_->{event}{subject} } grep { $_->{topic} eq 'recurring-task-due' } @$records ], [ map { $_->{id} } $occurrences->() ], 'S10: their events are in Kafka, in order');
is(scalar(grep { $_->{topic} eq 'task-due-soon' && $_->{event}{subject} eq $soon } @$records), 1, 'S10: and that of what is due soon');
my $metrics = $gateway->user->get('/metrics')->{content};
foreach my $name (qw(agenda_scanner_raised_total agenda_drainer_records_published_total))
{
    my ($value) = $metrics =~ /^$name(?:\{[^}]*\})? (\S+)$/m;
    cmp_ok($value // 0, '>', 0, "S10: a dashboard has $name");
}

# ---- consumers that get things twice ------------------------------------------------------------------
# another system says in Kafka that a task is done; its event is there twice, and each is delivered twice
my $daily = $alice->post('/api/tasks', { title => 'Daily', due_date => '2031-05-01T08:00:00Z', recurrence_rule => 'daily' })->{json}{id};
my $foreign = encode_json({ specversion => '1.0', id => 'order-17', source => 'https://legacy.example', type => 'task.completed',
        data => { user_id => 'alice', task_id => $daily } });
open my $producer, '|-', 'kcat', '-P', '-b', $kafka->bootstrap, '-t', 'legacy' or die "kcat: $!";
print $producer "$foreign\n$foreign\n";
close $producer or die "kcat failed";
my $delivered = $kafka->consume([ 'legacy' ], count => 2);
my @answers = map { $sidecar->post('/events/task-completed', $_->{event})->{json}{status} } map { ($_, $_) } @$delivered;
is_deeply(\@answers, [ ('SUCCESS') x 4 ], 'S11: an event that comes four times is taken four times');
is($alice->get("/api/tasks/$daily")->{json}{status}, 'completed', 'S11: completes its task');
is($alice->get('/api/tasks?q=Daily&status=pending')->{json}{total}, 1, 'S11: and brings one successor');
# our own events may come to us as well
my $events = sub { return $node->safe_psql('agenda', q{select count(*) from agenda.events}) };
my $before = $events->();
my $ours = $kafka->consume([ 'task-completed' ], until => sub { grep { $_->{event}{subject} eq $daily } @{ $_[0] } });
$sidecar->post('/events/task-completed', $_->{event}) foreach @$ours, @$ours;
is($events->(), $before, 'S11: our own events, come back, change nothing');
wait_until(sub { received($analytics, 'task.completed', $daily) }, 'the analytics service');
my %ids = map { $_->{id} => 1 } events_of($analytics);
is(scalar(keys %ids), 2, 'S11: and however often they are read, two completions have two ids');

$gateway->stop;
fsck_clean($node);
$node->stop;
done_testing();
