# Who may come in, and by which door: algorithms and their confusion, rotation of keys, roles,
# the admin port, UNIX and inherited sockets, TLS with and without client certificates.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use IO::Socket::UNIX;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('access');
my $dir = PostgreSQL::Test::Utils::tempdir();

sub openssl { system_or_bail('openssl', @_) }

sub write_file
{
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out;
    return $path;
}

# --- algorithms -----------------------------------------------------------------------------------
openssl('genpkey', '-quiet', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', "$dir/rsa.pem");
openssl('genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', "$dir/ec.pem");
openssl('genpkey', '-quiet', '-algorithm', 'ED25519', '-out', "$dir/ed.pem");
openssl('pkey', '-in', "$dir/$_.pem", '-pubout', '-out', "$dir/$_.pub") foreach qw(rsa ec ed);

# Two integers in DER to the 64 bytes of a token's signature.
sub raw_ecdsa
{
    my ($der) = @_;
    my @numbers = map { substr("\0" x 32 . $_, -32) } unpack 'x2 x C/a x C/a', $der;
    return join '', @numbers;
}

sub signed_token
{
    my ($alg, $key, $subject, $more) = @_;
    my $text = encode_base64url(qq({"alg":"$alg"})) . '.'
      . encode_base64url(sprintf '{"sub":"%s","exp":%d%s}', $subject, time + 600, $more // '');
    write_file("$dir/text", $text);
    openssl('pkeyutl', '-sign', '-inkey', "$dir/$key.pem", '-in', "$dir/text", '-out', "$dir/signature",
        $key eq 'ed' ? '-rawin' : ('-rawin', '-digest', 'sha256'));
    my $signature = slurp("$dir/signature");
    return "$text." . encode_base64url($key eq 'ec' ? raw_ecdsa($signature) : $signature);
}

write_file("$dir/secret", "a secret for the tests of at least 32 bytes\n");
my $gateway = AgendaGateway->start($node, JWT_KEY_FILE => "$dir/secret,$dir/rsa.pub,$dir/ec.pub,$dir/ed.pub",
    ADMIN_PORT => my $admin_port = free_port(), UNIX_SOCKET => my $socket_path = "$dir/gateway.sock",
    JWT_ROLES_CLAIM => 'groups', OPERATOR_ROLE => 'ops');

sub status_for
{
    my ($token, $path) = @_;
    return AgendaGateway::Client->new($gateway, Authorization => "Bearer $token")->get($path // '/tasks')->{status};
}

is(status_for(signed_token(@$_, 'alice')), 200, "$_->[0]") foreach [ RS256 => 'rsa' ], [ ES256 => 'ec' ], [ EdDSA => 'ed' ];
is(status_for($gateway->token_of('alice')), 200, 'HS256');
is(status_for(signed_token('RS256', 'ec', 'alice')), 401, 'an EC signature as RS256');
is(status_for(token('alice', slurp("$dir/rsa.pub"))), 401, 'HS256 with the public key as its secret');
(my $none = signed_token('none', 'rsa', 'alice')) =~ s/[^.]*$//;
is(status_for($none), 401, 'none');

# --- rotation -------------------------------------------------------------------------------------
my $old = $gateway->token_of('alice');
my $new_secret = 'another secret for the tests, also of 32 bytes or more';
write_file("$dir/secret", $new_secret);
is(status_for($old), 200, 'a new file alone changes nothing');
kill 'HUP', $gateway->{pid};
# each thread of the gateway takes the new keys in its own time, and the last one says so
wait_until(sub { $gateway->log_text =~ /keys are in force/ }, 'the new keys to be in force');
foreach (1 .. 8)    # a connection each, so any thread may answer
{
    is(status_for($old), 401, 'the old key is forgotten, known tokens included');
    is(status_for(token('alice', $new_secret)), 200, 'the new key counts');
}
write_file("$dir/secret", 'short');
kill 'HUP', $gateway->{pid};
wait_until(sub { $gateway->log_text =~ /keys are as they were/ }, 'the bad file to be seen');
is(status_for(token('alice', $new_secret)), 200, 'a file that cannot be used leaves the keys as they are');

# --- the admin port -------------------------------------------------------------------------------
my $public = $gateway->user;
my $admin = AgendaGateway::Client->new({ %$gateway, port => $admin_port });
bless $admin->{gateway}, 'AgendaGateway';
foreach my $path (qw(/healthz /livez /readyz /metrics))
{
    is($admin->get($path)->{status}, 200, "$path on the admin port");
    is($public->get($path)->{status}, 404, 'and not on the public one');
}
is($admin->get('/tasks')->{status}, 404, 'tasks are not served on the admin port');

# --- a UNIX socket, inherited sockets -----------------------------------------------------------------
my $local = IO::Socket::UNIX->new(Peer => $socket_path) or die "$socket_path: $!";
$local->syswrite("GET /tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
like(AgendaGateway::read_all($local), qr/^HTTP\/1\.1 401 /, 'a UNIX socket');
is($gateway->stop, 0, 'exit status 0');
ok(!-e $socket_path, 'the socket goes with the gateway');

write_file("$dir/activate.pl", <<'PERL');
use IO::Socket::INET;
use POSIX;
my ($port, $admin_port, @command) = @ARGV;
my @sockets = map { IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => $_, ReuseAddr => 1) or die $! } $port, $admin_port;
POSIX::dup2(fileno $sockets[$_], 20 + $_) foreach 0, 1;
POSIX::dup2(20 + $_, 3 + $_) foreach 0, 1;
@ENV{qw(LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)} = ($$, 2, 'http:admin');
exec @command;
PERL
{
    my ($port, $other) = (free_port(), free_port());
    my $activated = AgendaGateway->start($node, PORT => $port, ready => 0,
        command => [ $^X, "$dir/activate.pl", $port, $other ]);
    wait_until(sub { HTTP::Tiny->new->get("http://127.0.0.1:$other/readyz")->{status} == 200 }, 'the inherited admin socket to be served');
    is($activated->user('alice')->get('/tasks')->{status}, 200, 'sockets of systemd');
    is($activated->stop, 0, 'exit status 0');
}

# --- TLS ------------------------------------------------------------------------------------------
sub certificate
{
    my ($name, $subject, @more) = @_;
    run_log_quiet('openssl', 'req', '-batch', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '30',
        '-subj', "/CN=$subject", '-keyout', "$dir/$name.key", '-out', "$dir/$name.crt", @more, '-config', "$dir/req.conf");
}

# What curl says: "status exit-code serial-of-the-server's-certificate" as far as asked for
sub curl
{
    my ($port, @options) = @_;
    my $status = run_log_quiet('curl', '-s', '-o', "$dir/body", '-w', '%{http_code}', @options, "https://localhost:$port/healthz");
    return $status;
}

sub run_log_quiet
{
    open my $in, '-|', @_ or die "$_[0]: $!";
    my $text = join '', <$in>;
    close $in;
    return $text;
}

write_file("$dir/req.conf", "[req]\ndistinguished_name = dn\nx509_extensions = ext\n[dn]\n[ext]\nbasicConstraints = CA:TRUE\n");
certificate('server', 'localhost', '-addext', 'subjectAltName=DNS:localhost');
certificate('client', 'somebody');
certificate('stranger', 'stranger');
{
    my $port = free_port();
    my $tls = AgendaGateway->start($node, PORT => $port, ready => 0, TLS_CERT_FILE => "$dir/server.crt", TLS_KEY_FILE => "$dir/server.key");
    wait_until(sub { curl($port, '--cacert', "$dir/server.crt") eq '200' }, 'TLS to be served');
    pass('TLS');
    is(curl($port, '--cacert', "$dir/server.crt", '--tls-max', '1.2'), '200', 'TLS 1.2');
    is(curl($port, '--cacert', "$dir/server.crt", '--tls-max', '1.1', '--ciphers', 'ALL@SECLEVEL=0'), '000', 'no TLS 1.1');
    like($tls->raw("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), qr/^(?!HTTP)/, 'no plain HTTP on this port');
    my @held = map { $tls->connect } 1 .. 50;
    is(curl($port, '--cacert', "$dir/server.crt"), '200', 'beside clients that never begin their handshake');
    undef @held;
    my $upload = '{"title":"' . 'x' x 400 . '","description":"' . 'y' x 9000 . '"}';
    write_file("$dir/upload", $upload);
    is(run_log_quiet('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', "$dir/server.crt", '-H', 'Authorization: Bearer ' . $tls->token_of('alice'),
            '-H', 'Content-Type: application/json', '--data-binary', "\@$dir/upload", "https://localhost:$port/tasks"), '201', 'a request with a body, to the database and back');
    my $first = slurp("$dir/server.crt");
    certificate('server', 'localhost', '-addext', 'subjectAltName=DNS:localhost');
    kill 'HUP', $tls->{pid};
    wait_until(sub { curl($port, '--cacert', "$dir/server.crt") eq '200' }, 'the renewed certificate to be shown');
    write_file("$dir/first.crt", $first);
    is(curl($port, '--cacert', "$dir/first.crt"), '000', 'the former one is gone');
    is($tls->stop, 0, 'exit status 0');
}
{
    my $port = free_port();
    my $tls = AgendaGateway->start($node, PORT => $port, ready => 0, TLS_CERT_FILE => "$dir/server.crt", TLS_KEY_FILE => "$dir/server.key",
        TLS_CLIENT_CA_FILE => "$dir/client.crt");
    my @trust = ('--cacert', "$dir/server.crt");
    wait_until(sub { curl($port, @trust, '--cert', "$dir/client.crt", '--key', "$dir/client.key") eq '200' }, 'a client with its certificate to be let in');
    pass('client certificates');
    is(curl($port, @trust), '403', 'a client without one');
    like(curl($port, @trust, '--cert', "$dir/stranger.crt", '--key', "$dir/stranger.key"), qr/^(403|000)$/, 'a client with a certificate of somebody else');
    is($tls->stop, 0, 'exit status 0');
}

# --- settings -------------------------------------------------------------------------------------
sub check_config
{
    my ($text, %environment) = @_;
    write_file("$dir/gateway.conf", $text);
    local %ENV = (%ENV, AGENDA_JWT_KEY_FILE => "$dir/rsa.pub", AGENDA_CONFIG_FILE => "$dir/gateway.conf", %environment);
    return run_log_quiet('sh', '-c', "'$ENV{AGENDA_GATEWAY}' --check-config 2>&1; echo \"= \$?\"");
}
like(check_config("# a comment\n\n port = 8123 \nrate-limit=7\n"), qr/^port = 8123\n.*^rate-limit = 7\n.*^= 0$/ms, 'a file of settings');
like(check_config("port = 8123\n", AGENDA_PORT => 8124), qr/^port = 8124$/m, 'the environment wins');
like(check_config("port = 99999\n"), qr/gateway\.conf:1: "99999" is not a number.*^= 2$/ms, 'a wrong value says where it stands');
like(check_config("prot = 1\n"), qr/gateway\.conf:1: there is no setting "prot".*^= 2$/ms, 'an unknown name');
like(check_config("port\n"), qr/is not "name = value".*^= 2$/ms, 'a line that is none');
like(check_config("tls-cert-file = $dir/server.crt\n"), qr/go together.*^= 2$/ms, 'a certificate without its key');
like(check_config("tls-cert-file = $dir/server.crt\ntls-key-file = $dir/client.key\n"), qr/does not belong.*^= 2$/ms, 'a key of another certificate');
like(check_config('', AGENDA_JWT_KEY_FILE => "$dir/nothing"), qr/could not open key file.*^= 2$/ms, 'a key file that is not there');
done_testing();
