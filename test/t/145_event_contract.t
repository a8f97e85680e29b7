# The contract with consumers: every type of event is made, published, and compared with its schema in
# docs/events.  A type that has no schema fails, as does a schema whose event nobody makes, a member that no
# schema has, and a type that goes to a topic and is not described.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaKafka;
use AgendaTest;
use File::Basename qw(basename);
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'python3-jsonschema is not installed' if system('python3 -c "import jsonschema" 2>/dev/null');

my $schemas = "$ENV{AGENDA_ROOT}/docs/events";
my @described = grep { !/^(?:common|cloudevent)$/ } map { basename($_, '.schema.json') } glob "$schemas/*.schema.json";
my $broker = AgendaKafka::DevBroker->new->start;
my $node = agenda_node('contract', 'agenda.kafka_brokers' => $broker->bootstrap);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub as_user { my ($user, $sql) = @_; return sql("set agenda.now = '2027-01-10 08:00:00+00'; " . act_sql($user, $sql)) }

# --- one topic with everything -------------------------------------------------------------------
is_deeply([ sort split /\n/, sql('select distinct event_type from agenda.topic_routes') ], [ grep { !/^log\./ } @described ],
    'what has a topic has a schema, and the reverse');
sql('insert into agenda.topic_routes (event_type, topic) values ' . join ', ', map { "('$_', 'contract')" } @described);

# --- every type ----------------------------------------------------------------------------------
as_user('alice', $_) foreach (
    # tasks, by function and by plain SQL
    q{select agenda.create_task('Report', description => 'all of it', due => '2027-01-10T10:00:00Z');
      select agenda.update_task(id, '{"title": "Report 2027", "priority": 1, "tags": ["x"], "checklist": [{"text": "a", "done": true}]}') from agenda.tasks;
      select agenda.complete_task(id) from agenda.tasks; select agenda.reopen_task(id) from agenda.tasks;
      select agenda.skip_task(id) from agenda.tasks; select agenda.reopen_task(id) from agenda.tasks;
      select agenda.cancel_task(id) from agenda.tasks; select agenda.reopen_task(id) from agenda.tasks;
      update agenda.tasks set status = 'missed'; select agenda.reopen_task(id) from agenda.tasks;
      select agenda.delete_task(id) from agenda.tasks; select agenda.restore_task(id) from agenda.tasks},
    q{insert into agenda.tasks (title) values ('gone'); delete from agenda.tasks where title = 'gone'},
    q{insert into agenda.tasks (title, due_kind, due_local, timezone) values ('day', 'date', '2027-01-20', 'Europe/Berlin')},
    q{insert into agenda.tasks (title, due_date, recurrence_rule) values ('again', '2027-01-12 09:00+00', 'weekly');
      select agenda.complete_task(id) from agenda.tasks where title = 'again'},
    # series; those that began long ago have passed over occurrences
    q{select agenda.create_recurring_task('Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2026-12-07T09:00', timezone => 'Europe/Berlin');
      select agenda.update_recurring_task(id, '{"title": "Daily", "description": "short"}') from agenda.recurring_tasks where title = 'Stand-up';
      select agenda.skip_occurrence(id, '2027-01-18 09:00', 'away') from agenda.recurring_tasks where title = 'Daily';
      select agenda.pause_recurring_task(id) from agenda.recurring_tasks where title = 'Daily';
      select agenda.resume_recurring_task(id) from agenda.recurring_tasks where title = 'Daily';
      select agenda.delete_recurring_task(id) from agenda.recurring_tasks where title = 'Daily'},
    q{select agenda.create_recurring_task('Short', 'daily', start_date => '2027-01-10T07:00:00Z', end_date => '2027-01-11T08:00:00Z');
      insert into agenda.recurring_tasks (title, recurrence_type, start_date) values ('plain', 'monthly', '2027-02-01 09:00+00');
      delete from agenda.recurring_tasks where title = 'plain'},
    # reminders
    q{select agenda.add_reminder(id, '-30 minutes') from agenda.tasks where title = 'Report 2027';
      select agenda.add_reminder(id, at => '2027-01-10T08:30:00Z') from agenda.tasks where title = 'Report 2027';
      select agenda.add_reminder(id, '-1 day', at_time => '18:00') from agenda.tasks where title = 'day';
      select agenda.snooze_reminder(r.id, '20 minutes') from agenda.reminders r join agenda.tasks t on t.id = r.task_id where t.title = 'day';
      select agenda.delete_reminder(r.id) from agenda.reminders r join agenda.tasks t on t.id = r.task_id where t.title = 'day'},
    q{select agenda.set_preferences('{"timezone": "Europe/Berlin", "quiet_start": "22:00", "quiet_end": "07:00", "due_soon_window": "2 hours", "default_reminders": [{"offset": "-15 minutes"}]}')});

