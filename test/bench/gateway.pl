# gateway.pl - the gateway's measurements that need a server of their own; test/bench/run prepares it.
#
#   perl gateway.pl PART...
#
#   streams   memory of idle streams: AGENDA_BENCH_STREAMS (10000) of them, one user each
#   soak      memory over AGENDA_BENCH_REQUESTS (1000000) requests of all kinds
use strict;
use warnings;

use AgendaBench;    # first: it keeps STDOUT
use AgendaTest;
use IO::Select;
use IO::Socket::INET;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;

my $key = 'bench-key-bench-key-bench-key-bench-key';
my %result = (started => strftime('%FT%TZ', gmtime), machine => machine());
my $node = agenda_node('bench_gateway',
    fsync => 'on', log_statement => 'none', shared_buffers => '512MB', max_wal_size => '4GB',
    max_connections => 200, log_min_messages => 'warning');
my %part = (streams => \&streams, soak => \&soak);
foreach my $name (grep { $part{$_} } @ARGV)
{
    $result{"gateway-$name"} = $part{$name}->();
}
write_results(\%result);

sub rss_kb { return (slurp("/proc/$_[0]/status") =~ /^VmRSS:\s+(\d+)/m)[0] }

# ---- streams: what an idle one costs ----------------------------------------------------------

sub streams
{
    my $wanted = $ENV{AGENDA_BENCH_STREAMS} // 10_000;
    my $port = free_port();
    my $pid = start_gateway($node, $port, $key,
        AGENDA_MAX_CONNECTIONS => 4 * $wanted, AGENDA_STREAM_HEARTBEAT => 600);
    my $before = rss_kb($pid);
    my @open;

    wait_until(sub { answer(open_stream($port, 0)) =~ m{^HTTP/1\.1 200 } }, 'streams to be served');
    # in groups, so that logins don't wait longer for the database than the gateway lets them
    while (@open < $wanted)
    {
        my @group = map { open_stream($port, @open + $_) } 1 .. 100;
        answer($_) =~ m{^HTTP/1\.1 200 } or die "a stream was refused\n" foreach @group;
        push @open, @group;
    }
    my $rss = rss_kb($pid);
    my $each = ($rss - $before) / $wanted;
    say_line("\n$wanted idle streams of as many users");
    row('resident memory of the gateway', sprintf('%6.1f MB, %.2f kB a stream (%.1f MB before)', $rss / 1024, $each, $before / 1024));
    return { streams => $wanted, rss_kb => $rss, before_kb => $before, load => load() + 0 };
}

sub open_stream
{
    my ($port, $n) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') or die "connect: $!";
    my $token = token("stream$n", $key);
    $socket->syswrite("GET /api/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n");
    return $socket;
}

# The first bytes of an answer, up to the first event's end.
sub answer
{
    my ($socket) = @_;
    my $text = '';
    while ($text !~ /^id: /m && $text !~ m{^HTTP/1\.1 [45]})
    {
        die "no answer:\n$text" unless IO::Select->new($socket)->can_read(20) && sysread $socket, $text, 4096, length $text;
    }
    return $text;
}

# ---- soak: memory over many requests -----------------------------------------------------------

# After the first tenth, pools and caches have their size; what comes on top by the end is a leak.
sub soak
{
    my $wanted = $ENV{AGENDA_BENCH_REQUESTS} // 1_000_000;
    my $port = free_port();
    my $id = reader_with_tasks($node, 1000);
    my $pid = start_gateway($node, $port, $key);
    my $script = soak_script($id);
    my ($done, $errors, $first) = (0, 0, undef);

    say_line("\n$wanted requests: reads, lists, writes, refusals, compressed and not, by 64 connections that are opened anew every 10 s");
    while ($done < $wanted)
    {
        my $text = run_out('wrk', '-t', 1, '-c', 64, '-d', '10s', '-s', $script, "http://127.0.0.1:$port");
        $done += ($text =~ /(\d+) requests in/)[0];
        $errors += ($text =~ /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/) ? $1 + $2 + $3 : 0;
        $first //= rss_kb($pid) if $done >= $wanted / 10;
    }
    my $last = rss_kb($pid);
    row('resident memory of the gateway', sprintf('%6.1f MB after a tenth, %6.1f MB after %d requests; %d connections broke', $first / 1024, $last / 1024, $done, $errors));
    return { requests => $done, first_kb => $first, last_kb => $last, socket_errors => $errors, load => load() + 0 };
}

sub soak_script
{
    my ($id) = @_;
    my $file = "$ENV{TESTDIR}/soak.lua";
    my $token = token('reader', $key);
    open my $out, '>', $file or die "$file: $!";
    print $out <<"LUA";
local reader = { Authorization = "Bearer $token" }
local zipped = { Authorization = "Bearer $token", ["Accept-Encoding"] = "gzip" }
local writer = { Authorization = "Bearer $token", ["Content-Type"] = "application/json" }
local list = {
    wrk.format("GET", "/api/tasks/$id", reader), wrk.format("GET", "/api/tasks?page_size=20", reader),
    wrk.format("GET", "/api/tasks?page_size=100", zipped), wrk.format("GET", "/api/notifications", reader),
    wrk.format("PATCH", "/api/tasks/$id", writer, '{"title": "soaked"}'), wrk.format("PATCH", "/api/tasks/$id", writer, '{"title": 7}'),
    wrk.format("POST", "/api/tasks", writer, '{"title": '), wrk.format("GET", "/api/nothing", reader),
    wrk.format("GET", "/api/tasks", {}), wrk.format("GET", "/api/tasks/00000000-0000-0000-0000-000000000000", reader),
    wrk.format("GET", "/openapi.json", zipped), wrk.format("GET", "/api/changes", reader),
}
local n = 0
request = function()
    n = n % #list + 1
    return list[n]
end
LUA
    close $out;
    return $file;
}
