# A hard life: mixed load while the database is killed, restarted and hangs, gateways come and go, descriptors run out, clients
# stall. Afterwards the ledger of acknowledged writes is compared: none lost, none doubled where a key was sent.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaLedger;
use AgendaTest;
use HTTP::Tiny;
use IO::Select;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = agenda_node('chaos');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
my $parent = $$;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $ledger = AgendaLedger->new(sub { $node });

sub backends { return split /\n/, $node->safe_psql('postgres', q{select pid from pg_stat_activity where usename = 'agenda_gw'}) }

my $gateway = AgendaGateway->start($node, ACCESS_LOG => 'off');
$ledger->survives('backends are terminated', [ $gateway->{port} ], sub {
    for (1 .. 10) { $node->safe_psql('postgres', q{select pg_terminate_backend(pid) from pg_stat_activity where usename = 'agenda_gw'}); select undef, undef, undef, 0.01 foreach 1 .. 10 }
});
$ledger->survives('a backend is killed, the server recovers', [ $gateway->{port} ], sub { kill 'KILL', (backends())[0]; $gateway->wait_ready });
$ledger->survives('the server is restarted at once', [ $gateway->{port} ], sub { $node->restart('immediate'); $gateway->wait_ready });
$ledger->survives('the server is restarted', [ $gateway->{port} ], sub { $node->restart('fast'); $gateway->wait_ready });
$ledger->survives('a backend hangs', [ $gateway->{port} ], sub {
    my ($pid) = backends();
    kill 'STOP', $pid;
    my $start = time;
    my $answers = 0;
    my $reader = $gateway->user('reader');
    $answers += $reader->get('/tasks')->{status} == 200 foreach 1 .. 5;
    kill 'CONT', $pid;
    cmp_ok($answers, '>=', 1, 'others are served meanwhile');
});

# --- a rollout: two gateways, each is stopped and started anew under load -----------------------------
$gateway->stop;
$gateway = AgendaGateway->start($node, ACCESS_LOG => 'off', DRAIN_DELAY => 1);
my $second = AgendaGateway->start($node, ACCESS_LOG => 'off', DRAIN_DELAY => 1);
{
    # what a balancer does: asks who is ready, and takes the next one when a connection is refused
    my ($ok, $failed, $stop) = (0, 0, 0);
    my $pid = fork() // die;
    if (!$pid)
    {
        my @ports = ($gateway->{port}, $second->{port});
        local $SIG{TERM} = sub { $stop = 1 };
        my $token = $gateway->token_of('roller');
        until ($stop || getppid != $parent)
        {
            my $answer = '';
            foreach my $port (@ports)
            {
                next unless HTTP::Tiny->new->get("http://127.0.0.1:$port/readyz")->{status} == 200;
                my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or next;
                $socket->syswrite("GET /tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nConnection: close\r\n\r\n");
                $answer = AgendaGateway::read_all($socket);
                last;
            }
            push @ports, shift @ports;
            # the signal that ends this interrupts the reading of an answer
            last if $stop;
            $answer =~ /^HTTP\/1\.1 200 / ? $ok++ : $failed++;
        }
        open my $out, '>', "$dir/roll";
        print $out "$ok $failed";
        close $out;
        POSIX::_exit(0);
    }
    foreach my $which (\$gateway, \$second)
    {
        my $port = $$which->{port};
        is($$which->stop, 0, 'a gateway drains');
        $$which = AgendaGateway->start($node, PORT => $port, ACCESS_LOG => 'off', DRAIN_DELAY => 1);
    }
    kill 'TERM', $pid;
    waitpid $pid, 0;
    my ($good, $bad) = split / /, slurp("$dir/roll");
    is($bad, 0, "a rollout: $good requests, none failed");
}
$second->stop;
$gateway->stop;

