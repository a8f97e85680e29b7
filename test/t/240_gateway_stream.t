# Changes and the live stream: every change once per position, nothing of others, resume, tickets, slow clients, restarts.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use IO::Select;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = agenda_node('stream');
my $gateway = AgendaGateway->start($node, STREAM_HEARTBEAT => 1, STREAM_BUFFER => 65536, STREAM_PER_USER => 5, BODY_TIMEOUT => 2, THREADS => 2);
my $alice = $gateway->user('alice');
my $bob = $gateway->user('bob');

# A stream: what has come is kept in {text}.
sub stream
{
    my ($name, $headers, $path) = @_;
    my $socket = $gateway->connect;
    my $who = defined $name ? 'Authorization: Bearer ' . $gateway->token_of($name) . "\r\n" : '';
    $socket->syswrite('GET ' . ($path // '/api/stream') . " HTTP/1.1\r\nHost: x\r\n$who" . ($headers // '') . "\r\n");
    my $self = { socket => $socket, text => '' };
    read_stream($self, qr/\r\n\r\n(?:\{.*\}|.*\n\r?\n)/s);
    return $self;
}

# Reads until the text matches; 0 when the stream has ended.
sub read_stream
{
    my ($self, $pattern, $seconds) = @_;
    my $deadline = time + ($seconds // 20);
    my $select = IO::Select->new($self->{socket});
    until ($self->{text} =~ $pattern)
    {
        return 0 if time > $deadline || !$select->can_read($deadline - time);
        return 0 unless sysread($self->{socket}, $self->{text}, 65536, length $self->{text});
    }
    return 1;
}

# The chunks' sizes are of the transport.
sub plain { my $text = $_[0]{text} =~ s/\r\n[0-9a-f]+\r\n//gr; return $text }
sub last_id { my @ids = plain($_[0]) =~ /^id: (\S+)$/mg; return $ids[-1] }
sub titles { return join ' ', plain($_[0]) =~ /"after":\s*\{[^}]*?"title":\s*"([^"]+)"/g }

# The feed has a position once the drainer has saved one.
wait_until(sub { my $s = stream('alice'); $s->{text} =~ /^HTTP\/1\.1 200 / }, 'streams to be served');

# --- live -----------------------------------------------------------------------------------------
my $live = stream('alice');
like($live->{text}, qr/^Content-Type: text\/event-stream\r$/m, 'a stream');
like($live->{text}, qr/^retry: 2000$/m, 'says how to come back');
my $others = stream('bob');
my $made = $alice->post('/tasks', { title => 'Seen' })->{json};
ok(read_stream($live, qr/^event: task\.created\n/m), 'a change arrives');
read_stream($live, qr/^id: \d+\.0\n\n?.*\z/ms);
my ($json) = plain($live) =~ /^data: (\{.*\})$/m;
my $change = decode_json($json);
is($change->{subject}, $made->{id}, 'with its thing');
is($change->{data}{after}{title}, 'Seen', 'and its data');
$bob->post('/tasks', { title => 'Mine' });
ok(read_stream($others, qr/"Mine"/), 'another user sees his own');
unlike($others->{text}, qr/Seen/, 'and nothing of hers');
ok(read_stream($live, qr/^:\n/m), 'a heartbeat');
unlike($live->{text}, qr/Mine/, 'she sees nothing of his');

# many writers at once: everything arrives, each thing's changes in their order
my @clients = map { $gateway->user('alice') } 1 .. 4;
foreach my $n (1 .. 10)
{
    my $task = $clients[ $n % 4 ]->post('/tasks', { title => "a$n" })->{json};
    $clients[ ($n + 1) % 4 ]->patch("/tasks/$task->{id}", { title => "b$n" });
}
ok(read_stream($live, qr/"b10"/), 'all of them');
my $seen = titles($live);
is(join(' ', grep { $seen !~ /a$_\b.*b$_\b/ } 1 .. 10), '', 'in the order of each thing');

# --- resume ---------------------------------------------------------------------------------------
my $position = last_id($live);
close $live->{socket};
$alice->post('/tasks', { title => "missed$_" }) foreach 1 .. 3;
my $resumed = stream('alice', "Last-Event-ID: $position\r\n");
ok(read_stream($resumed, qr/missed3/), 'what was missed comes');
like(titles($resumed), qr/^missed1 missed2 missed3$/, 'nothing else, in order');
my $by_query = stream('alice', '', "/stream?last_event_id=$position");
ok(read_stream($by_query, qr/missed3/), 'the position in the query');
is(scalar(() = titles($by_query) =~ /missed/g), 3, 'as well');
close $by_query->{socket};

# from the database, by pages: the memory of a new gateway is empty
my $page = $alice->get('/changes?since=0.0&limit=2');
is(scalar @{ $page->{json}{items} }, 2, 'changes by pages');
is($page->{json}{has_more}, JSON::PP::true, 'there is more');
my @all;
my $since = '0.0';
for (1 .. 100)
{
    my $next = $alice->get("/changes?since=$since&limit=7")->{json};
    push @all, @{ $next->{items} };
    $since = $next->{next};
    last unless $next->{has_more};
}
my $logged = $node->safe_psql('agenda', "select count(*) from agenda.events e join agenda.users u on u.id = e.user_id where u.external_id = 'alice'");
wait_until(sub { $alice->get('/changes?since=0.0&limit=500')->{json}{items}->@* == $logged }, 'the log to be read');
is(scalar(@all), $logged, 'pages hold every event of the user');
my %ids = map { $_->{id} => 1 } @all;
is(scalar(keys %ids), scalar(@all), 'each once');
my $start = $alice->get('/changes')->{json};
is_deeply($start->{items}, [], 'without a position there are no items');
$alice->post('/tasks', { title => 'After' });
wait_until(sub { $alice->get("/changes?since=$start->{next}")->{json}{items}->@* }, 'the change');
is($alice->get("/changes?since=$start->{next}")->{json}{items}[0]{data}{after}{title}, 'After', 'but it is where to go on');
is($alice->get('/changes?since=x')->{status}, 422, 'a position that is none');
is($alice->get('/changes?since=999999999.0')->{status}, 410, 'a position that the log does not have');
my $gone = stream('alice', "Last-Event-ID: 999999999.0\r\n");
ok(read_stream($gone, qr/^event: reset$/m), 'a stream from there begins with a reset');
$alice->post('/tasks', { title => 'Onward' });
ok(read_stream($gone, qr/Onward/), 'and goes on');
# with 200 the client would come back with it for ever
like(stream('alice', "Last-Event-ID: $_\r\n")->{text}, qr/^HTTP\/1\.1 400 /, "an id that is none of ours: $_") foreach '../../x', '5', '5..0', '1.2.3.4', '9999999999999999999.0';
close $_->{socket} foreach $gone, $resumed;

# a late commit has a smaller number and comes in a later window
{
    my $user = $made->{user_id};
    my $late = $node->background_psql('agenda', on_error_stop => 1);
    $late->query_safe("begin; select agenda.act_as('$user'); insert into agenda.tasks (title) values ('late')");
    my $watch = stream('alice');
    $alice->post('/tasks', { title => 'early' });
    ok(read_stream($watch, qr/"early"/), 'a change while another transaction is open');
    my $between = last_id($watch);
    $late->query_safe('commit');
    $late->quit;
    ok(read_stream($watch, qr/"late"/), 'the open one comes when it commits');
    is($alice->get("/changes?since=$between")->{json}{items}[0]{data}{after}{title}, 'late', 'also for who comes back with a position between them');
    close $watch->{socket};
}

# --- tickets --------------------------------------------------------------------------------------
my $ticket = $alice->post('/stream/ticket')->{json}{ticket};
my $browser = stream(undef, '', "/api/stream?ticket=$ticket");
like($browser->{text}, qr/^HTTP\/1\.1 200 /, 'a ticket opens a stream');
$alice->post('/tasks', { title => 'Ticketed' });
ok(read_stream($browser, qr/Ticketed/), 'of its user');
like(stream(undef, '', "/api/stream?ticket=$ticket")->{text}, qr/^HTTP\/1\.1 401 /, 'once');
like(stream(undef, '', '/api/stream?ticket=x')->{text}, qr/^HTTP\/1\.1 401 /, 'a ticket that is none');
like(stream(undef)->{text}, qr/^HTTP\/1\.1 401 /, 'nothing');
my $stale = $alice->post('/stream/ticket')->{json}{ticket};
$node->safe_psql('agenda', q{update agenda.stream_tickets set expires_at = now() - interval '1 second'});
like(stream(undef, '', "/api/stream?ticket=$stale")->{text}, qr/^HTTP\/1\.1 401 /, 'a ticket that has expired');
unlike($gateway->log_text, qr/\Q$ticket\E/, 'no ticket in the log');
close $browser->{socket};

# --- limits ---------------------------------------------------------------------------------------
my @many = map { stream('carol') } 1 .. 12;
my $refused = grep { $_->{text} =~ /^HTTP\/1\.1 429 / } @many;
cmp_ok($refused, '>=', 2, 'streams of one user are limited (per thread)');
close $_->{socket} foreach @many;

sub streams { return $gateway->user->get('/metrics')->{content} =~ /^agenda_gateway_streams (\d+)$/m ? $1 : undef }
sub cuts { return $gateway->user->get('/metrics')->{content} =~ /^agenda_gateway_stream_cuts_total (\d+)$/m ? $1 : undef }
wait_until(sub { streams() == 1 }, 'clients that went away to be noticed by the heartbeat');
pass('clients that went away are forgotten');

# a client that reads nothing is cut off and does not hold up the others
{
    my $slow = stream('dora');
    setsockopt $slow->{socket}, SOL_SOCKET, SO_RCVBUF, 4096;
    my $dora = $gateway->user('dora');
    my $quick = stream('dora');
    my $long = 'x' x 15000;
    my $task = $dora->post('/tasks', { title => 'T' })->{json}{id};
    my $n = 0;
    wait_until(sub { $dora->patch("/tasks/$task", { description => ++$n . $long }); read_stream($quick, qr/"$n$long"/); $quick->{text} = ''; cuts() > 0 || streams() < 3 }, 'the slow client to be cut off', 60);
    pass('a client that does not read is cut off');
    $dora->patch("/tasks/$task", { title => 'still' });
    ok(read_stream($quick, qr/"still"/), 'the others go on');
    close $_->{socket} foreach $slow, $quick;
}

# --- the database goes away and comes back -----------------------------------------------------------
my $steady = stream('alice');
$node->restart('immediate');
$gateway->wait_ready;
wait_until(sub { $alice->post('/tasks', { title => 'Reborn' })->{status} == 201 }, 'writes to work again');
ok(read_stream($steady, qr/Reborn/), 'a stream survives a restart of the database');

# --- latency --------------------------------------------------------------------------------------
my @took;
for my $n (1 .. 40)
{
    $alice->post('/tasks', { title => "lat$n" });
    my $begin = time;
    read_stream($steady, qr/lat$n"/);
    push @took, time - $begin;
}
@took = sort { $a <=> $b } @took;
note(sprintf 'from the answer to the event: median %.1f ms, longest but one %.1f ms', 1000 * $took[20], 1000 * $took[38]);
cmp_ok($took[20], '<', 0.25, 'an event follows its answer closely');

# --- the end --------------------------------------------------------------------------------------
kill 'TERM', $gateway->{pid};
ok(read_stream($steady, qr/^event: bye$/m), 'the gateway says goodbye');
is(read_stream($steady, qr/never/), 0, 'the stream ends');
like($steady->{text}, qr/\r\n0\r\n\r\n\z/, 'properly');
is($gateway->stop(0), 0, 'exit status 0');

# a new gateway knows nothing by heart and gets it from the log
$gateway = AgendaGateway->start($node);
wait_until(sub { my $s = stream('alice', "Last-Event-ID: $position\r\n"); $s->{text} =~ /^HTTP\/1\.1 200 / }, 'streams to be served');
my $moved = stream('alice', "Last-Event-ID: $position\r\n");
ok(read_stream($moved, qr/lat40"/), 'another gateway goes on where the first one was');
my $titles = titles($moved);
is(join(' ', grep { $titles !~ /\b$_\b/ } 'missed1', 'After', 'late', 'Ticketed', 'Reborn', map { "lat$_" } 1 .. 40), '', 'nothing is missing');
$gateway->stop;
done_testing();
