# gateway.pl - the gateway's measurements that need a server of their own; test/bench/run prepares it.
#
#   perl gateway.pl PART...
#
#   rate      AGENDA_BENCH_RATE (1000) requests a second, mixed, whatever the gateway does: how long they take
#   busy      memory with 1000 busy connections
#   streams   memory with AGENDA_BENCH_STREAMS (10000) idle streams, one user each
#   events    from a commit to a client of the stream; with the idle streams open, in streams
#   soak      memory over AGENDA_BENCH_REQUESTS (1000000) requests of all kinds
#
# One server and one reader with 1000 tasks; each part has a gateway of its own, as it is shipped but for what stands in %setting.
use strict;
use warnings;

use AgendaBench;    # first: it keeps STDOUT
use AgendaTest;
use IO::Select;
use IO::Socket::INET;
use IPC::Run ();
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;

my $key = 'bench-key-bench-key-bench-key-bench-key';
my %result = (started => strftime('%FT%TZ', gmtime), machine => machine());
my $node = agenda_node('bench_gateway',
    fsync => 'on', log_statement => 'none', shared_buffers => '512MB', max_wal_size => '4GB',
    max_connections => 200, log_min_messages => 'warning');
my $task = reader_with_tasks($node, 1000);
my $token = token('reader', $key);
my %part = (rate => \&rate, busy => \&busy, streams => \&streams, events => \&events, soak => \&soak);
my %setting = (
    # as many as there are, and no sign of life while memory is read
    streams => { AGENDA_MAX_CONNECTIONS => 4 * streams_wanted(), AGENDA_STREAM_HEARTBEAT => 600 },
    # the log of ten million requests would fill the disk
    soak => { AGENDA_ACCESS_LOG => 'off' });
