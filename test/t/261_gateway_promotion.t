# A standby is promoted under mixed load: what was acknowledged under synchronous replication is on the new primary, once.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaLedger;
use AgendaTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = agenda_node('first', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on', restart_after_crash => 'on');
$primary->append_conf('pg_hba.conf', 'local replication all trust');
$primary->reload;
$primary->safe_psql('agenda', 'create role agenda_gw login in role agenda_gateway');

# A standby that every commit on this server waits for.
sub standby_of
{
    my ($node, $name) = @_;
    $node->backup($name);
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($node, $name, has_streaming => 1);
    $standby->append_conf('postgresql.conf', q(synchronous_standby_names = ''));
    $standby->start;
    $node->append_conf('postgresql.conf', q(synchronous_standby_names = '*'));
    $node->reload;
    wait_until(sub { $node->safe_psql('postgres', 'select count(*) from pg_stat_replication where sync_state = $$sync$$') eq '1' },
        'replication to be synchronous');
    return $standby;
}

my $current = $primary;
my $ledger = AgendaLedger->new(sub { $current });
my $standby = standby_of($primary, 'second');
my $hosts = sprintf 'host=%s port=%s dbname=agenda user=agenda_gw',
    join(',', map { $_->host } $primary, $standby), join(',', map { $_->port } $primary, $standby);
# all writes go by one connection
my $gateway = AgendaGateway->start($primary, ACCESS_LOG => 'off', DATABASE => $hosts, THREADS => 1, DB_CONNECTIONS => 1);
my $alice = $gateway->user('alice');
is($alice->get('/tasks')->{status}, 200, 'a user is known');

sub promote
{
    my ($new) = @_;
    $new->promote;
    $current = $new;
    $gateway->wait_ready;
}

# Stops the receiver of a standby, until a commit waits that it will never confirm; returns its process.  What it had still
# said the sender has read when it has gone round twice since, each time with something to send.
sub deafen
{
    my ($node, $standby) = @_;
    my $receiver = $standby->safe_psql('postgres', 'select pid from pg_stat_wal_receiver');
    kill 'STOP', $receiver;
    wait_until(sub { slurp("/proc/$receiver/stat") =~ /\) T / }, 'the receiver to stop');
    foreach (1 .. 2)
    {
        my $sent = $node->safe_psql('postgres', <<'SQL');
set synchronous_commit = local;
select pg_logical_emit_message(true, '261', '') \g /dev/null
select pg_current_wal_flush_lsn();
SQL
        wait_until(sub { $node->safe_psql('postgres', "select sent_lsn >= '$sent' from pg_stat_replication") eq 't' }, 'the sender');
    }
    wait_until(sub { $node->safe_psql('postgres', q{select count(*) from pg_stat_activity where wait_event = 'SyncRep'}) > 0 },
        'a commit that waits for the standby');
    return $receiver;
}

# The standby hears nothing any more, so that every writer waits for a commit that is on the primary only; then that dies. The
# receiver ends without reading what still lies in its socket.
$ledger->survives('the primary dies, the standby is promoted', [ $gateway->{port} ], sub {
    my $receiver = deafen($primary, $standby);
    is($alice->get('/tasks')->{status}, 200, 'reads go on while commits wait for the standby');
    $primary->stop('immediate');
    kill $_, $receiver foreach qw(TERM CONT);
    promote($standby);
});
is($current->safe_psql('agenda', 'select pg_is_in_recovery()'), 'f', 'what was compared is the new primary');

# The first one comes back as a standby of the second, and takes over again by an orderly switch.
$primary->clean_node;
undef $primary;
my $third = standby_of($standby, 'third');
$gateway->stop;
$hosts = sprintf 'host=%s port=%s dbname=agenda user=agenda_gw',
    join(',', map { $_->host } $standby, $third), join(',', map { $_->port } $standby, $third);
$gateway = AgendaGateway->start($standby, ACCESS_LOG => 'off', DATABASE => $hosts);
$ledger->survives('an orderly switch', [ $gateway->{port} ], sub {
    $standby->stop('fast');
    promote($third);
});
$ledger->survives('a restart on the new timeline', [ $gateway->{port} ], sub { $third->restart('immediate'); $gateway->wait_ready });
is($gateway->stop, 0, 'exit status 0');
fsck_clean($third);
done_testing();