# --- the same without a balancer: whoever is let in is served ------------------------------------------
# One client after another connects, asks and ends, while the gateway is stopped and started: prints "served refused reset", and what was not an answer.
sub knock
{
    my ($port, $file) = @_;
    my $pid = fork() // die "fork: $!";
    return $pid if $pid;
    my ($served, $refused, $stop) = (0, 0, 0);
    my @reset;
    $SIG{TERM} = sub { $stop = 1 };
    $SIG{PIPE} = 'IGNORE';
    until ($stop || getppid != $parent)
    {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
        # where nobody listens a socket may happen to be connected to itself
        if (!$socket || $socket->sockport == $port)
        {
            $refused++;
            next;
        }
        $socket->syswrite("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        my $answer = AgendaGateway::read_all($socket);
        last if $stop;
        $answer =~ /^HTTP\/1\.1 200 / ? $served++ : push @reset, $answer;
    }
    open my $out, '>', $file or POSIX::_exit(1);
    print $out join "\n", "$served $refused " . @reset, map { "got '$_'" } @reset;
    close $out;
    POSIX::_exit(0);
}
{
    my $port = $gateway->{port};
    my @clients = map { knock($port, "$dir/knock$_") } 1 .. 4;
    foreach (1 .. 8)
    {
        $gateway = AgendaGateway->start($node, PORT => $port, ACCESS_LOG => 'off');
        is($gateway->stop, 0, 'a gateway drains');
    }
    kill 'TERM', @clients;
    waitpid $_, 0 foreach @clients;
    my ($served, $refused, $reset) = (0, 0, 0);
    foreach (1 .. 4)
    {
        my ($counts, @wrong) = split /\n/, slurp("$dir/knock$_");
        my @counts = split / /, $counts;
        diag($_) foreach @wrong;
        $served += $counts[0];
        $refused += $counts[1];
        $reset += $counts[2];
    }
    is($reset, 0, "eight restarts: $served were let in and served, $refused refused, none reset");
    cmp_ok($served, '>', 100, 'there was a load');
}
$gateway = AgendaGateway->start($node, ACCESS_LOG => 'off');

# --- storms ---------------------------------------------------------------------------------------
{
    my $start = time;
    my @sockets = map { $gateway->connect } 1 .. 1000;
    $_->syswrite("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") foreach @sockets;
    my $good = grep { AgendaGateway::read_all($_) =~ /^HTTP\/1\.1 200 / } @sockets;
    is($good, 1000, sprintf '1,000 connections at once: all served in %.1f s', time - $start);
}
{
    my $few = AgendaGateway->start($node, ACCESS_LOG => 'off', THREADS => 1, command => [ 'sh', '-c', 'ulimit -n 96; exec "$@"', 'sh' ]);
    like($few->log_text, qr/descriptors are enough for/, 'few descriptors: the gateway says how many clients it can serve');
    my @idle = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $few->{port}) } 1 .. 120;
    $node->safe_psql('postgres', q{select pg_terminate_backend(pid) from pg_stat_activity where usename = 'agenda_gw'});
    $_ && $_->syswrite("GET /tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . $few->token_of('a') . "\r\n\r\n") foreach @idle;
    like(AgendaGateway::read_all($idle[0], qr/\}/), qr/^HTTP\/1\.1 200 /, 'its database connections are made anew although clients hold all theirs');
    undef @idle;
    $few->wait_ready;
    pass('and it serves again');
    is($few->stop, 0, 'exit status 0');
}
{
    my $tight = AgendaGateway->start($node, MAX_BUFFERED => 1048576, MAX_BODY => 1048576);
    my $head = "POST /tasks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\nAuthorization: Bearer " . $tight->token_of('a') . "\r\n\r\n";
    my @held = map { my $s = $tight->connect; $s->syswrite($head . '{"title":"' . 'x' x 500_000); $s } 1 .. 4;
    my @answers = map { $_->syswrite('x' x (900_000 - 500_010 - 2) . '"}'); AgendaGateway::read_all($_, qr/\}\z/) } @held;
    my $shed = grep { /^HTTP\/1\.1 503 .*overloaded/s } @answers;
    cmp_ok($shed, '>=', 1, 'bodies beyond max-buffered are refused');
    # room comes back a moment after the answers
    undef @held;
    ok(wait_until(sub { $tight->user('a')->post('/tasks', { title => 'small' })->{status} == 201 }, 'room'), 'small ones go on');
    $tight->stop;
}
{
    # a client that has said all it will say still gets its answer
    my $good = 0;
    foreach (1 .. 50)
    {
        my $socket = $gateway->connect;
        $socket->syswrite("GET /tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . $gateway->token_of('a') . "\r\n\r\n");
        shutdown $socket, 1;
        $good++ if AgendaGateway::read_all($socket) =~ /^HTTP\/1\.1 200 /;
    }
    is($good, 50, 'clients that half-close get their answers');
}
is($gateway->stop, 0, 'exit status 0');
fsck_clean($node);
done_testing();