# the scanner's part, at noon and on the next days
sql(qq{set agenda.now = '$_'; set role agenda_service; select agenda._scan('$_', '-infinity', 1000)})
  foreach '2027-01-10 08:31+00', '2027-01-10 12:00+00', '2027-01-11 12:00+00', '2027-01-12 12:00+00';
as_user('alice', $_) foreach (
    q{select agenda.mark_read(id) from agenda.notifications where withdrawn_at is null limit 1},
    q{select agenda.clear_notifications()});
sql(q{set agenda.now = '2027-01-19 12:00+00'; set role agenda_service; select agenda._scan('2027-01-20 12:00+00', '-infinity', 1000)});
as_user('alice', q{select agenda.complete_task(id) from agenda.tasks where title = 'day'});
as_user('alice', q{select agenda.add_channel('webhook', 'https://example.org/')});
as_user('alice', q{select agenda.test_channel(id) from agenda.list_channels()});
sql(q{set role agenda_service;
    select agenda._record_delivery(d.user_id, d.delivery_id, clock_timestamp(), 'refused', 404, 'not found', 0)
      from agenda._claim_deliveries(clock_timestamp(), '{}', 10, '1 minute') d});
as_user('bob', q{select agenda.create_task('bob''s')});
wait_until(sub { sql('select lag from agenda.log_position()') eq '0' }, 'the log to be published');
sql(q{set role agenda_service;
    select agenda.forget_user(agenda.user_id_of('bob'));
    select agenda.replay(now() - interval '1 hour', now() + interval '1 hour', '{preferences.updated}');
    begin; select agenda.bulk_import(); select agenda.bulk_import(false); commit});

# --- what is published ---------------------------------------------------------------------------
my $events = sql(q{select count(*) from agenda.events e join agenda.topic_routes r on r.event_type = e.type where r.topic = 'contract'})
  + sql(q{select count(*) from agenda.replays});
my $records = $broker->consume([ 'contract' ], count => $events + sql(q{select (data->'rows'->>'events')::int from agenda.events where type = 'user.forgotten'}));
my %made = map { $_->{event}{type} => 1 } @$records;
is_deeply([ sort keys %made ], \@described, 'every type is published, and none that is not described');
ok((grep { $_->{event}{replayed} } @$records), 'a repetition among them');

sub wrong_with
{
    my @values = @_;
    my ($in, $out, $err) = (join("\n", @values) . "\n", '', '');
    IPC::Run::run([ 'python3', "$ENV{AGENDA_ROOT}/test/lib/check_events.py", $schemas ], '<', \$in, '>', \$out, '2>', \$err)
      or die "check_events.py failed:\n$err";
    return $out;
}
is(wrong_with(map { $_->{value} } @$records), '', 'each is what its schema says');

# --- would it be noticed? ------------------------------------------------------------------------
my $json = JSON::PP->new->utf8->canonical;
my ($sample) = grep { $_->{event}{type} eq 'task.updated' } @$records;
foreach my $change (
    [ 'a new member of the image', sub { $_[0]{data}{after}{colour} = 'red' } ],
    [ 'one that is missing', sub { delete $_[0]{data}{after}{title} } ],
    [ 'a new member of the data', sub { $_[0]{data}{more} = 1 } ],
    [ 'a new attribute', sub { $_[0]{more} = 'x' } ],
    [ 'a time that is none', sub { $_[0]{data}{after}{due_date} = 'tomorrow' } ],
    [ 'another type', sub { $_[0]{type} = 'task.painted' } ])
{
    my ($what, $edit) = @$change;
    my $event = $json->decode($json->encode($sample->{event}));
    $edit->($event);
    isnt(wrong_with($json->encode($event)), '', "$what would be noticed");
}

$node->stop;
done_testing();
