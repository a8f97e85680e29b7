# What is rarer: single occurrences, occurrences out of turn, channels and deliveries, iCalendar, and why somebody was told.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('series');
my $gateway = AgendaGateway->start($node);
my $alice = $gateway->user('alice');

sub problem_is
{
    my ($answer, $status, $code, $pointer, $what) = @_;
    my $p = $answer->{json} // {};
    is(join(' ', $answer->{status}, $p->{code} // '-', $p->{errors}[0]{pointer} // '-'), "$status $code $pointer", $what) or diag($answer->{content});
    return;
}

# --- single occurrences -------------------------------------------------------------------------
my $series = $alice->post('/recurring-tasks',
    { title => 'Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2031-01-06T09:00', timezone => 'Europe/Berlin' })->{json};
my $path = "/recurring-tasks/$series->{id}";

sub keys_of
{
    return join ' ', map { "$_->{occurrence_key}=$_->{source}" } @{ $alice->post("$path/preview", { count => 4, @_ })->{json}{items} };
}
is(keys_of(), '2031-01-06T09:00:00=rule 2031-01-13T09:00:00=rule 2031-01-20T09:00:00=rule 2031-01-27T09:00:00=rule', 'a preview names the keys');
is(keys_of(rrule => 'FREQ=WEEKLY;BYDAY=TU', count => 1), '2031-01-07T09:00:00=rule', 'and says what a change would give');
is(scalar @{ $alice->post("$path/preview")->{json}{items} }, 10, 'without a body the next ten');
is_deeply($alice->post('/recurring-tasks/preview', { recurrence_type => 'daily', start_date => '2031-05-01T08:00', timezone => 'UTC', count => 1 })->{json}{items}[0]{due_at},
    '2031-05-01T08:00:00Z', 'of a series that is not made yet');
my $skipped = $alice->post("$path/occurrences/skip", { occurrence_key => '2031-01-06T09:00', reason => 'holiday' });
is("$skipped->{status} $skipped->{json}{next_due_at}", '200 2031-01-13T08:00:00Z', 'one is left out');
is($alice->post("$path/occurrences/skip", { occurrence_key => '2031-01-06T08:00:00Z' })->{status}, 200, 'which is repeatable; an instant names it too');
is_deeply($alice->post("$path/occurrences", { occurrence_key => '2031-01-08T10:00', title => 'Extra', unknown => 1 })->{json},
    { occurrence_key => '2031-01-08T10:00:00', due_at => '2031-01-08T09:00:00Z', title => 'Extra', source => 'add', task_id => undef }, 'one is added');
is($alice->patch("$path/occurrences", { occurrence_key => '2031-01-13T09:00', title => 'Long one', due_date => '2031-01-13T11:00' })->{json}{due_at},
    '2031-01-13T10:00:00Z', 'one is moved');
is(keys_of(), '2031-01-08T10:00:00=add 2031-01-13T09:00:00=patch 2031-01-20T09:00:00=rule 2031-01-27T09:00:00=rule', 'this is what comes');
my $done = $alice->post("$path/occurrences/complete", { occurrence_key => '2031-01-13T09:00' });
is("$done->{json}{title} $done->{json}{status}", 'Long one completed', 'one is completed that was no task yet');
ok($done->{json}{undo_token}, 'and can be undone');
is($alice->post("$path/occurrences/complete", { occurrence_key => '2031-01-13T09:00' })->{json}{version}, $done->{json}{version}, 'repeatable');
my $split = $alice->patch("$path/occurrences", { occurrence_key => '2031-01-27T09:00', title => 'Weekly', scope => 'following' });
is("$split->{status} $split->{json}{title}", '200 Weekly', 'scope following');
is($alice->get('/recurring-tasks?q=weekly')->{json}{total}, 1, 'makes a series of its own');
problem_is($alice->post("$path/occurrences/$_", { occurrence_key => '2031-01-07T09:00' }), 404, 'YA001', '/occurrence_key', "$_: a key that the series does not have") foreach qw(skip complete);
problem_is($alice->post("$path/occurrences/skip", {}), 422, 'YA006', '/occurrence_key', 'no key');
problem_is($alice->post("$path/occurrences", { occurrence_key => 'soon' }), 422, 'YA005', '/occurrence_key', 'a key that is no time');
problem_is($alice->post("$path/occurrences", { occurrence_key => 7 }), 422, 'YA006', '/occurrence_key', 'a key that is no text');
problem_is($alice->patch("$path/occurrences", { occurrence_key => '2031-01-20T09:00', scope => 'some' }), 422, 'YA006', '/scope', 'a scope that is none');

# --- reminders of a series ------------------------------------------------------------------------
my $reminded = $alice->post('/recurring-tasks', { title => 'Rent', recurrence_type => 'monthly', reminders => ['-1 day'] })->{json};
is_deeply($reminded->{reminders}, [ { anchor => 'due', offset => '-1 days' } ], 'a series is answered with its reminders');
is_deeply($alice->patch("/recurring-tasks/$reminded->{id}", { reminders => [] })->{json}{reminders}, [], 'or none');
is($series->{reminders}, undef, 'or null, where its occurrences have the default ones');

# --- out of turn ----------------------------------------------------------------------------------
my $now = $alice->post("$path/trigger");
is($now->{status}, 201, 'an occurrence now');
is($now->{headers}{location}, "/api/tasks/$now->{json}{id}", 'is a task');
is($now->{json}{recurring_task_id}, $series->{id}, 'of the series');
my $chain = $alice->post('/recurring-tasks', { title => 'Chain', recurrence_type => 'daily', policy => 'chain', timezone => 'UTC' })->{json};
problem_is($alice->post("/recurring-tasks/$chain->{id}/trigger"), 409, 'YA007', '-', 'not while one is open of which there is one at a time');
my $past = $alice->post('/recurring-tasks', { title => 'Past', recurrence_type => 'daily', start_date => '2025-01-01T09:00:00Z', timezone => 'UTC' })->{json};
my $filled = $alice->post("/recurring-tasks/$past->{id}/backfill", { from => '2025-01-01', to => '2025-01-05' });
is(join(' ', map { $_->{due_date} } @{ $filled->{json}{items} }), join(' ', map { "2025-01-0${_}T09:00:00Z" } 1 .. 4), 'what was never made');
is_deeply($alice->post("/recurring-tasks/$past->{id}/backfill", { from => '2025-01-01', to => '2025-01-05' })->{json}, { items => [] }, 'is made once');
is(scalar @{ $alice->post("/recurring-tasks/$past->{id}/backfill", { from => '2025-01-01', limit => 2 })->{json}{items} }, 2, 'at most so many, up to now');
problem_is($alice->post("/recurring-tasks/$past->{id}/backfill", { from => '2025-01-01', limit => 0 }), 422, 'YA006', '/limit', 'not none');
problem_is($alice->post("/recurring-tasks/$past->{id}/backfill", $_), 422, 'YA006', '/from', 'from when') foreach ({}, { from => '2025-01-05', to => '2025-01-01' });
problem_is($alice->post("$path/preview", { count => 'all' }), 422, 'YA006', '/count', 'a preview of so many');

# --- channels --------------------------------------------------------------------------------------
my $hook = $alice->post('/channels', { kind => 'webhook', address => 'https://example.org/hook', types => ['due'] }, 'Idempotency-Key' => 'hook');
is($hook->{status}, 201, 'a webhook');
like($hook->{json}{secret}, qr/^whsec_/, 'with its secret');
is($alice->post('/channels', { kind => 'webhook', address => 'https://example.org/hook', types => ['due'] }, 'Idempotency-Key' => 'hook')->{json}{id}, $hook->{json}{id}, 'made once');
my $channel = "/channels/$hook->{json}{id}";
is($hook->{headers}{location}, "/api$channel", 'Location');
my %shown = %{ $hook->{json} };
delete $shown{secret};
is_deeply($alice->get($channel)->{json}, \%shown, 'which is shown this once');
is($alice->patch($channel, { name => 'Hook', types => undef })->{json}{name}, 'Hook', 'PATCH');
problem_is($alice->patch($channel, { address => 'https://example.com' }), 422, 'YA006', '/address', 'another address is another channel');
my $secret = $alice->post("$channel/rotate-secret")->{json}{secret};
ok($secret =~ /^whsec_/ && $secret ne $hook->{json}{secret}, 'another secret');
my $test = $alice->post("$channel/test");
is($test->{status}, 202, 'a test message is queued');
my $mail = $alice->post('/channels', { kind => 'email', address => 'me@example.org' })->{json};
ok(!exists $mail->{secret} && !$mail->{confirmed_at}, 'an address is confirmed first');
problem_is($alice->post("/channels/$mail->{id}/test"), 409, 'YA007', '-', 'nothing else is sent there before');
problem_is($alice->post("/channels/$mail->{id}/rotate-secret"), 409, 'YA007', '-', 'it has no secret');
problem_is($alice->post("/channels/$mail->{id}/confirm", { code => 'guess' }), 422, 'YA006', '/code', 'a code that was not sent');
my $code = $node->safe_psql('agenda', "select code from agenda.channel_secrets where channel_id = '$mail->{id}'");
ok($alice->post("/channels/$mail->{id}/confirm", { code => $code })->{json}{confirmed_at}, 'the one that was');
is(scalar @{ $alice->get('/channels')->{json}{items} }, 2, 'both are listed');
problem_is($alice->post('/channels', { kind => 'pigeon', address => 'x' }), 422, 'YA006', '/kind', 'a kind that is none');
problem_is($alice->post('/channels', { kind => 'webhook', address => 'ftp://example.org' }), 422, 'YA006', '/address', 'an address that is none');
problem_is($alice->post('/channels', { kind => 'webhook', address => 'https://example.org', types => ['all'] }), 422, '23514', '/types', 'a type that is none');
my $list = $alice->get('/deliveries')->{json};
is("$list->{total} " . join(' ', sort map { $_->{what} } @{ $list->{items} }), '2 confirmation test', 'deliveries');
is($alice->get("/deliveries?channel_id=$hook->{json}{id}&state=queued")->{json}{items}[0]{id}, $test->{json}{delivery_id}, 'of a channel, in a state');
problem_is($alice->get('/deliveries?state=lost'), 422, 'YA006', '/state', 'a state that is none');
problem_is($alice->get('/deliveries?channel_id=x'), 422, 'YA006', '/channel_id', 'a channel that is none');
problem_is($alice->post("/deliveries/$test->{json}{delivery_id}/retry"), 409, 'YA007', '-', 'what has not failed is not sent again');
$node->safe_psql('agenda', "update agenda.deliveries set status = 'failed', finished_at = now() where id = '$test->{json}{delivery_id}'");
is($alice->post("/deliveries/$test->{json}{delivery_id}/retry")->{json}{status}, 'queued', 'what has is');
is($alice->del($channel)->{status}, 204, 'DELETE');
is($alice->get($channel)->{status}, 404, 'gone');

# --- iCalendar --------------------------------------------------------------------------------------
my $ical = $alice->get('/calendar.ics');
is("$ical->{status} $ical->{headers}{'content-type'}", '200 text/calendar', 'a calendar');
like($ical->{content}, qr/^BEGIN:VCALENDAR\r\n.*^SUMMARY:Chain\r\n.*^END:VCALENDAR\r\n\z/ms, 'of series and tasks');
like($alice->get('/calendar.ics?as_events=true')->{content}, qr/^BEGIN:VEVENT\r\n/m, 'as events');
problem_is($alice->get('/calendar.ics?as_events=perhaps'), 422, 'YA006', '/as_events', 'or not');
my $bob = $gateway->user('bob');
my %type = ('Content-Type' => 'text/calendar; charset=utf-8');
my $imported = $bob->request('POST', '/calendar.ics', $ical->{content}, %type);
is($imported->{status}, 200, 'another user imports it');
is_deeply([ grep { defined $_->{problem} } @{ $imported->{json}{items} } ], [], 'all of it') or diag($imported->{content});
is($bob->get('/recurring-tasks?q=chain')->{json}{total}, 1, 'and has it');
is($alice->request('POST', '/calendar.ics', $ical->{content}, %type)->{json}{items}[0]{problem}, 'exists', 'whose it is has it already');
problem_is($alice->request('POST', '/calendar.ics', 'BEGIN:VCARD', %type), 422, 'YA006', '/calendar', 'no calendar');
problem_is($alice->request('POST', '/calendar.ics', '', %type), 422, 'YA006', '/calendar', 'nothing');
problem_is($alice->request('POST', '/calendar.ics', "BEGIN:VCALENDAR\r\n\0END:VCALENDAR\r\n", %type), 400, 'bad-request', '-', 'a NUL');
problem_is($alice->request('POST', '/calendar.ics', "BEGIN:VCALENDAR\r\nX:\xff\r\nEND:VCALENDAR\r\n", %type), 400, '22021', '-', 'no UTF-8');
problem_is($alice->post('/calendar.ics', { calendar => $ical->{content} }), 415, 'unsupported-media-type', '-', 'JSON is another type');
like($alice->post('/calendar.ics', { calendar => 1 })->{json}{detail}, qr{text/calendar}, 'and says which is wanted');
problem_is($alice->get('/calendar?from=2031-01-02&to=2031-01-01'), 422, 'YA006', '/to', 'a calendar that ends before it begins');
problem_is($alice->get("$path/occurrences?from=2031-01-02&to=2031-01-01"), 422, 'YA006', '/to', 'as are occurrences');
problem_is($alice->get('/calendar?from=2031-01-01&to=2033-01-01'), 422, 'YA006', '/to', 'a calendar of years');

# --- why -----------------------------------------------------------------------------------------------
my $task = $alice->post('/tasks', { title => 'Now', due_date => '2020-01-01T00:00:00Z' })->{json};
wait_until(sub { $alice->get('/notifications')->{json}{total} > 0 }, 'a notification');
my $note = $alice->get('/notifications')->{json}{items}[0];
is($alice->get("/notifications/$note->{id}/why")->{json}{notification_id}, $note->{id}, 'why somebody was told');
is($alice->get("/tasks/$task->{id}/why-not-notified")->{json}{task_id}, $task->{id}, 'and why not');
problem_is($alice->get("/tasks/$task->{id}/why-not-notified?at=never"), 422, 'YA005', '/at', 'at a time');

# --- what is to come -------------------------------------------------------------------------------------
my $ahead = sub { strftime('%FT%H:%M:%SZ', gmtime(time + $_[0])) };
my $soon = $alice->post('/tasks', { title => 'Soon', due_date => $ahead->(7200) })->{json};
my $hourly = $alice->post('/recurring-tasks', { title => 'Hourly', rrule => 'FREQ=HOURLY', start_date => $ahead->(3600), timezone => 'UTC' })->{json};
my $forecast = $alice->get('/notifications/forecast?limit=1000')->{json}{items};
is_deeply([ map { "$_->{type} $_->{task_id}" } grep { $_->{title} eq 'Soon' && $_->{type} ne 'due_soon' } @$forecast ], [ "due $soon->{id}", "overdue $soon->{id}" ], 'a forecast');
is((grep { $_->{title} eq 'Soon' && $_->{type} eq 'due' } @$forecast)[0]{at}, $soon->{due_date}, 'says when');
my @hourly = grep { $_->{title} eq 'Hourly' } @$forecast;
cmp_ok(scalar @hourly, '>', 20, 'of occurrences, too');
is_deeply([ grep { defined $_->{task_id} || $_->{recurring_task_id} ne $hourly->{id} } @hourly ], [], 'which are no tasks yet');
is($alice->get('/tasks?q=Hourly')->{json}{total}, 0, 'nor by the forecast');
is(scalar @{ $alice->get('/notifications/forecast?limit=3')->{json}{items} }, 3, 'a few');
is_deeply($alice->get('/notifications/forecast?from=' . $ahead->(88200) . '&to=' . $ahead->(88201))->{json}{items}, [], 'of a moment');
is_deeply([ grep { $_->{title} =~ /Soon|Hourly/ } @{ $bob->get('/notifications/forecast?limit=1000')->{json}{items} } ], [], 'nobody sees what others will be told');
problem_is($alice->get("/notifications/forecast?to=$_"), 422, $_ eq 'never' ? 'YA005' : 'YA006', '/to', "to $_") foreach 'never', $ahead->(32 * 86400), '2020-01-01T00:00:00Z';
problem_is($alice->get('/notifications/forecast?limit=0'), 422, 'YA006', '/limit', 'of nothing');

# --- days off -------------------------------------------------------------------------------------------
$node->safe_psql('agenda', "insert into agenda.holidays (user_id, calendar, day) values (null, 'de', '2031-10-03')");
my $off = { day => '2031-12-24', calendar => 'own', label => 'Off', shared => JSON::PP::false };
is_deeply($alice->put('/users/me/holidays', { day => '2031-12-24', label => $_ })->{json}, { %$off, label => $_ }, "a day off: $_") foreach qw(Eve Off);
is_deeply($alice->get('/users/me/holidays?from_day=2031-01-01&to_day=2031-12-31')->{json}{items},
    [ { day => '2031-10-03', calendar => 'de', label => undef, shared => JSON::PP::true }, $off ], 'stands among those that everybody shares');
is_deeply($bob->get('/users/me/holidays?from_day=2031-12-01')->{json}, { items => [] }, 'and is nobody else\'s');
is($bob->del('/users/me/holidays?day=2031-12-24')->{status}, 204, 'another user takes away his own');
is_deeply($alice->get('/users/me/holidays?from_day=2031-12-24')->{json}{items}, [$off], 'not mine');
is($alice->del('/users/me/holidays?day=2031-12-24')->{status}, 204, 'DELETE');
is_deeply($alice->get('/users/me/holidays?from_day=2031-12-01')->{json}, { items => [] }, 'gone');
problem_is($alice->put('/users/me/holidays', { day => $_ }), 422, 'YA006', '/day', 'a day: ' . ($_ // 'none')) foreach ('soon', '2031-02-30', undef, 7);
problem_is($alice->del('/users/me/holidays'), 422, 'YA006', '/day', 'no day');
problem_is($alice->put('/users/me/holidays', { day => '2031-01-01', label => 'x' x 201 }), 422, '23514', '/label', 'a label that is too long');

# --- in a batch ----------------------------------------------------------------------------------------
my $batch = $alice->post('/batch', { operations => [
    { method => 'POST', path => "$path/trigger" }, { method => 'GET', path => '/channels' },
    { method => 'POST', path => "$path/occurrences/skip", body => { occurrence_key => '2031-01-20T09:00' } } ] });
is(join(' ', map { $_->{status} } @{ $batch->{json}{results} }), '201 200 200', 'they go together');
unlike($gateway->log_text, qr/"level":"error"/, 'nothing went wrong inside');
is($gateway->stop, 0, 'exit status 0');
done_testing();
