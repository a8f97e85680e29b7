# A gateway that ends fails nobody: whoever has connected is answered, however late he asks; whoever comes too late is
# refused and not reset.  The test holds each case open, so that nothing depends on how fast anybody is.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use Errno;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Socket qw(IPPROTO_IP PF_INET SOCK_STREAM inet_aton pack_sockaddr_in);
use Test::More;

use constant IP_MINTTL => 21;    # of Linux; Perl has no name for it

my $node = agenda_node('drain');
my $request = "GET /tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . AgendaGateway->token_of('alice') . "\r\n\r\n";
my $line = index($request, "\n") + 1;
my $answer = qr/^HTTP\/1\.1 200 .*^Connection: close\r\n/msi;

# Begins to connect and does not wait.  On one machine the handshake is over by then, if the port takes it.
sub knock
{
    my ($gateway, $prepare) = @_;
    socket(my $handle, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    my $socket = IO::Socket::INET->new_from_fd($handle, '+<');
    $prepare->($socket) if $prepare;
    $socket->blocking(0);
    connect $socket, pack_sockaddr_in($gateway->{port}, inet_aton('127.0.0.1'));
    return $socket;
}

# "in", "refused", or "waits" after so many seconds
sub outcome
{
    my ($socket, $seconds) = @_;
    return 'waits' unless IO::Select->new($socket)->can_write($seconds);
    return defined getpeername $socket ? 'in' : 'refused';
}

# Returns when nobody new is let in.
sub turn_away
{
    my ($gateway) = @_;
    kill 'TERM', $gateway->{pid};
    return wait_until(sub { outcome(knock($gateway), 20) eq 'refused' }, 'the port to be closed', 30);
}

# Returns when the worker, too, drains: it has closed the last of its sockets, the admin port's.
sub drain
{
    my ($gateway) = @_;
    my $listens = sprintf ':%04X 00000000:0000 0A ', $gateway->{admin_port};
    turn_away($gateway);
    return wait_until(sub { slurp('/proc/net/tcp') !~ /$listens/ }, 'the worker to drain', 30);
}

# How many it may have; it keeps those that it has.
sub descriptors
{
    my ($gateway, $n) = @_;
    return system('prlimit', "--pid=$gateway->{pid}", "--nofile=$n:") == 0 || die 'prlimit';
}

# --- clients that take their time ---------------------------------------------------------------------
{
    my $gateway = AgendaGateway->start($node, THREADS => 1, ADMIN_PORT => free_port());
    my ($fresh, $begun, $idle) = map { $gateway->connect } 1 .. 3;
    foreach ($begun, $idle)
    {
        $_->syswrite($request);
        like(AgendaGateway::read_all($_, qr/\}$/), qr/^HTTP\/1\.1 200 /, 'a client that keeps its connection');
    }
    drain($gateway);
    $begun->syswrite(substr $request, 0, 9);
    is(AgendaGateway::read_all($idle), '', 'one that asks nothing more is closed');
    $begun->syswrite(substr $request, 9);
    like(AgendaGateway::read_all($begun), $answer, 'later than that, one that had begun to ask is answered');
    $fresh->syswrite($request);
    like(AgendaGateway::read_all($fresh), $answer, 'and so is one that had only connected');
    is($gateway->stop(0), 0, 'exit status 0');
}

