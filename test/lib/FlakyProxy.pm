# FlakyProxy - a TCP proxy whose connections fail in the ways that networks have.
#
#   my $proxy = FlakyProxy->new($port)->start('127.0.0.1', $target_port);
#   $proxy->drop;          # every connection is closed
#   $proxy->forget;        # half open: they stay, but nothing passes any more; new ones work
#   $proxy->freeze; $proxy->thaw;     # nothing passes, then all of it
#
# One process of its own, steered by signals; AgendaTest ends it with the test.
package FlakyProxy;

use strict;
use warnings;

use AgendaTest;
use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use IO::Select;
use IO::Socket::INET;
use POSIX ();

my %signals = (drop => 'HUP', forget => 'USR1', freeze => 'USR2', thaw => 'CONT');

sub new
{
    my ($class, $port) = @_;
    return bless { port => $port // free_port() }, $class;
}

sub port { return $_[0]{port} }

sub start
{
    my ($self, $host, $target) = @_;

    $self->{pid} = spawn("proxy$self->{port}",
        [ $^X, '-MFlakyProxy', '-e', 'FlakyProxy::run(@ARGV)', $self->{port}, $host, $target ]);
    wait_until(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) },
        'the proxy');
    return $self;
}

foreach my $name (keys %signals)
{
    no strict 'refs';
    *$name = sub { kill $signals{$name}, $_[0]{pid} };
}

# ---- the process -----------------------------------------------------------------------------
# A connection is two sockets, each of which has what is to be written to it.
my (%other, %pending);
my ($frozen, @orders) = (0);

sub run
{
    my ($port, $host, $target) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64,
        ReuseAddr => 1) or die "listen: $!\n";

    $SIG{PIPE} = 'IGNORE';
    foreach my $name (keys %signals)
    {
        $SIG{ $signals{$name} } = sub { push @orders, $name };
    }
    while (1)
    {
        obey(shift @orders) while @orders;
        my @open = map { $_->[0] } values %other;
        my $readers = IO::Select->new($listener, $frozen ? () : grep { !length $pending{ $other{$_}[1] } } @open);
        my $writers = IO::Select->new($frozen ? () : grep { length $pending{$_} } @open);
        my ($readable, $writable) = IO::Select->select($readers, $writers, undef, 1);

        foreach my $socket (@{ $readable // [] })
        {
            if ($socket == $listener) { accept_one($listener, $host, $target) }
            elsif ($other{$socket}) { pass($socket) }
        }
        foreach my $socket (@{ $writable // [] })
        {
            write_out($socket) if $other{$socket};
        }
    }
}

sub accept_one
{
    my ($listener, $host, $target) = @_;
    my $client = $listener->accept or return;
    my $server = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $target, Timeout => 5);

    return close $client unless $server;
    $_->blocking(0) foreach $client, $server;
    $other{$client} = [ $client, $server ];
    $other{$server} = [ $server, $client ];
    $pending{$_} = '' foreach $client, $server;
}

sub pass
{
    my ($socket) = @_;
    my $peer = $other{$socket}[1];
    my $n = sysread $socket, $pending{$peer}, 65536, length $pending{$peer};

    return if !defined $n && ($!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR});
    return hang_up($socket) unless $n;
    write_out($peer);
}

sub write_out
{
    my ($socket) = @_;
    my $n = syswrite $socket, $pending{$socket};

    return if !defined $n && ($!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR});
    return hang_up($socket) unless defined $n;
    substr($pending{$socket}, 0, $n, '');
}

sub hang_up
{
    my ($socket) = @_;
    my @ends = @{ $other{$socket} // [] };
    foreach my $end (@ends)
    {
        delete $other{$end};
        delete $pending{$end};
        close $end;
    }
}

my @forgotten;    # sockets that stay open and are never looked at again

sub obey
{
    my ($order) = @_;

    $frozen = 1 if $order eq 'freeze';
    $frozen = 0 if $order eq 'thaw';
    my @sockets = map { $_->[0] } values %other;
    hang_up($_) foreach $order eq 'drop' ? @sockets : ();
    return unless $order eq 'forget';
    push @forgotten, @sockets;
    %other = %pending = ();
}

1;