foreach my $name (grep { $part{$_} } @ARGV)
{
    my $port = free_port();
    my $pid = start_gateway($node, $port, $key, %{ $setting{$name} // {} });
    $result{"gateway-$name"} = { %{ $part{$name}->($port, $pid) }, load => load() + 0 };
    stop_process($pid);
}
write_results(\%result);

sub rss_kb { return (slurp("/proc/$_[0]/status") =~ /^VmRSS:\s+(\d+)/m)[0] }
sub mb { return sprintf '%6.1f MB', $_[0] / 1024 }

# ---- rate: as slow as it is at a rate that it is far from ------------------------------------

# Of ten requests five read a task, two list, two make a task, one completes one.
sub rate
{
    my ($port, $pid) = @_;
    my $rate = $ENV{AGENDA_BENCH_RATE} // 1000;
    my $count = $rate * bench_seconds();
    my @mix = ((map { [ 'GET task', "GET /api/tasks/$task" ] } 1 .. 5), (map { [ 'list of 20', 'GET /api/tasks?page_size=20' ] } 1, 2),
        (map { [ 'POST task', 'POST /api/tasks {"title": "mixed", "due_date": "2030-01-01T09:00:00Z"}' ] } 1, 2), [ 'complete' ]);
    my @open = open_tasks(1 + ($rate + $count) / @mix);
    my $next = sub { my ($what, $text) = @{ $mix[ $_[0] % @mix ] }; return [ $what, $text // 'PUT /api/tasks/' . shift(@open) . '/complete' ] };

    say_line("\n$rate requests/s for " . bench_seconds() . ' s by 64 connections, each timed from when it was due; CPU per request: gateway + its backends');
    open_loop($port, $rate, map { $next->($_) } 1 .. $rate / 2);
    my @requests = map { $next->($_) } 1 .. $count;
    my $figure = with_cpu($node, $pid, 'bench_gw',
        sub { return { requests => $count, took => open_loop($port, $rate, @requests) } });
    my $took = delete $figure->{took};
    $figure->{$_} = percentiles_of(map { @{ $took->{$_} } } $_ eq 'all' ? keys %$took : $_) foreach 'all', keys %$took;
    row($_, sprintf('p50 %6.2f ms  p99 %6.2f ms  longest %6.2f ms', @{ $figure->{$_} }{qw(p50_ms p99_ms p100_ms)}),
        $_ eq 'all' ? sprintf('CPU %4.0f + %4.0f us  (p99 at most 5 ms)', @$figure{qw(server_us database_us)}) : ())
      foreach 'all', sort keys %$took;
    return { rate => $rate, %$figure };
}

# Ids of so many further tasks of the reader.
sub open_tasks
{
    my ($count) = @_;
    return split /\n/, $node->safe_psql('agenda',
        "insert into agenda.tasks (title) select 'to be completed ' || i from generate_series(1, $count) i returning id",
        extra_params => [ '-U', 'reader' ]);
}

# Requests are [ what, "METHOD PATH BODY" ]; returns what => [ microseconds ].
sub open_loop
{
    my ($port, $rate, @requests) = @_;
    my $text = join '', map { "$_->[1]\n" } @requests;
    my ($out, $err, %took);
    IPC::Run::run([ "$ENV{TESTDIR}/open_loop", $port, $rate, 64, $token ], '<', \$text, '>', \$out, '2>', \$err) or die $err;
    foreach my $line (split /\n/, $out)
    {
        my ($n, $status, $us) = split ' ', $line;
        die "$requests[$n][1] was answered by $status\n" if $status !~ /^2/;
        push @{ $took{ $requests[$n][0] } }, $us;
    }
    return \%took;
}

# ---- busy: what connections that work cost ---------------------------------------------------

sub busy
{
    my ($port, $pid) = @_;
    my $before = rss_kb($pid);
    say_line("\n1000 busy connections");
    my $figure = with_cpu($node, $pid, 'bench_gw', sub { wrk("http://127.0.0.1:$port/api/tasks/$task", $token, '-c', 1000) });
    my $rss = rss_kb($pid);
    rate_row('GET task', $figure);
    row('resident memory of the gateway', mb($rss) . ' (at most 40), ' . mb($before) . ' before');
    return { %$figure, connections => 1000, rss_kb => $rss, before_kb => $before };
}

# ---- streams: what an idle one costs ----------------------------------------------------------

# As many as are asked for, or as this process may hold.
sub streams_wanted
{
    my $wanted = $ENV{AGENDA_BENCH_STREAMS} // 10_000;
    my $most = run_out('sh', '-c', 'ulimit -n') - 100;
    return $wanted < $most ? $wanted : $most;
}

sub streams
{
    my ($port, $pid) = @_;
    my $wanted = streams_wanted();
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
    my $each = ($rss - $before) / @open;
    say_line("\n" . @open . ' idle streams of as many users');
    row('resident memory of the gateway', sprintf('%s, %.2f kB a stream (%s before)', mb($rss), $each, mb($before)),
        @open < 10_000 ? '10000 would be, by that, ' . mb($before + 10_000 * $each) : (), '(10000 at most 120 MB)');
    my $told = told($port, $pid, 'an event to one client, these streams open');
    my $get = with_cpu($node, $pid, 'bench_gw', sub { wrk("http://127.0.0.1:$port/api/tasks/$task", $token) });
    rate_row('GET task, these streams open', $get);
    return { streams => scalar @open, rss_kb => $rss, before_kb => $before, told => $told, get => $get };
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

# ---- events: from a commit to a client --------------------------------------------------------

sub events
{
    my ($port, $pid) = @_;
    say_line("\nfrom the moment when a commit is known to whoever made it, to the event at a client of /stream");
    return told($port, $pid, 'an event to one client');
}

# 100 tasks a second, each a durable transaction.
sub told
{
    my ($port, $pid, $what) = @_;
    my $count = 100 * bench_seconds();
    my $conninfo = 'host=' . $node->host . ' port=' . $node->port . ' dbname=agenda user=reader';
    my $tell = sub { return split /\n/, run_out("$ENV{TESTDIR}/stream_latency", $conninfo, $port, $token, 100, $_[0]) };

    # the first of a day makes a partition; the first stream waits for the first look at the log
    wait_until(sub { eval { $tell->(10) } }, 'the stream to be served');
    my $figure = with_cpu($node, $pid, 'bench_gw', sub { return { requests => $count, took => percentiles_of($tell->($count)) } });
    my $took = delete $figure->{took};
    row($what, sprintf('p50 %6.2f ms  p99 %6.2f ms  longest %6.2f ms  CPU %4.0f + %4.0f us  (p99 at most 20 ms)',
            @$took{qw(p50_ms p99_ms p100_ms)}, @$figure{qw(server_us database_us)}));
    return { %$figure, %$took };
}

# ---- soak: memory over many requests -----------------------------------------------------------

# After the first tenth, pools and caches have their size; what comes on top by the end is a leak.
sub soak
{
    my ($port, $pid) = @_;
    my $wanted = $ENV{AGENDA_BENCH_REQUESTS} // 1_000_000;
    my $script = soak_script();
    my ($done, $errors) = (0, 0);
    my @steps;

    say_line("\n$wanted requests: reads, lists, writes, refusals, compressed and not, by 64 connections that are opened anew every 10 s");
    while ($done < $wanted)
    {
        my $text = run_out('wrk', '-t', 1, '-c', 64, '-d', '10s', '-s', $script, "http://127.0.0.1:$port");
        $done += ($text =~ /(\d+) requests in/)[0];
        $errors += ($text =~ /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/) ? $1 + $2 + $3 : 0;
        next if $done < $wanted * (@steps + 1) / 10;
        push @steps, { requests => $done, rss_kb => rss_kb($pid) };
        row(sprintf('after %9d requests', $done), mb($steps[-1]{rss_kb}) . " resident, $errors connections broke");
    }
    my ($first, $last) = @steps[ 0, -1 ];
    my $millions = ($last->{requests} - $first->{requests}) / 1e6;
    row('from the first of these to the last', sprintf('%+.1f MB, %+.2f kB for a million', ($last->{rss_kb} - $first->{rss_kb}) / 1024,
            $millions ? ($last->{rss_kb} - $first->{rss_kb}) / $millions : 0));
    return { requests => $done, steps => \@steps, socket_errors => $errors };
}

sub soak_script
{
    my $file = "$ENV{TESTDIR}/soak.lua";
    open my $out, '>', $file or die "$file: $!";
    print $out <<"LUA";
local reader = { Authorization = "Bearer $token" }
local zipped = { Authorization = "Bearer $token", ["Accept-Encoding"] = "gzip" }
local writer = { Authorization = "Bearer $token", ["Content-Type"] = "application/json" }
local list = {
    wrk.format("GET", "/api/tasks/$task", reader), wrk.format("GET", "/api/tasks?page_size=20", reader),
    wrk.format("GET", "/api/tasks?page_size=100", zipped), wrk.format("GET", "/api/notifications", reader),
    wrk.format("PATCH", "/api/tasks/$task", writer, '{"title": "soaked"}'), wrk.format("PATCH", "/api/tasks/$task", writer, '{"title": 7}'),
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
