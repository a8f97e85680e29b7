# HTTP as it must not be: what would smuggle a request past a proxy, hide a path, or hold a connection.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = agenda_node('http');
my $gateway = AgendaGateway->start($node, HEADER_TIMEOUT => 1, BODY_TIMEOUT => 1, KEEPALIVE_TIMEOUT => 1);
my $bearer = 'Authorization: Bearer ' . $gateway->token_of('alice');
my $host = 'Host: localhost';

# A request whose body is a second request: if both are answered, it was smuggled.
my $inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

sub count_answers { return scalar(() = $_[0] =~ /HTTP\/1\.1 \d{3} /g) }

# One problem document with this status, then the end of the connection.
sub refused
{
    my ($request, $status, $what) = @_;
    my $socket = $gateway->connect;

    $socket->syswrite($request);
    my $answer = AgendaGateway::read_all($socket);
    like($answer, qr/^HTTP\/1\.1 $status /, "$what: $status");
    is(count_answers($answer), 1, 'one answer');
    like($answer, qr/^Connection: close\r$/mi, 'and the end');
    like($answer, qr/^Content-Type: application\/problem\+json\r$/mi, 'as a problem document');
    unlike($answer, qr/smuggled/, 'the second request was not seen');
}

sub get { return join("\r\n", "GET $_[0] HTTP/1.1", @_[ 1 .. $#_ ]) . "\r\n\r\n" }
sub post { return join("\r\n", "POST /api/tasks HTTP/1.1", @_) . "\r\n\r\n" }

refused(post($host, $bearer, 'Content-Length: ' . length $inner, 'Transfer-Encoding: chunked') . "0\r\n\r\n$inner",
    400, 'Content-Length and Transfer-Encoding');
refused(post($host, $bearer, 'Transfer-Encoding: chunked', 'Content-Length: 4') . "0\r\n\r\n$inner",
    400, 'the other way round');
refused(post($host, $bearer, 'Content-Length: 0', 'Content-Length: ' . length $inner) . $inner,
    400, 'two lengths');
refused(post($host, $bearer, 'Content-Length: 2', 'Content-Length: 2') . '{}', 400, 'the same length twice');
refused(post($host, $bearer, 'Transfer-Encoding: gzip, chunked') . "0\r\n\r\n", 501, 'a coding that is not known');
refused(post($host, $bearer, 'Transfer-Encoding: xchunked') . "0\r\n\r\n", 501, 'a coding that looks known');
refused(post($host, $bearer, 'Transfer-Encoding : chunked') . "0\r\n\r\n$inner", 400, 'a space before the colon');
refused(get('/healthz', 'Accept: */*'), 400, 'no Host');
refused(get('/healthz', $host, 'Host: other'), 400, 'two Hosts');
refused(get('/healthz', 'Host: a b'), 400, 'a Host that is none');
refused(get('/healthz', $host, "X-Bad: a\x01b"), 400, 'a control character in a value');
refused(get('/healthz', $host, "X Bad: a"), 400, 'a space in a name');
refused(get('/api/tasks%00/x', $host, $bearer), 400, 'a NUL in the path');
refused(get('/healthz%00.png', $host), 400, 'a NUL that would hide the rest');
refused(get("/healthz\0/x", $host), 400, 'a raw NUL in the path');
refused(get("/heal\x01thz", $host), 400, 'a control character in the path');
refused(get('/healthz?a=%0d%0aSet-Cookie:x', $host), 400, 'a line break in a parameter');
refused(get('/a b', $host), 400, 'a space in the path');
refused(get('/%zz', $host), 400, 'an escape that is none');
refused(get('/' . 'a' x 5000, $host), 414, 'a long target');
refused(get('/healthz', $host, map { "X-$_: y" } 1 .. 100), 431, 'many header fields');
refused(get('/healthz', $host, 'X-Long: ' . 'y' x 17000), 431, 'a large header');

# a line without a name or a NUL, which the library takes for the end of a header or of a value
refused("POST /api/tasks HTTP/1.1\r\n$host\r\n$bearer\r\n: x\r\nContent-Length: " . length($inner) . "\r\n\r\n$inner", 400, 'a line without a name');
refused("POST /api/tasks HTTP/1.1\r\n$host\r\n$bearer\r\n: x\r\n$inner", 400, 'a line without a name before a request');
refused("POST /api/tasks HTTP/1.1\r\n$host\r\n\0x\r\n$inner", 400, 'a NUL at the beginning of a line');
refused(post($host, $bearer, "Content-Length: 13\0 9") . '{"title":"x"}' . $inner, 400, 'a NUL in a length');
refused(post($host, $bearer, "Transfer-Encoding: chunked\0,gzip") . "0\r\n\r\n$inner", 400, 'a NUL in a coding');
refused(get('/api/tasks', $host, "$bearer\0abc"), 400, 'a NUL in a token');

# What the library answers by itself, before any handler of ours, or behind it: a short page of its own, which no option or callback
# replaces. Pinned, so that a change is noticed: the status is right, the connection ends, what follows is not taken for a request.
sub library_page
{
    my ($request, $status, $what, $heads) = @_;
    my $answer = $gateway->raw($request . $inner);

    like($answer, qr/^HTTP\/1\.1 $status /, "$what: $status by the library");
    like($answer, qr/^Connection: close\r$/mi, 'and the end');
    like($answer, qr/<html>/, 'with a page of its own') if $status != 431 && $status != 414;
    # for a length that is none it sends the header a second time, inside what the first one calls the body
    is(count_answers($answer), $heads // 1, 'so many heads');
    unlike($answer, qr/smuggled/, 'the second request was not seen');
}
my $json = 'Content-Type: application/json';
library_page(post($host, $bearer, "Content-Length: $_"), 400, "a length of \"$_\"", 2) foreach '-1', 'abc', '5x', '+5', '2, 2', '';
library_page(post($host, $bearer, 'Content-Length: 99999999999999999999999'), 413, 'a length beyond all numbers', 2);
library_page(post($host, $bearer, $json, 'Transfer-Encoding: chunked') . "$_\r\n{}\r\n0\r\n\r\n", 400, "a chunk of \"$_\"") foreach 'zz', '-1', '0x2', '1';
library_page(post($host, $bearer, $json, 'Transfer-Encoding: chunked') . "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n", 413, 'a chunk beyond all numbers');
library_page("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 'an HTTP/2 preface');
library_page("GET / $_\r\n$host\r\n\r\n", 400, "the version $_") foreach 'http/1.1', 'HTTP/1.1x';
library_page("GET /healthz\r\n\r\n", 400, 'HTTP/0.9');
library_page("GET /healthz HTTP/1.1\r\n$host\r\nno colon\r\n\r\n", 400, 'a line without a colon');
# larger than its buffer: it resets the connection, since there is more that it has not read
like($gateway->raw(get('/healthz', $host, 'X: ' . 'y' x 40000)), qr/^HTTP\/1\.1 431 /, 'a header larger than the buffer');
like($gateway->raw(get('/' . 'y' x 40000, $host)), qr/^HTTP\/1\.1 414 /, 'a target larger than the buffer');

# What is fine.
sub answered
{
    my ($request, $wanted, $what) = @_;
    return like($gateway->raw($request, $wanted), $wanted, $what);
}
answered(get('/api/healthz', $host) . get('/healthz', $host), qr/^HTTP\/1\.1 200 .*HTTP\/1\.1 200 /s, 'two requests in one packet');
answered(get('http://elsewhere/healthz?x=1', $host), qr/^HTTP\/1\.1 200 /, 'an absolute target');
answered(get('/%68ealthz', $host), qr/^HTTP\/1\.1 200 /, 'an escaped letter');
answered("GET /healthz HTTP/1.0\r\n\r\n", qr/^HTTP\/1\.[01] 200 /, 'HTTP/1.0 without a Host');
answered(post($host, $bearer, $json, 'Content-Encoding: gzip', 'Content-Length: 13') . '{"title":"x"}', qr/^HTTP\/1\.1 415 /, 'a body that says it is compressed');
answered(post($host, $bearer, $json, 'Content-Encoding: identity', 'Content-Length: 13') . '{"title":"x"}', qr/^HTTP\/1\.1 201 /, 'and one that says it is not');
# 304 has no body, and the length of what 200 would have
{
    my $task = $gateway->user('alice')->post('/tasks', { title => 'same' });
    my $length = $gateway->user('alice')->get($task->{headers}{location})->{headers}{'content-length'};
    answered(get($task->{headers}{location}, $host, $bearer, "If-None-Match: $task->{headers}{etag}") . get('/healthz', $host),
        qr/^HTTP\/1\.1 304 (?:(?!\r\n\r\n).)*^Content-Length: $length\r\n(?:(?!\r\n\r\n).)*\r\n?HTTP\/1\.1 200 /ms, 'not modified');
}
# the end of an endless body would be taken for the beginning of the next answer
answered("HEAD /stream HTTP/1.1\r\n$host\r\n$bearer\r\n\r\n" . get('/healthz', $host), qr/^HTTP\/1\.1 405 (?:(?!\r\n\r\n).)*\r\n\r\nHTTP\/1\.1 200 /s, 'HEAD of a stream');
answered("OPTIONS * HTTP/1.1\r\n$host\r\n\r\n", qr/^HTTP\/1\.1 204 /, 'OPTIONS of the server');
answered(post($host, $bearer, 'Content-Type: application/json', 'Transfer-Encoding: chunked')
      . "8\r\n{\"title\"\r\n5\r\n:\"x\"}\r\n0\r\n\r\n", qr/^HTTP\/1\.1 201 /, 'a chunked body');
answered(post($host, 'Content-Length: 13', 'Expect: 100-continue'), qr/^HTTP\/1\.1 401 /,
    'a body that would be refused is not asked for');
{
    my $socket = $gateway->connect;
    $socket->syswrite(post($host, $bearer, 'Content-Length: 13', 'Expect: 100-continue'));
    like(AgendaGateway::read_all($socket, qr/\r\n\r\n/), qr/^HTTP\/1\.1 100 /, '100-continue');
    $socket->syswrite('{"title":"x"}');
    like(AgendaGateway::read_all($socket, qr/\r\n\r\n/), qr/^HTTP\/1\.1 201 /, 'then the body is taken');
}
{
    my $socket = $gateway->connect;
    $socket->syswrite($_) foreach split //, get('/healthz', $host);
    like(AgendaGateway::read_all($socket, qr/\r\n\r\n/), qr/^HTTP\/1\.1 200 /, 'byte by byte');
}

# Deadlines: activity does not prolong them.
sub closed_after
{
    my ($what, $first, $drip) = @_;
    my $socket = $gateway->connect;
    my $start = time;
    my $select = IO::Select->new($socket);

    $socket->syswrite($first);
    while (time - $start < 15)
    {
        # readable without bytes: closed
        last if $select->can_read(0.1) && !sysread($socket, my $got, 65536);
        local $SIG{PIPE} = 'IGNORE';
        $socket->syswrite($drip) if length $drip;
    }
    my $took = time - $start;
    ok($took > 0.8 && $took < 14, "$what: closed after a deadline") or diag("took $took s");
}
closed_after('a connection that says nothing', '', '');
closed_after('a header that drips', "GET /healthz HTTP/1.1\r\n", "X-A: b\r\n");
closed_after('a request line that drips', "G", "E");
closed_after('a body that drips', post($host, $bearer, 'Content-Length: 1000'), 'x');
closed_after('an idle connection', get('/healthz', $host), '');

# Many connections that do nothing leave the others alone.
{
    my @idle = map { my $s = $gateway->connect; $s->syswrite('GET /'); $s } 1 .. 200;
    my $start = time;
    like($gateway->raw(get('/healthz', $host, 'Connection: close')), qr/^HTTP\/1\.1 200 /, 'served beside 200 stalled clients');
    cmp_ok(time - $start, '<', 5, 'without waiting for them');
}
is($gateway->stop, 0, 'exit status 0');
done_testing();