# --- clients that wait for room -----------------------------------------------------------------------
# A gateway with as many clients as it may have leaves the others in the kernel's queues.
{
    my $room = 16;
    my $path = PostgreSQL::Test::Utils::tempdir_short() . '/gateway';
    my $gateway = AgendaGateway->start($node, THREADS => 1, ADMIN_PORT => free_port(), MAX_CONNECTIONS => $room, UNIX_SOCKET => $path);
    my %clients = (
        'TCP port' => [ map { $gateway->connect } 1 .. $room + 3 ],
        'UNIX socket' => [ map { IO::Socket::UNIX->new(Peer => $path) // die "connect: $!" } 1 .. $room + 3 ]);
    foreach my $all (values %clients)
    {
        $_->syswrite(substr $request, 0, $line) foreach @$all;
    }
    # a socket is found by any of its names, and only one of them is the gateway's to remove
    link $path, "$path.too" or die "link: $!";
    drain($gateway);
    ok(!IO::Socket::UNIX->new(Peer => "$path.too") && $!{ECONNREFUSED}, 'nobody new comes to wait at the UNIX socket');
    foreach my $door (sort keys %clients)
    {
        my $served = 0;
        foreach (@{ $clients{$door} })
        {
            $_->syswrite(substr $request, $line);
            $served++ if AgendaGateway::read_all($_) =~ $answer;
        }
        is($served, $room + 3, "$door: $room clients are answered, and three that waited for room");
    }
    ok(!-e $path, 'its name is gone');
    is($gateway->stop(0), 0, 'exit status 0');
}

# --- a gateway without descriptors ----------------------------------------------------------------------
# Those who wait stay where they are until there are some again.
{
    my $room = 16;
    my $gateway = AgendaGateway->start($node, THREADS => 1, ADMIN_PORT => free_port(), MAX_CONNECTIONS => $room);
    my ($first, $second, @others) = map { $gateway->connect } 1 .. $room + 3;
    drain($gateway);
    descriptors($gateway, 3);
    foreach ($first, $second)
    {
        # the second is read after the gateway has tried to fill the place of the first
        $_->syswrite($request);
        like(AgendaGateway::read_all($_), $answer, 'who is in is answered');
    }
    descriptors($gateway, 1024);
    my $served = 0;
    foreach (@others)
    {
        $_->syswrite($request);
        $served++ if AgendaGateway::read_all($_) =~ $answer;
    }
    is($served, @others, 'with descriptors again, so are all others');
    is($gateway->stop(0), 0, 'exit status 0');
}

# --- a request that comes in the last moment ------------------------------------------------------------
# By a UNIX socket, where the kernel does not count what has come.
{
    my $path = PostgreSQL::Test::Utils::tempdir_short() . '/gateway';
    my ($library, $note) = ("$path.so", "$path.looks");
    system($ENV{CC} // 'cc', '-shared', '-fPIC', '-o', $library, "$FindBin::Bin/../lib/late_look.c") == 0 or die 'cc';
    my $gateway = AgendaGateway->start($node, UNIX_SOCKET => $path, command => [ 'env', "LD_PRELOAD=$library", "LATE_LOOK=$note" ]);
    my $idle = IO::Socket::UNIX->new(Peer => $path) // die "connect: $!";
    $idle->syswrite($request);
    like(AgendaGateway::read_all($idle, qr/\}$/), qr/^HTTP\/1\.1 200 /, 'a client that keeps its connection');
    kill 'TERM', $gateway->{pid};
    wait_until(sub { -e $note }, 'the gateway to look for the last time', 30);
    $idle->syswrite($request);
    like(AgendaGateway::read_all($idle), $answer, 'what comes before it closes an idle connection is answered');
    is($gateway->stop(0), 0, 'exit status 0');
}

# --- a handshake that is under way ----------------------------------------------------------------------
# A client's socket that wants more of its packets than their TTL is drops them: the gateway's half of the handshake is open.
{
    my $gateway = AgendaGateway->start($node, THREADS => 1);
    my $half = knock($gateway, sub { setsockopt $_[0], IPPROTO_IP, IP_MINTTL, 255 or die "IP_MINTTL: $!" });
    is(outcome($half, 0), 'waits', 'a handshake is under way');
    turn_away($gateway);
    setsockopt $half, IPPROTO_IP, IP_MINTTL, 0 or die "IP_MINTTL: $!";
    is(outcome($half, 20), 'in', 'the handshake comes to its end');
    $half->blocking(1);
    $half->syswrite($request);
    like(AgendaGateway::read_all($half), $answer, 'and the client is served');
    is($gateway->stop(0), 0, 'exit status 0');
}
done_testing();
