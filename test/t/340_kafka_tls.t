# A real Kafka that wants TLS and a password: both stand in agenda.kafka_config_file, and the password
# nowhere else, whether it is right or wrong.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;
plan skip_all => 'openssl is not installed' if system('openssl version >/dev/null 2>&1') != 0;

my $tmp = $PostgreSQL::Test::Utils::tmp_check;
my $properties = "$tmp/340_kafka.properties";
my ($right, $wrong, $store) = ('tls-hunter-1', 'tls-hunter-2', 'tls-hunter-3');

# ---- a certificate, a broker -------------------------------------------------------------------
run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 2, '-subj', '/CN=127.0.0.1',
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$tmp/340.key", '-out', "$tmp/340.crt");
run('openssl', 'pkcs12', '-export', '-inkey', "$tmp/340.key", '-in', "$tmp/340.crt", '-out', "$tmp/340.p12", '-passout', "pass:$store");

sub run
{
    my @command = @_;
    my $output = '';
    IPC::Run::run(\@command, '<', \undef, '>&', \$output) or die "$command[0] failed:\n$output";
}

my $port = free_port();
my $login = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
my $kafka = AgendaKafka->new(
    extra_listener => "SASL_SSL://127.0.0.1:$port",
    'listener.security.protocol.map' => 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL',
    'inter.broker.listener.name' => 'PLAINTEXT',
    'sasl.enabled.mechanisms' => 'PLAIN',
    'listener.name.sasl_ssl.plain.sasl.jaas.config' => "$login user_agenda=\"$right\";",
    'ssl.keystore.type' => 'PKCS12',
    'ssl.keystore.location' => "$tmp/340.p12",
    'ssl.keystore.password' => $store)->start;

sub write_properties
{
    my ($password) = @_;
    unlink $properties;
    append_to_file($properties, <<"CONF");
security.protocol = sasl_ssl
sasl.mechanism = PLAIN
sasl.username = agenda
sasl.password = $password
ssl.ca.location = $tmp/340.crt
CONF
}

# ---- the wrong password ------------------------------------------------------------------------
write_properties($wrong);
my $node = agenda_node('tls', 'agenda.kafka_brokers' => "127.0.0.1:$port", 'agenda.kafka_config_file' => $properties);
sub sql { return $node->safe_psql('agenda', $_[0]) }

my $id = sql(act_sql('eve', q{insert into agenda.tasks (title) values ('behind TLS') returning id}));
wait_until(sub { sql(q{select agenda.health() #>> '{drainer,last_error}'}) =~ /authentication/i }, 'the refusal');
like(sql('select agenda.health()'), qr/authentication/i, 'health() says that the broker refuses the login');
is($kafka->count_records('task-created'), 0, 'nothing is published');

# ---- the right one -----------------------------------------------------------------------------
write_properties($right);
$node->reload;
my $records = $kafka->consume([ 'task-created' ], count => 1, timeout => 60);
is($records->[0]{key}, $id, 'with the right password in the same file it is after a reload, over TLS');
wait_until(sub { sql(q{select value from agenda.metrics() where name = 'agenda_publisher_brokers_up'}) == 1 }, 'the broker in the metrics');
pass('the broker is counted as up');

# ---- secrets -------------------------------------------------------------------------------------
my %place = (
    'pg_settings' => sql(q{select string_agg(s::text, E'\n') from pg_settings s}),
    'health()' => sql('select agenda.health()'),
    'metrics()' => sql(q{select string_agg(m::text, E'\n') from agenda.metrics() m}),
    'pg_stat_activity' => sql(q{select string_agg(a::text, E'\n') from pg_stat_activity a}),
    'the server log' => slurp($node->logfile));
unlike($place{$_}, qr/tls-hunter/, "no password in $_") foreach sort keys %place;

$node->stop;
done_testing();
