# The REST face: every route, its errors, and two users who see nothing of each other.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('rest');
my $gateway = AgendaGateway->start($node);
my $alice = $gateway->user('alice');
my $bob = $gateway->user('bob');
my $nobody = $gateway->user;
my $unknown = '00000000-0000-7000-8000-000000000000';

sub status_is
{
    my ($answer, $status, $what) = @_;
    return is($answer->{status}, $status, $what) || diag($answer->{content});
}

# A problem document with this status and code.
sub problem_is
{
    my ($answer, $status, $code, $what) = @_;
    my $p = $answer->{json} // {};
    my $ok = $answer->{status} == $status
      && $answer->{headers}{'content-type'} eq 'application/problem+json'
      && ($p->{code} // '') eq $code
      && $p->{status} == $status
      && $p->{type} =~ /^urn:pg_agenda:problem:[a-z-]+$/
      && length $p->{title}
      && $p->{request_id} eq $answer->{headers}{'x-request-id'};
    ok($ok, $what) or diag("$answer->{status} $answer->{content}");
}

# --- health -----------------------------------------------------------------------------------
is($nobody->get($_)->{status}, 200, "GET $_ needs no token") foreach qw(/healthz /livez /readyz /metrics /api/healthz);
is($nobody->get('/readyz')->{json}{status}, 'ready', 'ready');

# --- tasks ------------------------------------------------------------------------------------
my $made = $alice->post('/api/tasks',
    { title => 'Report', due_date => '2031-01-15T17:00:00Z', description => 'long', priority => 1, unknown => [1] });
status_is($made, 201, 'POST /api/tasks');
my $task = $made->{json};
my $path = "/api/tasks/$task->{id}";
is($made->{headers}{location}, $path, 'Location');
is($made->{headers}{etag}, '"1"', 'ETag is the version');
is("@$task{qw(title due_date description priority status)}", 'Report 2031-01-15T17:00:00Z long 1 pending', 'its members');
my $read = $alice->get($path);
status_is($read, 200, 'GET by the Location');
is_deeply($read->{json}, $task, 'is what POST answered');
is_deeply($alice->get("/tasks/$task->{id}")->{json}, $task, 'the same without the prefix');
is($alice->get($path, 'If-None-Match' => '"1"')->{status}, 304, 'If-None-Match: unchanged');
is($alice->get($path, 'If-None-Match' => '"0"')->{status}, 200, 'If-None-Match: changed');
my $head = $alice->request('HEAD', $path);
is($head->{status} . length($head->{content} // ''), '2000', 'HEAD has no body');
is($head->{headers}{'content-length'}, $read->{headers}{'content-length'}, 'but its length');

my $patched = $alice->patch($path, { title => 'Big report', description => undef });
status_is($patched, 200, 'PATCH');
is($patched->{json}{title}, 'Big report', 'changes what it names');
is($patched->{json}{description}, undef, 'null clears');
is($patched->{json}{priority}, 1, 'the rest stays');
is($patched->{headers}{etag}, '"2"', 'a new version');
my $put = $alice->put($path, { priority => 3 });
is($put->{json}{title}, 'Big report', 'PUT leaves absent members too');
problem_is($alice->patch($path, { title => 'x' }, 'If-Match' => '"1"'), 412, 'YA002', 'If-Match: an old version');
problem_is($alice->patch($path, { title => 'x' }, 'If-Match' => '"abc"'), 412, 'version-conflict', 'If-Match: nothing we made');
my $unquoted = $alice->patch($path, { title => 'x' }, 'If-Match' => '3');
problem_is($unquoted, 412, 'version-conflict', 'If-Match: a version without quotes');
like($unquoted->{json}{detail}, qr/quotes, as in "3"/, 'whose author learns why');
problem_is($alice->patch($path, { title => 'x' }, 'If-Match' => '"1", W/"3", "2"'), 412, 'YA002', 'If-Match: two old versions, and a weak one');
problem_is($alice->patch($path, { title => 'x' }, 'If-Match' => join ',', map { qq("$_") } 10 .. 20), 400, 'bad-request', 'If-Match: more than is sensible');
status_is($alice->patch($path, { title => 'Last' }, 'If-Match' => '"1", "2", "3"'), 200, 'If-Match: the current version among others');
problem_is($alice->del($path, 'If-Match' => '"3"'), 412, 'YA002', 'DELETE of an old version');

# --- completing ---------------------------------------------------------------------------------
my $done = $alice->post("$path/complete");
status_is($done, 200, 'POST complete without a body');
is($done->{json}{status}, 'completed', 'completed');
ok(exists $done->{json}{next_task} && !defined $done->{json}{next_task}, 'no next task');
my $again = $alice->put("$path/complete", {});
status_is($again, 200, 'a second time by PUT');
is($again->{json}{version}, $done->{json}{version}, 'changes nothing');
is($node->safe_psql('agenda', "select count(*) from agenda.events where subject = '$task->{id}' and type = 'task.completed'"),
    '1', 'and writes no second event');
my $daily = $alice->post('/api/tasks', { title => 'Water', due_date => '2031-03-01T08:00:00Z', recurrence_rule => 'daily' });
is($daily->{json}{recurrence_rule}, 'daily', 'the rule is shown as the word');
my $next = $alice->post("/api/tasks/$daily->{json}{id}/complete")->{json}{next_task};
is($next->{due_date}, '2031-03-02T08:00:00Z', 'completing a recurring task gives the next one');
is($next->{parent_task_id}, $daily->{json}{id}, 'which knows where it comes from');

status_is($alice->del($path), 204, 'DELETE');
problem_is($alice->get($path), 404, 'YA001', 'then it is gone');
problem_is($alice->del($path), 404, 'YA001', 'and cannot be deleted again');

# --- lists ------------------------------------------------------------------------------------
my $carol = $gateway->user('carol');
$carol->post('/api/tasks', { title => "Task $_", priority => 1 + $_ % 3 }) foreach 1 .. 25;
my $list = $carol->get('/api/tasks');
is(join(' ', map { $list->{json}{$_} } qw(total page page_size)), '25 1 20', 'a list says what it shows');
is(scalar @{ $list->{json}{items} }, 20, '20 on the first page');
is(scalar @{ $carol->get('/api/tasks?page=2')->{json}{items} }, 5, '5 on the second');
is($carol->get('/api/tasks?page_size=1000')->{json}{page_size}, 100, 'page_size has a limit');
is($carol->get('/api/tasks?priority=1')->{json}{total}, 8, 'filter by priority');
is($carol->get('/api/tasks?q=task%2017')->{json}{total}, 1, 'filter by text');
is($carol->get('/api/tasks?status=completed')->{json}{total}, 0, 'filter by status');
is($carol->get('/api/tasks?sort=title&page_size=1')->{json}{items}[0]{title}, 'Task 1', 'sort');
is($carol->get('/api/tasks?utm_source=x')->{json}{total}, 25, 'unknown parameters are ignored');
problem_is($carol->get('/api/tasks?page=0'), 422, 'YA006', 'page 0');
problem_is($carol->get('/api/tasks?page_size=x'), 422, 'YA006', 'page_size x');
problem_is($carol->get('/api/tasks?status=sleeping'), 422, 'YA006', 'a status that is none');
problem_is($carol->get('/api/tasks?sort=id;drop'), 422, 'YA006', 'a sort key that is none');
problem_is($carol->get('/api/tasks?page=1&page=2'), 400, 'bad-request', 'a parameter twice');

# By cursor: what is made and deleted meanwhile neither repeats nor hides anything.
sub walk
{
    my ($path, $each) = @_;
    my ($cursor, @seen) = ('');
    do
    {
        my $slice = $carol->get("$path&page_size=4" . ($cursor ? "&cursor=$cursor" : ''))->{json};
        push @seen, map { $_->{title} // $_->{id} } @{ $slice->{items} };
        $each->($slice) if $each;
        $cursor = $slice->{next_cursor};
    } while ($cursor && @seen < 100);
    return @seen;
}
my @expected = map { "Task $_" } reverse 1 .. 25;
is_deeply([ walk('/api/tasks?x=1') ], \@expected, 'every task by cursor, once');
my $n = 0;
is_deeply([
        walk('/api/tasks?x=1', sub {
            $carol->post('/api/tasks', { title => 'Meanwhile ' . ++$n });
            $carol->del("/api/tasks/$_[0]{items}[0]{id}");
        })
    ], \@expected, 'while others come and go');
is($n, 7, 'slices');
$carol->post('/api/tasks', { title => 'Among', priority => 1 });
my @urgent = map { $_->{title} } @{ $carol->get('/api/tasks?priority=1&page_size=100')->{json}{items} };
is_deeply([ walk('/api/tasks?priority=1') ], \@urgent, 'a filter goes with it');
my $slice = $carol->get('/api/tasks?page_size=2')->{json};
is($carol->get('/api/tasks?page_size=2&priority=2')->{json}{next_cursor} =~ /^[\w-]{32}$/, 1, 'of the same form with a filter');
ok(!exists $carol->get("/api/tasks?cursor=$slice->{next_cursor}")->{json}{page}, 'a slice has no number');
is($carol->get('/api/tasks?page_size=100')->{json}{next_cursor}, undef, 'null at the end');
is($carol->get('/api/tasks?sort=title&page_size=2')->{json}{next_cursor}, undef, 'none in another order');
problem_is($carol->get('/api/tasks?cursor=' . $_), 400, 'YA024', "cursor $_") foreach ('x', 'A' x 31, 'A' x 33, '%2B' x 32);
problem_is($carol->get("/api/tasks?cursor=$slice->{next_cursor}&$_"), 400, 'YA024', "a cursor with $_") foreach qw(page=2 sort=title);
status_is($carol->get('/api/tasks?cursor=' . $_ x 32), 200, "a cursor of $_ only means a place") foreach qw(A f _ -);
my @audit = map { $_->{id} } @{ $carol->get('/api/audit?page_size=100&entity=task')->{json}{items} };
is_deeply([ walk('/api/audit?entity=task') ], \@audit, 'the audit by cursor');
ok(@audit > 20, 'and it is long');
my $carol_id = $carol->get('/api/tasks?page_size=1')->{json}{items}[0]{user_id};
$node->safe_psql('agenda', "insert into agenda.notifications (user_id, type, title, dedupe_key, created_at, scheduled_for)
    select '$carol_id', 'due', 'N' || i, 'cursor' || i, '2030-01-01Z'::timestamptz + i / 3 * interval '1 second', now() from generate_series(1, 11) i");
my @inbox = map { $_->{title} } @{ $carol->get('/api/notifications?page_size=100')->{json}{items} };
is_deeply([ walk('/api/notifications?x=1') ], \@inbox, 'the inbox by cursor, instants shared');
$node->safe_psql('agenda', act_sql('carol', "select count(agenda.create_recurring_task('S' || i, 'weekly')) from generate_series(1, 11) i"));
$carol->post('/api/recurring-tasks', { title => 'Last', recurrence_type => 'daily' });
my @series = map { $_->{title} } @{ $carol->get('/api/recurring-tasks?page_size=100')->{json}{items} };
is_deeply([ walk('/api/recurring-tasks?x=1') ], \@series, 'recurring tasks by cursor, instants shared');
is($series[0], 'Last', 'newest first');
is_deeply([ walk('/api/recurring-tasks?is_active=true&q=S1') ], [ grep { /S1/ } @series ], 'a filter goes with it');
is($carol->get('/api/recurring-tasks?page_size=100')->{json}{next_cursor}, undef, 'null at the end');
problem_is($carol->get('/api/recurring-tasks?cursor=no'), 400, 'YA024', 'no cursor');
problem_is($carol->get('/api/notifications?cursor=no'), 400, 'YA024', 'no cursor');
problem_is($carol->get('/api/audit?cursor=no'), 400, 'YA024', 'no cursor');

# --- recurring tasks ------------------------------------------------------------------------------
my $series = $alice->post('/api/recurring-tasks',
    { title => 'Stand-up', rrule => 'FREQ=WEEKLY;BYDAY=MO', start_date => '2031-01-06T09:00', timezone => 'Europe/Berlin' });
status_is($series, 201, 'POST /api/recurring-tasks');
my $series_path = "/api/recurring-tasks/$series->{json}{id}";
is($series->{headers}{location}, $series_path, 'Location');
is($series->{json}{next_due_at}, '2031-01-06T08:00:00Z', 'next_due_at in UTC');
is($alice->get($series_path)->{json}{title}, 'Stand-up', 'GET');
is($alice->patch($series_path, { title => 'Daily' })->{json}{title}, 'Daily', 'PATCH');
is($alice->put($series_path, { is_active => \0 })->{json}{is_active}, JSON::PP::false, 'PUT');
is($alice->get('/recurring-tasks?is_active=false')->{json}{total}, 1, 'list with a filter');
problem_is($alice->post('/api/recurring-tasks', { title => 'x', rrule => 'FREQ=OFTEN' }), 422, 'YA003', 'a rule that is none');
problem_is($alice->patch($series_path, { title => 'x' }, 'If-Match' => '"1"'), 412, 'YA002', 'an old version');
status_is($alice->del($series_path), 204, 'DELETE');
problem_is($alice->get($series_path), 404, 'YA001', 'gone');

# --- notifications ------------------------------------------------------------------------------
my $user_id = $task->{user_id};
$node->safe_psql('agenda', qq{
    insert into agenda.notifications (user_id, type, title, dedupe_key, scheduled_for)
    select '$user_id', 'due', 'Note ' || n, 'test ' || n, now() from generate_series(1, 3) n});
is_deeply($alice->get('/api/notifications/unread-count')->{json}, { unread_count => 3 }, 'unread-count');
my $inbox = $alice->get('/api/notifications');
is($inbox->{json}{total}, 3, 'list');
my $note = $inbox->{json}{items}[0];
my $marked = $alice->post("/api/notifications/$note->{id}/read");
status_is($marked, 200, 'mark one as read');
ok($marked->{json}{read_at}, 'it is');
is($alice->get('/api/notifications?unread_only=true')->{json}{total}, 2, 'two are left');
is_deeply($bob->post('/api/notifications/mark-all-read')->{json}, { updated => 0 }, 'another user marks none of them');
is_deeply($alice->post('/api/notifications/mark-all-read')->{json}, { updated => 2 }, 'mark all as read');
status_is($bob->del('/api/notifications/clear'), 204, 'another user clears his own');
is($alice->get('/api/notifications')->{json}{total}, 3, 'not mine');
status_is($alice->del('/api/notifications/clear'), 204, 'clear');
is($alice->get('/api/notifications')->{json}{total}, 0, 'empty');

# --- preferences ----------------------------------------------------------------------------------
is($alice->get('/api/users/me/preferences')->{json}{timezone}, 'UTC', 'preferences have defaults');
my $preferences = $alice->patch('/api/users/me/preferences', { timezone => 'Asia/Tokyo' });
status_is($preferences, 200, 'PATCH preferences');
is($alice->get('/users/me/preferences')->{json}{timezone}, 'Asia/Tokyo', 'kept');
is($bob->get('/users/me/preferences')->{json}{timezone}, 'UTC', 'for this user only');
problem_is($alice->patch('/users/me/preferences', { timezone => 'Mars/Base' }), 422, 'YA004', 'a zone that is none');
is($alice->post('/api/tasks', { title => 'Tea', due_date => '2031-01-01T12:00' })->{json}{due_date},
    '2031-01-01T03:00:00Z', 'a time without offset is in the user\'s zone');

# --- what is wrong with a request -----------------------------------------------------------------
problem_is($alice->post('/api/tasks', '{"title":'), 400, 'invalid-json', 'half a body');
problem_is($alice->post('/api/tasks', '[]'), 400, 'invalid-json', 'a body that is no object');
problem_is($alice->post('/api/tasks', ''), 400, 'invalid-json', 'an empty body');
problem_is($alice->post('/api/tasks', "{\"title\":\"\xff\"}"), 400, 'invalid-json', 'a body that is not UTF-8');
problem_is($alice->post('/api/tasks', '{"a":' x 40 . '1' . '}' x 40), 400, 'invalid-json', 'a body that is too deep');
my $form = $alice->post('/api/tasks', 'title=x', 'Content-Type' => 'application/x-www-form-urlencoded');
problem_is($form, 415, 'unsupported-media-type', 'a body that is no JSON');
like($form->{json}{detail}, qr{application/json}, 'and what it should be');
problem_is($alice->post('/api/tasks', '{"title":"' . 'x' x 1_100_000 . '"}'), 413, 'body-too-large', 'a body that is too large');
my $untitled = $alice->post('/api/tasks', {});
problem_is($untitled, 422, '23502', 'a task without a title');
is($untitled->{json}{errors}[0]{pointer}, '/title', 'the error names the member');
my $endless = $alice->post('/api/tasks', { title => 'x' x 501 });
problem_is($endless, 422, '23514', 'a title that is too long');
is($endless->{json}{errors}[0]{pointer}, '/title', 'the error names the member');
is($endless->{json}{detail}, 'title must be 1 to 500 characters long.', '... and says what is allowed');
my $many = $alice->post('/api/recurring-tasks', { title => 'x', recurrence_type => 'daily', priority => 7 });
problem_is($many, 422, '23514', 'a priority of a series that is none');
is($many->{json}{errors}[0]{pointer}, '/priority', 'the error names the member');
is($many->{json}{detail}, 'priority must be 1, 2 or 3.', '... and says what is allowed');
unlike($many->{content}, qr/Failing row|recurring_tasks_/, '... without the row and the name of the constraint');
my $half = $alice->patch('/api/users/me/preferences', { quiet_start => '22:00' });
problem_is($half, 422, '23514', 'quiet hours without an end');
is($half->{json}{errors}[0]{pointer}, '/quiet_start', 'the error names the first member');
is($half->{json}{detail}, 'quiet_start and quiet_end must be given together, and differ.', '... and says what is asked for');
for (['rrule', 'FREQ=WEEKLY;BYDAY=XX', 'invalid recurrence rule: "FREQ=WEEKLY;BYDAY=XX"'], ['rrule', 'now and then', 'invalid recurrence phrase: "now and then"'],
    ['recurrence_type', 'fortnightly', 'invalid recurrence type: "fortnightly"'])
{
    my ($member, $value, $detail) = @$_;
    my $ruled = $alice->post('/api/recurring-tasks', { title => 'x', $member => $value });
    problem_is($ruled, 422, 'YA003', "$member: $value");
    is($ruled->{json}{errors}[0]{pointer}, "/$member", 'the error names the member');
    like($ruled->{json}{detail}, qr/^\Q$detail\E/, '... and says what is wrong');
    ok(length $ruled->{json}{hint}, '... and what would be right');
}
is($alice->post('/api/tasks', { title => 'x', recurrence_rule => 'FREQ=NEVER' })->{json}{errors}[0]{pointer}, '/recurrence_rule', 'the rule of a task, too');
my $urgent = $alice->post('/api/tasks', { title => 'x', priority => 'urgent' });
problem_is($urgent, 422, 'YA006', 'a priority that is no number');
is($urgent->{json}{errors}[0]{pointer}, '/priority', 'the error names the member');
problem_is($alice->post('/api/tasks', { title => 'x', due_date => 'soon' }), 422, 'YA005', 'a time that is none');
problem_is($alice->get('/api/nothing'), 404, 'no-such-path', 'a path that is none');
my $root = $alice->get('/');
problem_is($root, 404, 'no-such-path', 'the root');
like($root->{json}{detail}, qr{/docs}, 'which says where to look');
problem_is($alice->get('/api/tasks/17'), 404, 'YA001', 'an id that is none');
my $wrong = $alice->post($path, {});
problem_is($wrong, 405, 'method-not-allowed', 'a method that the path does not serve');
is($wrong->{headers}{allow}, 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS', 'Allow says which it does');
problem_is($alice->request('BREW', $path), 405, 'method-not-allowed', 'a method that is none');
my $options = $nobody->request('OPTIONS', '/api/tasks');
is("$options->{status} $options->{headers}{allow}", '204 GET, HEAD, POST, OPTIONS', 'OPTIONS');

# --- tokens ---------------------------------------------------------------------------------------
my @routes = (
    [ GET => '/tasks' ], [ POST => '/tasks' ], [ GET => '/recurring-tasks' ], [ POST => '/recurring-tasks' ],
    [ GET => '/notifications' ], [ GET => '/notifications/unread-count' ], [ GET => '/notifications/forecast' ],
    [ POST => '/notifications/mark-all-read' ], [ DELETE => '/notifications/clear' ],
    [ GET => '/users/me/preferences' ], [ PATCH => '/users/me/preferences' ],
    [ POST => '/tasks/undo' ], [ POST => '/rrule/preview' ], [ GET => '/audit' ], [ GET => '/changes' ],
    [ GET => '/stream' ], [ POST => '/stream/ticket' ], [ POST => '/batch' ], [ GET => '/operator/health' ],
    [ GET => '/calendar' ], [ GET => '/calendar.ics' ], [ POST => '/calendar.ics' ], [ POST => '/recurring-tasks/preview' ],
    [ GET => '/channels' ], [ POST => '/channels' ], [ GET => '/deliveries' ],
    (map { [ $_ => '/users/me/holidays' ] } qw(GET PUT DELETE)));
my @things = (
    [ GET => '/tasks/{id}' ], [ PUT => '/tasks/{id}' ], [ PATCH => '/tasks/{id}' ], [ DELETE => '/tasks/{id}' ],
    [ PUT => '/tasks/{id}/complete' ], [ POST => '/tasks/{id}/complete' ],
    [ GET => '/recurring-tasks/{id}' ], [ PUT => '/recurring-tasks/{id}' ],
    [ PATCH => '/recurring-tasks/{id}' ], [ DELETE => '/recurring-tasks/{id}' ],
    (map { [ POST => "/tasks/{id}/$_" ] } qw(reopen skip cancel restore snooze)),
    (map { [ $_ => '/tasks/{id}/reminders' ] } qw(GET POST DELETE)),
    (map { [ $_ => '/reminders/{id}' ] } qw(GET PATCH DELETE)), [ POST => '/reminders/{id}/snooze' ],
    [ POST => '/recurring-tasks/{id}/restore' ], [ POST => '/notifications/{id}/snooze' ],
    [ GET => '/tasks/{id}/history' ], [ GET => '/audit/task/{id}' ],
    [ POST => '/recurring-tasks/{id}/pause' ], [ POST => '/recurring-tasks/{id}/resume' ], [ GET => '/recurring-tasks/{id}/occurrences' ],
    [ POST => '/notifications/{id}/read' ], [ GET => '/notifications/{id}/why' ], [ GET => '/tasks/{id}/why-not-notified' ],
    (map { [ $_ => '/recurring-tasks/{id}/occurrences' ] } qw(POST PATCH)),
    (map { [ POST => "/recurring-tasks/{id}/$_" ] } qw(occurrences/skip occurrences/complete trigger backfill preview)),
    (map { [ $_ => '/channels/{id}' ] } qw(GET PATCH DELETE)), (map { [ POST => "/channels/{id}/$_" ] } qw(confirm test rotate-secret)),
    [ POST => '/deliveries/{id}/retry' ]);
my %listed = map { ("$_->[0] $_->[1]" => 1) } @routes, @things;
my $table = slurp("$FindBin::Bin/../../gateway/routes.def");
my @missing;
while ($table =~ /^ROUTE\(\w+, (\w+), "([^"]+)"/mg)
{
    push @missing, "$1 $2" unless $listed{"$1 $2"} || $2 =~ m{z$|^/(metrics|docs|openapi\.json)$|^/(events|dapr)/};
}
is("@missing", '', 'every route of the table is tried below');
foreach (@routes, @things)
{
    my ($method, $pattern) = @$_;
    my $answer = $nobody->request($method, $pattern =~ s/\{id\}/$unknown/r);
    problem_is($answer, 401, 'unauthorized', "$method $pattern without a token");
    like($answer->{headers}{'www-authenticate'} // '', qr/^Bearer/, 'WWW-Authenticate');
}
my $forged = AgendaGateway::Client->new($gateway,
    Authorization => 'Bearer ' . token('alice', 'another secret of at least 32 bytes!'));
problem_is($forged->get('/tasks'), 401, 'unauthorized', 'a forged token');
is($forged->get('/tasks')->{headers}{'www-authenticate'}, 'Bearer error="invalid_token"', 'which is told from none');
my $basic = AgendaGateway::Client->new($gateway, Authorization => 'Basic YTpi')->get('/tasks');
is($basic->{headers}{'www-authenticate'}, 'Bearer', 'and from what is no bearer token');
my $late = AgendaGateway::Client->new($gateway,
    Authorization => 'Bearer ' . token('alice', 'a secret for the tests of at least 32 bytes', exp => int(time) - 3600));
problem_is($late->get('/tasks'), 401, 'unauthorized', 'an expired token');

# --- another user's things are like things that do not exist ----------------------------------------
my $secret = $alice->post('/api/tasks', { title => 'Secret plan' })->{json};
my $secret_series = $alice->post('/api/recurring-tasks', { title => 'Secret plan', recurrence_type => 'weekly' })->{json};
problem_is($gateway->user($secret->{user_id})->get("/tasks/$secret->{id}"), 403, 'YA010', 'whose name is the id that alice was given is not alice');
$node->safe_psql('agenda', qq{
    insert into agenda.notifications (user_id, type, title, dedupe_key, scheduled_for)
    values ('$user_id', 'due', 'Secret plan', 'secret', now())});
my $secret_reminder = $alice->post("/tasks/$secret->{id}/reminders", { at => '2035-01-01T08:00:00Z' })->{json};
my %secret = (
    tasks => $secret, audit => $secret, 'recurring-tasks' => $secret_series, reminders => $secret_reminder,
    notifications => $alice->get('/api/notifications')->{json}{items}[0],
    channels => $alice->post('/channels', { kind => 'email', address => 'secret@example.org' })->{json},
    deliveries => $alice->get('/deliveries')->{json}{items}[0]);
my $before = $node->safe_psql('agenda', q{select count(*) from agenda.events where type !~ 'created'});
foreach (@things)
{
    my ($method, $pattern) = @$_;
    my ($kind) = $pattern =~ m{^/([\w-]+)};
    my $thing = $secret{$kind};
    my $body = $method =~ /^P/ && $pattern =~ /id\}$|reminders$|occurrences|backfill$|confirm$/
      ? { title => 'Mine', occurrence_key => '2031-01-06T09:00', from => '2031-01-01', code => 'x' }
      : undef;
    my @texts = map {
        my $answer = $bob->request($method, $pattern =~ s/\{id\}/$_/r, $body);
        my $text = "$answer->{status} $answer->{content}";
        $text =~ s/\Q$_\E/ID/g;
        $text =~ s/"request_id":"[^"]*"//;
        $text;
    } ($thing->{id}, $unknown);
    like($texts[0], qr/^404 /, "$method $pattern of another user is not found");
    is($texts[0], $texts[1], 'exactly like an unknown one');
}
is($bob->get($_)->{json}{total}, 0, "nothing of it in $_") foreach qw(/tasks /recurring-tasks /notifications /deliveries);
is_deeply($bob->get('/channels')->{json}, { items => [] }, 'nor in /channels');
unlike($bob->get('/calendar.ics?include_closed=true')->{content}, qr/Secret/, 'nor in /calendar.ics');
is_deeply($alice->get("/tasks/$secret->{id}")->{json}, $secret, 'and it is as it was');
is($node->safe_psql('agenda', q{select count(*) from agenda.events where type !~ 'created'}), $before, 'no change was logged');

# --- a condition that does not hold, on every write -------------------------------------------------
# Alice's own things: whatever the path makes of it, nothing is changed; and where there is no version, she is told.
$before = $node->safe_psql('agenda', 'select count(*) from agenda.events');
foreach (@routes, @things)
{
    my ($method, $pattern) = @$_;
    my ($row) = $table =~ /^(ROUTE\(\w+, $method, "\Q$pattern\E",[^;]*?)(?=^ROUTE|^#|\z)/ms;
    next unless $row =~ /ROUTE_(?:WRITE|BULK|BATCH)/;
    my ($kind) = $pattern =~ m{^/([\w-]+)};
    my $path = $pattern =~ s/\{id\}/$secret{$kind}{id}/r;
    my $answer = $alice->request($method, $path, $row =~ /ARG_BODY/ ? '{}' : undef, 'If-Match' => '"99999"',
        'Content-Type' => $row =~ /"(text\/\w+)"/ ? $1 : 'application/json');
    is($answer->{status}, 412, "$method $pattern of no version, If-Match: 412") unless $row =~ /ARG_VERSION/;
}
is($node->safe_psql('agenda', 'select count(*) from agenda.events'), $before, 'a condition that does not hold changes nothing');

# --- request id and trace -----------------------------------------------------------------------
my $trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
my $traced = $alice->post('/api/tasks', { title => 'Traced' }, traceparent => $trace, 'X-Request-Id' => 'my-request.1');
is($traced->{headers}{'x-request-id'}, 'my-request.1', 'the request id comes back');
is($node->safe_psql('agenda', "select trace from agenda.events where subject = '$traced->{json}{id}' and type = 'task.created'"),
    $trace, 'the trace is in the log');
like($node->safe_psql('agenda', "select headers::text from agenda.events where subject = '$traced->{json}{id}'"),
    qr/my-request\.1/, 'and the request id');
unlike($alice->get('/tasks', 'X-Request-Id' => 'bad id{}')->{headers}{'x-request-id'}, qr/bad id/, 'a strange request id is replaced');

# --- figures --------------------------------------------------------------------------------------
# a request counts as served when its thread is done with it, which is after the answer
my $metrics;
wait_until(sub { $metrics = $nobody->get('/metrics')->{content}; $metrics =~ /^agenda_gateway_in_flight 1$/m }, 'other threads to be done');
like($metrics, qr/^agenda_gateway_requests_total\{route="\/tasks",method="POST",status="201"\} \d+$/m, 'requests by route, method, status');
like($metrics, qr/^agenda_gateway_request_seconds_bucket\{route="\/tasks",method="GET",le="\+Inf"\} \d+$/m, 'latency');
like($metrics, qr/^# TYPE agenda_log_backlog_events gauge\nagenda_log_backlog_events \d/m, 'and what the database counts');
like($metrics, qr/^agenda_gateway_in_flight 1$/m, 'one request in flight: this one');
like($metrics, qr/^agenda_gateway_db_connections [1-9]/m, 'database connections');
like($gateway->log_text, qr/"msg":"request","method":"POST","path":"\/api\/tasks","route":"\/tasks","user":"$user_id"/, 'access log');
unlike($gateway->log_text, qr/Bearer|eyJ/, 'no token in the log');

is($gateway->stop, 0, 'SIGTERM: exit status 0');
done_testing();
