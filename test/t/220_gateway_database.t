# The gateway and its database: batches, restarts, versions, and the end by SIGTERM.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('lanes');
# one connection, so that requests that come together travel together
our $gateway = AgendaGateway->start($node,
    THREADS => 1, DB_CONNECTIONS => 1, QUEUE_TIMEOUT => 60, STATEMENT_TIMEOUT => 60);
my $alice = $gateway->user('alice');
my $unknown = '00000000-0000-7000-8000-000000000000';
my $locked = $alice->post('/tasks', { title => 'locked' })->{json}{id};

sub request_text
{
    my ($method, $path, $body) = @_;
    my $text = "$method $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
      . $gateway->token_of('alice') . "\r\n";
    $text .= "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n" if defined $body;
    return "$text\r\n" . ($body // '');
}

sub create_text { return request_text('POST', '/tasks', sprintf '{"title":"%s","priority":%s}', @_) }

sub metric
{
    my ($name) = @_;
    return $gateway->user->get('/metrics')->{content} =~ /^agenda_gateway_\Q$name\E (\d+)$/m ? $1 : undef;
}

# Sends requests, each on a connection of its own.
sub send_all
{
    my @sockets = map { $gateway->connect } @_;
    $sockets[$_]->syswrite($_[$_]) foreach 0 .. $#_;
    return @sockets;
}

sub answers { return map { AgendaGateway::read_all($_) } @_ }

# A session that holds the lock of a task, and a request that waits for it.
sub block_gateway
{
    my $holder = $node->background_psql('agenda');
    $holder->query_safe("begin; select from agenda.tasks where id = '$locked' for update");
    my ($first) = send_all(request_text('PATCH', "/tasks/$locked", '{"description":"waited"}'));
    $node->poll_query_until('agenda', q{
        select exists (select from pg_stat_activity where usename = 'agenda_gw' and wait_event_type = 'Lock')})
      or die 'the request does not wait for the lock';
    return ($holder, $first);
}

sub unblock
{
    my ($holder) = @_;
    $holder->query_safe('rollback');
    $holder->quit;
}

# While one request waits for a lock, those behind it queue; they go out together.
sub behind_a_lock
{
    my ($holder, $first) = block_gateway();
    my @sockets = send_all(@_);
    wait_until(sub { metric('db_queued') == @sockets }, 'the requests to queue');
    unblock($holder);
    like((answers($first))[0], qr/^HTTP\/1\.1 200 /, 'the one that waited for the lock is done');
    return answers(@sockets);
}

# Positions (from 1) whose answer has not the wanted status.
sub wrong
{
    my ($wanted, @texts) = @_;
    return join ' ', grep { $texts[ $_ - 1 ] !~ /^HTTP\/1\.1 @{[ $wanted->($_) ]} / } 1 .. @texts;
}

# --- batches --------------------------------------------------------------------------------------
my $failures = metric('write_batch_failures_total');
my @texts = behind_a_lock(map { create_text("batch $_", $_ == 7 ? '"high"' : 2) } 1 .. 16);
is(wrong(sub { $_[0] == 7 ? 422 : 201 }, @texts), '', 'one bad write among sixteen fails alone');
is(metric('write_batch_failures_total') - $failures, 1, 'they were one batch, which failed once');
is($node->safe_psql('agenda', q{select count(*), count(distinct title) from agenda.tasks where title like 'batch%'}),
    '15|15', 'the others are stored, each once');

@texts = behind_a_lock(map { request_text('GET', '/tasks/' . ($_ % 3 ? $locked : $unknown)) } 1 .. 24);
is(wrong(sub { $_[0] % 3 ? 200 : 404 }, @texts), '', 'eight failing reads among twenty-four fail alone');

# An error at the commit comes after the row was returned.
$node->safe_psql('agenda', q{
    create function public.late_refusal() returns trigger language plpgsql as
        $$ begin if new.title = 'undo me' then raise exception 'no' using errcode = 'YA007'; end if; return null; end $$;
    create constraint trigger late_refusal after insert on agenda.tasks
        deferrable initially deferred for each row execute function public.late_refusal()});
is(wrong(sub { 409 }, answers(send_all(create_text('undo me', 2)))), '', 'a write that fails at its commit is not answered with its row');
@texts = behind_a_lock(map { create_text($_ == 4 ? 'undo me' : "late $_", 2) } 1 .. 8);
is(wrong(sub { $_[0] == 4 ? 409 : 201 }, @texts), '', 'nor does it take its neighbours with it');
is($node->safe_psql('agenda', q{
        select count(*) filter (where title = 'undo me'), count(*) filter (where title like 'late _') from agenda.tasks}),
    '0|7', 'what was acknowledged is stored, and nothing else');
$node->safe_psql('agenda', 'drop function public.late_refusal() cascade');

# --- limits ---------------------------------------------------------------------------------------
{
    my $small = AgendaGateway->start($node, THREADS => 1, DB_CONNECTIONS => 1, QUEUE_LIMIT => 4, QUEUE_TIMEOUT => 1);
    local $gateway = $small;
    my ($holder, $first) = block_gateway();
    my @queued = send_all(map { create_text("queued $_", 2) } 1 .. 4);
    wait_until(sub { metric('db_queued') == 4 }, 'the requests to queue');
    my ($refused) = answers(send_all(request_text('GET', "/tasks/$locked")));
    like($refused, qr/^HTTP\/1\.1 503 .*^Retry-After: \d+\r\n.*urn:pg_agenda:problem:overloaded/ms, 'a full queue refuses at once');
    is(metric('refused_overload_total'), 1, 'and counts it');
    is(wrong(sub { 503 }, answers(@queued)), '', 'who has queued for queue-timeout is told');
    unblock($holder);
    is(wrong(sub { 200 }, answers($first)), '', 'who was sent is answered');
    $small->stop;
}
{
    my $strict = AgendaGateway->start($node, THREADS => 1, DB_CONNECTIONS => 1, STATEMENT_TIMEOUT => 1);
    local $gateway = $strict;
    my ($holder, $first) = block_gateway();
    like((answers($first))[0], qr/^HTTP\/1\.1 504 .*urn:pg_agenda:problem:timeout/s, 'a statement that runs too long is 504');
    unblock($holder);
    $strict->stop;
}

# --- the session ends ---------------------------------------------------------------------------
sub end_sessions
{
    return $node->safe_psql('postgres', q{select pg_terminate_backend(pid) from pg_stat_activity where usename = 'agenda_gw'});
}
end_sessions();
is($alice->get("/tasks/$locked")->{status}, 200, 'a read after the end of the session');
{
    my ($holder, $first) = block_gateway();
    end_sessions();
    wait_until(sub { metric('db_losses_total') >= 2 }, 'the loss to be noticed');
    unblock($holder);
    is(wrong(sub { 200 }, answers($first)), '', 'a write that the server said it rolled back is repeated');
}
{
    my ($holder, $first) = block_gateway();
    my @queued = send_all(map { create_text("ledger $_", 2) } 1 .. 8);
    wait_until(sub { metric('db_queued') == 8 }, 'the requests to queue');
    $node->stop('immediate');
    my ($lost) = answers($first);
    like($lost, qr/^HTTP\/1\.1 503 .*urn:pg_agenda:problem:outcome-unknown/s, 'a write that was cut off before its Sync has no known outcome');
    is(metric('outcome_unknown_total'), 1, 'and is counted');
    eval { $holder->quit };
    $node->start;
    my @ledger = answers(@queued);
    is(wrong(sub { '(201|503)' }, @ledger), '', 'those behind it are answered too');
    my @acknowledged = grep { $ledger[ $_ - 1 ] =~ /^HTTP\/1\.1 201 / } 1 .. 8;
    is($node->safe_psql('agenda', q{select string_agg(substr(title, 8), ' ' order by title) from agenda.tasks where title like 'ledger%'}),
        "@acknowledged", 'exactly the acknowledged ones (' . @acknowledged . ') are stored');
}

# --- the database is away ---------------------------------------------------------------------------
$gateway->wait_ready;
$node->stop('fast');
wait_until(sub { $gateway->user->get('/readyz')->{status} == 503 }, 'readyz to say no');
is($gateway->user->get('/livez')->{status}, 200, 'alive without a database');
my $down = $alice->get("/tasks/$locked");
is($down->{status}, 503, 'requests are answered 503');
is($down->{json}{type}, 'urn:pg_agenda:problem:unavailable', 'as a problem document');
ok($down->{headers}{'retry-after'}, 'with Retry-After');
$node->start;
$gateway->wait_ready;
is($alice->get("/tasks/$locked")->{status}, 200, 'back without a restart of the gateway');

# --- versions -----------------------------------------------------------------------------------
my $version = $node->safe_psql('agenda', q{select extversion from pg_extension where extname = 'pg_agenda'});
$node->safe_psql('agenda', q{update pg_extension set extversion = '99.1.0' where extname = 'pg_agenda'});
end_sessions();
my $ready;
wait_until(sub { $ready = $gateway->user->get('/readyz'); $ready->{content} =~ /99\.1\.0/ }, 'the other version to be noticed');
is($ready->{status}, 503, 'not ready with an extension of another version');
like($ready->{json}{database}, qr/^version mismatch: this gateway is \Q$version\E, /, 'and says why');
$node->safe_psql('agenda', qq{update pg_extension set extversion = '$version' where extname = 'pg_agenda'});
$gateway->wait_ready;

# --- least privilege ------------------------------------------------------------------------------
is($node->safe_psql('agenda', q{select count(*) from pg_class c where relnamespace = 'agenda'::regnamespace and relkind in ('r', 'p', 'v')
        and has_table_privilege('agenda_gw', c.oid, 'select, insert, update, delete')}),
    '0', 'the gateway\'s login can reach no table');

# --- SIGTERM --------------------------------------------------------------------------------------
{
    my ($idle) = send_all("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    like(AgendaGateway::read_all($idle, qr/\}$/), qr/^HTTP\/1\.1 200 /, 'a client that keeps its connection');
    my ($holder, $first) = block_gateway();
    my @queued = send_all(map { create_text("last $_", 2) } 1 .. 8);
    wait_until(sub { metric('db_queued') == 8 }, 'the requests to queue');
    kill 'TERM', $gateway->{pid};
    wait_until(sub { $gateway->log_text =~ /draining/ }, 'the signal to be seen');
    $idle->syswrite("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
    like(AgendaGateway::read_all($idle), qr/^HTTP\/1\.1 503 .*^Connection: close\r\n.*draining/msi,
        'readyz says no on a connection that is there, which then ends');
    wait_until(sub { !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $gateway->{port}) }, 'the port to close');
    unblock($holder);
    is(wrong(sub { 200 }, answers($first)), '', 'the request in flight is finished');
    is(wrong(sub { 201 }, answers(@queued)), '', 'and those that waited');
    is($gateway->stop(0), 0, 'exit status 0');
}
{
    $gateway = AgendaGateway->start($node, THREADS => 1, DB_CONNECTIONS => 1);
    my ($holder, $first) = block_gateway();
    kill 'TERM', $gateway->{pid};
    wait_until(sub { $gateway->log_text =~ /draining/ }, 'the first signal to be seen');
    is($gateway->stop('TERM') >> 8, 1, 'a second SIGTERM ends it at once');
    unblock($holder);
}
{
    $gateway = AgendaGateway->start($node, THREADS => 1, DB_CONNECTIONS => 1, DRAIN_TIMEOUT => 1);
    my ($holder, $first) = block_gateway();
    is($gateway->stop('TERM'), 0, 'drain-timeout ends it in the end');
    like((answers($first))[0], qr/^HTTP\/1\.1 503 .*outcome-unknown/s, 'with an answer to whoever still waits');
    unblock($holder);
}
done_testing();
