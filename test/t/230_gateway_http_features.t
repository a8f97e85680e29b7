# HTTP done right: repetition keys, preferences, other origins, compression, rates, batches, documents, Dapr.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use Compress::Zlib qw(memGunzip);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('features');
my $token_file = PostgreSQL::Test::Utils::tempdir() . '/dapr.token';
open my $out, '>', $token_file or die "$token_file: $!";
print $out "sidecar-secret\n";
close $out;
my $gateway = AgendaGateway->start($node, CORS_ORIGINS => 'https://app.example, https://b.example', COMPRESS_ABOVE => 1000,
    DAPR_TOKEN_FILE => $token_file, DAPR_PUBSUB => 'kafka-pubsub', MAX_OPERATIONS => 5, OPERATOR_ROLE => 'ops');
my $alice = $gateway->user('alice');
my $bob = $gateway->user('bob');

sub sql { return $node->safe_psql('agenda', $_[0]) }

sub problem_is
{
    my ($answer, $status, $code, $what) = @_;
    my $p = $answer->{json} // {};
    ok($answer->{status} == $status && ($p->{code} // '') eq $code, $what) or diag("$answer->{status} $answer->{content}");
}

# --- Idempotency-Key ------------------------------------------------------------------------------
my @once = ('Idempotency-Key' => 'key-1');
my $first = $alice->post('/tasks', { title => 'Once' }, @once);
is($first->{status}, 201, 'a request with a key');
ok(!$first->{headers}{'idempotent-replayed'}, 'is done');
my $second = $alice->post('/tasks', { title => 'Once' }, @once);
is($second->{status}, 201, 'the second time it has the same answer');
is($second->{headers}{'idempotent-replayed'}, 'true', 'which says so');
is_deeply($second->{json}, $first->{json}, 'body');
is("@{$second->{headers}}{qw(location etag)}", "@{$first->{headers}}{qw(location etag)}", 'Location and ETag');
is($alice->get('/tasks')->{json}{total}, 1, 'and was done once');
problem_is($alice->post('/tasks', { title => 'Other' }, @once), 422, 'YA021', 'another body under the same key');
problem_is($alice->patch("/tasks/$first->{json}{id}", { title => 'Once' }, @once), 422, 'YA021', 'another route under the same key');
is($bob->post('/tasks', { title => 'Once' }, @once)->{status}, 201, 'another user has keys of his own');
problem_is($alice->post('/tasks', {}, 'Idempotency-Key' => 'key-2'), 422, '23502', 'a request that is refused');
is($alice->post('/tasks', { title => 'Now' }, 'Idempotency-Key' => 'key-2')->{status}, 201, 'leaves its key free');
problem_is($alice->post('/tasks', { title => 'x' }, 'Idempotency-Key' => 'k' x 300), 400, 'bad-request', 'a key that is too long');
my $gone = $alice->del("/tasks/$first->{json}{id}", 'Idempotency-Key' => 'key-3');
is($gone->{status}, 204, 'DELETE with a key');
is($alice->del("/tasks/$first->{json}{id}", 'Idempotency-Key' => 'key-3')->{status}, 204, 'again: the same answer, not 404');
{
    my $user = sql("select id from agenda.users where external_id = 'alice'");
    my $holder = $node->background_psql('agenda');
    $holder->query_safe("begin; select pg_advisory_xact_lock(hashtextextended('$user' || 'key-4', 20))");
    problem_is($alice->post('/tasks', { title => 'x' }, 'Idempotency-Key' => 'key-4'), 409, 'YA020', 'a key whose request is being done');
    $holder->query_safe('rollback');
    $holder->quit;
}
sql(q{update agenda.idempotency_keys set created_at = created_at - interval '25 hours' where key = 'key-1'});
sql(q{select agenda._forget_requests(clock_timestamp())});
is(sql(q{select count(*) from agenda.idempotency_keys where key = 'key-1'}), 0, 'keys expire after a day');
is(sql(q{select count(*) > 0 from agenda.idempotency_keys}), 't', 'others stay');

# --- Prefer ---------------------------------------------------------------------------------------
my @minimal = (Prefer => 'return=minimal');
my $made = $alice->post('/tasks', { title => 'Small' }, @minimal);
is("$made->{status} $made->{content} $made->{headers}{'preference-applied'}", '201  return=minimal', 'return=minimal: no body');
my $path = $made->{headers}{location};
ok($path && $made->{headers}{etag}, 'but Location and ETag');
is($alice->patch($path, { title => 'Smaller' }, @minimal)->{status}, 204, 'a change: 204');
is($alice->get($path, @minimal)->{json}{title}, 'Smaller', 'a read is a read');

# --- other origins --------------------------------------------------------------------------------
my $cors = $alice->get('/tasks', Origin => 'https://app.example')->{headers};
is($cors->{'access-control-allow-origin'}, 'https://app.example', 'an origin that is listed');
like(ref $cors->{vary} ? join(',', @{ $cors->{vary} }) : $cors->{vary}, qr/Origin/, 'Vary');
ok(!exists $alice->get('/tasks', Origin => 'https://evil.example')->{headers}{'access-control-allow-origin'}, 'one that is not');
ok(!exists $alice->get('/tasks', Origin => 'https://app.example.evil')->{headers}{'access-control-allow-origin'}, 'one that begins alike');
my $preflight = $gateway->user->request('OPTIONS', '/api/tasks', undef, Origin => 'https://b.example',
    'Access-Control-Request-Method' => 'POST', 'Access-Control-Request-Headers' => 'authorization');
is($preflight->{status}, 204, 'a preflight needs no token');
like($preflight->{headers}{'access-control-allow-methods'}, qr/POST/, 'methods');
like($preflight->{headers}{'access-control-allow-headers'}, qr/Authorization.*Idempotency-Key/, 'headers');

# --- compression ----------------------------------------------------------------------------------
$alice->post('/tasks', { title => "Task $_" }) foreach 1 .. 10;
my $plain = $alice->get('/tasks');
my $packed = $alice->get('/tasks', 'Accept-Encoding' => 'br, gzip;q=0.5');
is($packed->{headers}{'content-encoding'}, 'gzip', 'a large body is compressed');
is(memGunzip($packed->{content}), $plain->{content}, 'and is the same');
ok(!exists $alice->get('/tasks', 'Accept-Encoding' => 'gzip;q=0')->{headers}{'content-encoding'}, 'not for who does not take it');
ok(!exists $alice->get($path, 'Accept-Encoding' => 'gzip')->{headers}{'content-encoding'}, 'nor what has an ETag');

# --- rates ----------------------------------------------------------------------------------------
{
    my $limited = AgendaGateway->start($node, RATE_LIMIT => 1, RATE_BURST => 3);
    my $carol = $limited->user('carol');
    my @answers;
    # the bucket fills meanwhile: a slow machine has more than the burst answered
    wait_until(sub { push @answers, $carol->get('/tasks'); $answers[-1]{status} == 429 }, 'a request to be refused');
    my $refused = $answers[-1];
    cmp_ok(scalar @answers, '>', 3, 'beyond the burst requests are refused');
    is($refused->{json}{code}, 'rate-limited', 'as a problem document');
    ok($refused->{headers}{'retry-after'} >= 1, 'Retry-After');
    is("@{$answers[0]{headers}}{qw(ratelimit-limit ratelimit-remaining)}", '3 2', 'the figures');
    is($limited->user('dave')->get('/tasks')->{status}, 200, 'another user is not concerned');
    is($limited->user->get('/healthz')->{status}, 200, 'nor is health');
    wait_until(sub { $carol->get('/tasks')->{status} == 200 }, 'the bucket to fill');
    pass('later it goes on');
    $limited->stop;
}

# --- batches --------------------------------------------------------------------------------------
sub batch { my ($client, $atomic, @operations) = @_; return $client->post('/batch', { atomic => $atomic ? \1 : \0, operations => \@operations }) }
sub op { my ($method, $where, $body, %more) = @_; return { method => $method, path => $where, ($body ? (body => $body) : ()), %more } }

my $erin = $gateway->user('erin');
my $done = batch($erin, 0, op(POST => '/tasks', { title => 'A' }), op(POST => '/api/tasks', { title => 'x' x 501 }),
    op(POST => '/tasks', { title => 'B', priority => 1 }), op(GET => '/tasks?priority=1'));
is($done->{status}, 200, 'a batch');
is(join(' ', map { $_->{status} } @{ $done->{json}{results} }), '201 422 201 200', 'each operation has its status');
is($done->{json}{results}[1]{body}{errors}[0]{pointer}, '/title', 'an error is a problem document');
is($done->{json}{results}[1]{body}{detail}, 'title must be 1 to 500 characters long.', '... that says what is allowed');
is($done->{json}{results}[3]{body}{total}, 1, 'a read sees what came before');
is($erin->get('/tasks')->{json}{total}, 2, 'one that fails leaves the others be');
my $a = $done->{json}{results}[0];
is($erin->get($a->{location})->{headers}{etag}, $a->{etag}, 'Location and ETag of an operation');
my $undone = batch($erin, 1, op(PATCH => $a->{location}, { title => 'AA' }), op(PATCH => $a->{location}, { title => 'AAA' }, version => 1));
is($undone->{json}{committed}, JSON::PP::false, 'an atomic batch with a failure');
is(join(' ', map { $_->{status} } @{ $undone->{json}{results} }), '424 412', 'says which failed');
is($erin->get($a->{location})->{json}{title}, 'A', 'and changes nothing');
is(batch($erin, 1, op(PATCH => $a->{location}, { title => 'AA' }), op(POST => "$a->{location}/complete"))->{json}{committed}, JSON::PP::true, 'one without');
is($bob->get('/tasks')->{json}{total}, 1, 'a batch is one user\'s');
is(join(' ', map { $_->{status} } @{ batch($bob, 0, op(GET => $a->{location}), op(DELETE => $a->{location}))->{json}{results} }), '404 404', 'another user\'s things are not there');
my @bad = (
    [ 'no operations' => [], qr/1 to 5/ ], [ 'too many' => [ map { op(GET => '/tasks') } 1 .. 6 ], qr/1 to 5/ ],
    [ 'no method' => [ { path => '/tasks' } ] ],
    [ 'a path that is none' => [ op(GET => '/nothing') ], qr/nothing is served/ ],
    [ 'a method that the path has not' => [ op(DELETE => '/tasks') ], qr/does not serve the method/ ],
    [ 'an id that is none' => [ op(GET => '/tasks/1') ], qr/no UUID/ ],
    [ 'a batch in a batch' => [ op(POST => '/batch', { operations => [] }) ], qr/not in a batch/ ], [ 'a stream' => [ op(GET => '/stream') ] ],
    [ 'a callback' => [ op(POST => '/events/audit', {}) ] ], [ 'a path with a NUL' => [ op(GET => '/tasks%00') ] ],
    [ 'a version of what has none' => [ op(POST => "$a->{location}/snooze", {}, version => 1) ] ],
    [ 'an operation that is none' => [ 17 ] ], [ 'a body that is no object' => [ { method => 'POST', path => '/tasks', body => [] } ] ]);
foreach (@bad)
{
    my ($what, $operations, $reason) = @$_;
    my $answer = batch($erin, 0, @$operations);
    problem_is($answer, 422, 'invalid-operation', "refused as a whole: $what");
    like($answer->{json}{detail}, $reason, 'with the reason') if $reason;
}
my @batch_once = ('Idempotency-Key' => 'batch-1');
my $keyed = { operations => [ op(POST => '/tasks', { title => 'Keyed' }) ] };
my $b1 = $erin->post('/batch', $keyed, @batch_once);
is_deeply($erin->post('/batch', $keyed, @batch_once)->{json}, $b1->{json}, 'a batch with a key is done once');
is($erin->get('/tasks?q=Keyed')->{json}{total}, 1, 'and its tasks are made once');
# every function that a route calls can be an operation, or is none by its kind
my $routes = slurp("$FindBin::Bin/../../gateway/routes.def");
my $calls = slurp("$FindBin::Bin/../../sql/api/75_gateway_batch.sql");
my @missing;
while ($routes =~ /^ROUTE\(\w+, \w+, "[^"]+",\s+"(gw_\w+)",\s+ROUTE_WRITE/mg)
{
    push @missing, $1 if index($calls, "'$1'") < 0 && $1 !~ /ticket/;
}
is("@missing", '', 'every route that writes can be part of a batch');

# --- series, rules, history -------------------------------------------------------------------------
my $series = $erin->post('/recurring-tasks', { title => 'S', rrule => 'FREQ=DAILY', start_date => '2031-01-01T08:00:00Z' })->{json};
is_deeply($erin->get("/recurring-tasks/$series->{id}/occurrences?from=2031-01-03T00:00:00Z&to=2031-01-05T00:00:00Z")->{json}{items},
    [ '2031-01-03T08:00:00Z', '2031-01-04T08:00:00Z' ], 'occurrences');
is($erin->post("/recurring-tasks/$series->{id}/pause")->{json}{is_active}, JSON::PP::false, 'pause without a body');
is($erin->post("/recurring-tasks/$series->{id}/resume")->{json}{is_active}, JSON::PP::true, 'resume');
my $preview = $erin->post('/rrule/preview', { rrule => 'FREQ=MONTHLY;BYMONTHDAY=31', start_date => '2031-01-01T08:00:00Z', count => 2 })->{json};
is_deeply($preview->{occurrences}, [ '2031-01-31T08:00:00Z', '2031-03-31T08:00:00Z' ], 'a preview');
problem_is($erin->post('/rrule/preview', { rrule => 'FREQ=NEVER' }), 422, 'YA003', 'of a rule that is none');
my $history = $erin->get("$a->{location}/history")->{json}{items};
is(join(' ', map { $_->{action} } @$history), 'create update complete', 'history');
is($erin->get('/audit?entity=task&action=complete')->{json}{total}, 1, 'audit with a filter');
is($bob->get("/audit?entity_id=$history->[0]{entity_id}")->{json}{total}, 0, 'of one user');
my $open = $erin->post("$a->{location}/reopen");
is($open->{json}{status}, 'pending', 'reopen');
my $token = $erin->post("$a->{location}/skip")->{json}{undo_token};
is($erin->post('/tasks/undo', { undo_token => $token })->{json}{task}{status}, 'pending', 'skip, and undo');
$erin->del($a->{location});
is($erin->post("$a->{location}/restore")->{json}{title}, 'AA', 'restore');

# --- documents ------------------------------------------------------------------------------------
my $openapi = $gateway->user->get('/openapi.json');
is($openapi->{json}{openapi}, '3.1.0', 'openapi.json needs no token');
is($gateway->user->get('/openapi.json', 'If-None-Match' => $openapi->{headers}{etag})->{status}, 304, 'and has an ETag');
my %documented = map { my $p = $_; map { (uc($_) . ' ' . $p =~ s{^/api}{}r => 1) } keys %{ $openapi->{json}{paths}{$p} } } keys %{ $openapi->{json}{paths} };
my @undocumented;
while ($routes =~ /^ROUTE\(\w+, (\w+), "([^"]+)"/mg) { push @undocumented, "$1 $2" unless $documented{"$1 $2"} }
is("@undocumented", '', 'every route is documented');
my @dangling = grep { !exists $openapi->{json}{components}{schemas}{$_} } $openapi->{content} =~ m{#/components/schemas/(\w+)}g;
is("@dangling", '', 'no schema is missing');
my $page = $gateway->user->get('/docs');
like($page->{content}, qr{/api/tasks/\{id\}/complete}, 'the page for people');
unlike($page->{content}, qr{<script|https?://}, 'without scripts or anything from outside');
like($page->{headers}{'content-security-policy'}, qr/default-src 'none'/, 'and a policy that says so');

# --- the operator ---------------------------------------------------------------------------------
problem_is($alice->get('/operator/health'), 403, 'forbidden', 'a user is no operator');
my $operator = AgendaGateway::Client->new($gateway, Authorization => 'Bearer '
      . token('root', 'a secret for the tests of at least 32 bytes', roles => '["user","ops"]'));
is($operator->get('/operator/health')->{json}{version}, $openapi->{json}{info}{version}, 'an operator');
is($operator->get('/operator/health')->{status}, 200, 'also by the cache');

# --- Dapr -----------------------------------------------------------------------------------------
my $sidecar = AgendaGateway::Client->new($gateway, 'dapr-api-token' => 'sidecar-secret');
problem_is($gateway->user->get('/dapr/subscribe'), 403, 'forbidden', 'without the sidecar\'s token');
is($sidecar->get('/dapr/subscribe')->{json}[0]{pubsubname}, 'kafka-pubsub', 'subscriptions');
my $fay = $gateway->user('fay');
my $task = $fay->post('/tasks', { title => 'Elsewhere', due_date => '2031-05-01T08:00:00Z', recurrence_rule => 'daily' })->{json};
my $number = 0;
sub cloud_event { my ($type, $data, %more) = @_; return { specversion => '1.0', id => 'e' . ++$number, source => 'https://legacy.example', type => $type, data => $data, %more } }
my $event = cloud_event('task.completed', { user_id => 'fay', task_id => $task->{id} });
is_deeply($sidecar->post('/events/task-completed', $event)->{json}, { status => 'SUCCESS' }, 'an event from outside');
is($fay->get("/tasks/$task->{id}")->{json}{status}, 'completed', 'completes the task');
is($fay->get('/tasks?status=pending')->{json}{total}, 1, 'and the next one is there');
$fay->post("/tasks/$task->{id}/reopen");
is_deeply($sidecar->post('/events/task-completed', $event)->{json}, { status => 'SUCCESS' }, 'the second delivery');
is($fay->get("/tasks/$task->{id}")->{json}{status}, 'pending', 'does nothing');
is($sidecar->post('/api/events/reminders', cloud_event('reminder', { user_id => 'fay', title => 'Stretch' }))->{json}{status}, 'SUCCESS', 'a reminder');
is($fay->get('/notifications')->{json}{items}[0]{title}, 'Stretch', 'is a notification');
is($sidecar->post('/events/audit', cloud_event('legacy.login', { user_id => 'fay', ip => '::1' }))->{json}{status}, 'SUCCESS', 'an audit event');
is(sql(q{select count(*) from agenda.events where type = 'legacy.login'}), 1, 'is in the log');
foreach ([ 'no id' => { source => 'x', type => 'y', data => {} } ], [ 'data that is none' => cloud_event('x', []) ],
    [ 'no user' => cloud_event('x', {}) ], [ 'another user\'s task' => cloud_event('x', { user_id => 'bob', task_id => $task->{id} }) ],
    [ 'an id that is none' => cloud_event('x', { user_id => 'fay', task_id => 'x' }) ])
{
    my $answer = $sidecar->post('/events/task-completed', $_->[1]);
    is("$answer->{status} $answer->{json}{status}", '200 DROP', "dropped: $_->[0]");
}
my $check = $sidecar->post('/events/cron/reminder-check');
is("$check->{status} $check->{json}{status}", '200 SUCCESS', 'the cron binding');
is($sidecar->request('OPTIONS', '/events/cron/reminder-check')->{status}, 204, 'which asks first');
my $local = AgendaGateway->start($node);
is($local->user->get('/dapr/subscribe')->{status}, 200, 'without a token the sidecar has to be on this machine');
$local->stop;
is($gateway->stop, 0, 'exit status 0');
done_testing();
