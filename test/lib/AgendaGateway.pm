# AgendaGateway - a gateway that belongs to a test, and clients of it.
#
#   my $gateway = AgendaGateway->start($node);               # waits until it is ready
#   my $alice   = $gateway->user('alice');                   # sends a token
#   my $answer  = $alice->post('/api/tasks', { title => 'x' });
#   is($answer->{status}, 201);  $answer->{json}{id};  $answer->{headers}{etag};
#   my $text = $gateway->raw("GET / HTTP/1.1\r\n\r\n");       # bytes in, bytes out
#
# The gateway ends with the test (AgendaTest::spawn).  It logs in as agenda_gw, which may call the
# gateway's functions and nothing else.
package AgendaGateway;

use strict;
use warnings;

use AgendaTest;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use PostgreSQL::Test::Utils ();
use Time::HiRes qw(time);

my $KEY = 'a secret for the tests of at least 32 bytes';
my $started = 0;

# Settings are the environment's names without AGENDA_; ready => 0 does not wait, command => [...]
# is what starts the program (whose name is added).
sub start
{
    my ($class, $node, %settings) = @_;
    my $wait = delete $settings{ready} // 1;
    my $port = delete $settings{PORT} // free_port();
    my $command = delete $settings{command} // [];
    my $self = bless { node => $node, port => $port, name => 'gateway' . ++$started }, $class;
    $self->{admin_port} = $settings{ADMIN_PORT} if defined $settings{ADMIN_PORT};
    my $key_file = PostgreSQL::Test::Utils::tempdir() . '/jwt.key';

    open my $out, '>', $key_file or die "$key_file: $!";
    print $out "$KEY\n";
    close $out;
    $node->safe_psql('agenda', q{
        do $$ begin
            if to_regrole('agenda_gw') is null then
                create role agenda_gw login in role agenda_gateway;
            end if;
        end $$});
    $self->{pid} = spawn(
        $self->{name}, [ @$command, $ENV{AGENDA_GATEWAY} ],
        AGENDA_PORT => $port,
        AGENDA_JWT_KEY_FILE => $key_file,
        AGENDA_DATABASE => sprintf(
            q{host='%s' port=%d dbname=agenda user=agenda_gw}, $node->host, $node->port),
        map { ("AGENDA_$_" => $settings{$_}) } keys %settings);
    $self->wait_ready if $wait;
    return $self;
}

sub url { return "http://127.0.0.1:$_[0]{port}" }

sub wait_ready
{
    my ($self) = @_;
    my $http = HTTP::Tiny->new(keep_alive => 0, timeout => 5);
    my $url = 'http://127.0.0.1:' . ($self->{admin_port} // $self->{port});
    return wait_until(sub { $http->get("$url/readyz")->{status} == 200 },
        'the gateway is ready', 30);
}

sub log_text
{
    my ($self) = @_;
    my $test = File::Basename::basename($0, '.t');
    return slurp("$PostgreSQL::Test::Utils::log_path/${test}_$self->{name}.log");
}

# TERM by default; returns the wait status
sub stop
{
    my ($self, $signal) = @_;
    return stop_process($self->{pid}, $signal);
}

sub token_of { return token($_[1], $KEY) }

# A client with a token; without a name one without.
sub user
{
    my ($self, $name) = @_;
    my %headers = defined $name ? (Authorization => 'Bearer ' . $self->token_of($name)) : ();
    return AgendaGateway::Client->new($self, %headers);
}

sub connect
{
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Proto => 'tcp')
      // die "connect: $!";
}

# Sends text as it is; returns what comes until the other side closes, or until it matches.
sub raw
{
    my ($self, $text, $pattern) = @_;
    my $socket = $self->connect;

    $socket->syswrite($text);
    return AgendaGateway::read_all($socket, $pattern);
}

# Everything until the end of the connection, or until it matches; gives up after 20 s.
sub read_all
{
    my ($socket, $pattern) = @_;
    my $select = IO::Select->new($socket);
    my $deadline = time + 20;
    my $got = '';

    while (time < $deadline && $select->can_read($deadline - time))
    {
        sysread($socket, $got, 65536, length $got) or last;
        last if defined $pattern && $got =~ $pattern;
    }
    return $got;
}

package AgendaGateway::Client;

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical;

sub new
{
    my ($class, $gateway, %headers) = @_;
    return bless {
        gateway => $gateway,
        headers => \%headers,
        http => HTTP::Tiny->new(keep_alive => 1, timeout => 20)
    }, $class;
}

# body: a reference is sent as JSON, a string as it is
sub request
{
    my ($self, $method, $path, $body, %headers) = @_;
    my %options = (headers => { %{ $self->{headers} }, %headers });

    if (defined $body)
    {
        $options{content} = ref $body ? $json->encode($body) : $body;
        $options{headers}{'Content-Type'} //= 'application/json';
    }
    my $answer = $self->{http}->request($method, $self->{gateway}->url . $path, \%options);
    $answer->{json} = eval { $json->decode($answer->{content}) }
      if ($answer->{headers}{'content-type'} // '') =~ /json/;
    return $answer;
}

sub get { my ($self, $path, @more) = @_; return $self->request('GET', $path, undef, @more) }
sub post { my ($self, @more) = @_; return $self->request('POST', @more) }
sub put { my ($self, @more) = @_; return $self->request('PUT', @more) }
sub patch { my ($self, @more) = @_; return $self->request('PATCH', @more) }
sub del { my ($self, $path, @more) = @_; return $self->request('DELETE', $path, undef, @more) }

1;
