# Mail and webhooks by TLS: nothing is sent, least of all a password, to a server that cannot prove who it is.
use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'openssl is not installed' if system('openssl version >/dev/null 2>&1') != 0;

my $tmp = "$PostgreSQL::Test::Utils::tmp_check/165";
mkdir $tmp;

# ---- an authority, a certificate for 127.0.0.1 by it, a server with and one without ---------------
sub openssl
{
    my @command = ('openssl', @_);
    my $output = '';
    IPC::Run::run(\@command, '<', \undef, '>&', \$output) or die "@command failed:\n$output";
}
my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes);
openssl('req', '-x509', @key, '-days', 2, '-subj', '/CN=our authority', '-keyout', "$tmp/ca.key", '-out', "$tmp/ca.crt");
openssl('req', '-new', @key, '-subj', '/CN=sink', '-keyout', "$tmp/tls.key", '-out', "$tmp/tls.csr");
append_to_file("$tmp/names", 'subjectAltName = IP:127.0.0.1');
openssl('x509', '-req', '-in', "$tmp/tls.csr", '-CA', "$tmp/ca.crt", '-CAkey', "$tmp/ca.key", '-CAcreateserial', '-days', 2, '-extfile', "$tmp/names", '-out', "$tmp/tls.crt");

my %ports;
foreach my $name ('secure', 'plain')
{
    mkdir "$tmp/$name";
    append_to_file("$tmp/$name/tls.pem", slurp("$tmp/tls.crt") . slurp("$tmp/tls.key")) if $name eq 'secure';
    spawn("sink $name", [ 'python3', "$FindBin::Bin/../lib/delivery_sink.py", "$tmp/$name" ]);
    wait_until(sub { -e "$tmp/$name/ports" }, "the sink $name");
    $ports{$name} = [ split ' ', slurp("$tmp/$name/ports") ];
}
my ($http, $smtp, $https, $smtps) = $ports{secure}->@*;
my $never = $ports{plain}[1];

my $node = agenda_node(
    'deliverer_tls',
    'agenda.delivery' => 'on',
    'agenda.delivery_allow_private' => 'on',
    'agenda.delivery_attempts' => 1);
sub sql { return $node->safe_psql('agenda', $_[0]) }
sub as_alice { return sql(act_sql('alice', $_[0])) }

# The deliverer reads another file.  It rests, so its signal comes before it looks for messages again, and is on the way
# before a new session sees the name.
my $files = 0;
sub configure
{
    my %properties = @_;
    my $file = "$tmp/config" . ++$files;
    append_to_file($file, join '', map { "$_ = $properties{$_}\n" } sort keys %properties);
    wait_until(sub { sql(q{select agenda.health() #>> '{deliverer,state}'}) eq 'idle' }, 'the deliverer');
    $node->append_conf('postgresql.conf', "agenda.delivery_config_file = '$file'");
    $node->reload;
    wait_until(sub { sql(q{show agenda.delivery_config_file}) eq $file }, 'the reload');
}

# how a message ended, and what the two servers have seen of it
my $number = 0;
sub outcome
{
    my ($kind, $address) = @_;
    unlink map { "$tmp/$_/received" } keys %ports;
    my $channel = decode_json(sql(act_sql('user ' . ++$number, "select agenda.add_channel('$kind', '$address')")));
    sql(act_sql("user $number", "select agenda.test_channel('$channel->{id}')")) if $kind eq 'webhook';
    my $query = "select concat_ws(' ', status, response, last_error) from agenda.deliveries where channel_id = '$channel->{id}'";
    wait_until(sub { sql("$query and status <> 'queued'") ne '' }, "the end of delivery $number");
    my @seen = map { decode_json($_) } map { -e "$tmp/$_/received" ? split(/\n/, slurp("$tmp/$_/received")) : () } sort keys %ports;
    return (sql($query), map { ($_->{path} // 'mail') . ($_->{tls} ? ' by TLS' : ' PLAIN') } @seen);
}
sub mail_by
{
    configure(mail_from => 'agenda@example.org', smtp_user => 'agenda', @_);
    return outcome('email', "somebody$number\@example.org");
}

my %trusted = (ca_file => "$tmp/ca.crt", smtp_password => 'right');
my $untrusted = "failed SSL peer certificate or SSH remote key was not OK";

# ---- mail ------------------------------------------------------------------------------------------
is_deeply([ mail_by(%trusted, smtp_url => "smtp://127.0.0.1:$smtp") ], [ 'sent 250', '/login by TLS', 'mail by TLS' ], 'a connection by smtp:// is upgraded before login and mail');
is_deeply([ mail_by(%trusted, smtp_url => "smtps://127.0.0.1:$smtps") ], [ 'sent 250', '/login by TLS', 'mail by TLS' ], 'by smtps:// it is encrypted from the beginning');
is_deeply([ mail_by(%trusted, smtp_url => "smtp://127.0.0.1:$never") ], [ 'failed 250 Requested SSL level failed' ], 'a server that offers no STARTTLS sees neither password nor mail');
is_deeply([ mail_by(%trusted, smtp_url => "smtp://127.0.0.1:$never", smtp_tls => 'none') ], [ 'sent 250', '/login PLAIN', 'mail PLAIN' ], 'unless smtp_tls is none');
is_deeply([ mail_by(%trusted, smtp_url => "smtp://localhost:$smtp") ], [ $untrusted =~ s/failed/failed 220/r ], 'nor one whose certificate is for another name');
is_deeply([ mail_by(smtp_password => 'right', smtp_url => "$_->[0]") ], [ $_->[1] ], "nor one of an unknown authority, $_->[0]")
  foreach [ "smtp://127.0.0.1:$smtp", $untrusted =~ s/failed/failed 220/r ], [ "smtps://127.0.0.1:$smtps", $untrusted ];
is_deeply([ mail_by(%trusted, smtp_url => "smtp://127.0.0.1:$smtp", smtp_password => 'hidden-value') ], [ 'failed 535 Login denied', '/login by TLS' ], 'a wrong password is told as such');
unlike(slurp($node->logfile), qr/hidden-value/, 'but not which');

# ---- webhooks ----------------------------------------------------------------------------------------
configure(ca_file => "$tmp/ca.crt");
is_deeply([ outcome('webhook', "https://127.0.0.1:$https/ok") ], [ 'sent 204', '/ok by TLS' ], 'a webhook by https://');
is_deeply([ outcome('webhook', "https://localhost:$https/ok") ], [ $untrusted ], 'nothing is sent to a server whose certificate is for another name');
configure();
is_deeply([ outcome('webhook', "https://127.0.0.1:$https/ok") ], [ $untrusted ], 'nor to one of an unknown authority');

$node->stop;
done_testing();
