# The gateway and several hosts: one that takes connections and says nothing, one that is not there, a standby
# that becomes the primary.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $primary = agenda_node('primary', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
$primary->append_conf('pg_hba.conf', 'local replication all trust');
$primary->reload;
# logins stand in the copy too
$primary->safe_psql('agenda', 'create role agenda_gw login in role agenda_gateway');
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;

# the kernel accepts for it, nobody ever answers
my $silent = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "listen: $!";
my $nobody = free_port();

sub hosts
{
    my (@hosts) = @_;
    return sprintf 'host=%s port=%s dbname=agenda user=agenda_gw', join(',', map { $_->[0] } @hosts), join(',', map { $_->[1] } @hosts);
}
my @dead = ([ '127.0.0.1', $silent->sockport ], [ '127.0.0.1', $nobody ]);
my @servers = map { [ $_->host, $_->port ] } $standby, $primary;

my $started = time;
my $gateway = AgendaGateway->start($primary, DATABASE => hosts(@dead, @servers), QUEUE_TIMEOUT => 20, THREADS => 1);
cmp_ok(time - $started, '<', 10, 'the primary is found behind a silent host, one that is not there, and a standby');
my $alice = $gateway->user('alice');
my $before = $alice->post('/tasks', { title => 'Before' });
is($before->{status}, 201, 'and written to');

# --- the standby takes over -----------------------------------------------------------------------
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
wait_until(sub { $gateway->user->get('/readyz')->{status} == 503 }, 'the gateway to notice');
$standby->promote;
my $promoted = time;
wait_until(sub { $gateway->user->get('/readyz')->{status} == 200 }, 'the gateway to find the new primary', 30);
cmp_ok(time - $promoted, '<', 15, 'it finds the new primary');
is($alice->get("/tasks/$before->{json}{id}")->{json}{title}, 'Before', 'what was acknowledged is there');
is($alice->post('/tasks', { title => 'After' })->{status}, 201, 'and it goes on');
is($gateway->stop, 0, 'and ends');

# --- the other form of the setting ------------------------------------------------------------------
my $uri = sprintf 'postgresql://agenda_gw@127.0.0.1:%d,%s:%d/agenda', $nobody, $standby->host =~ s{/}{%2f}gr, $standby->port;
my $other = AgendaGateway->start($standby, DATABASE => $uri, THREADS => 1);
is($other->user('alice')->get('/tasks')->{json}{total}, 2, 'served by a URI of two hosts');

done_testing();
