# Commits that wait for a synchronous standby, and do not get it: what the client is told when the wait is ended by hand.
# The commit cannot be undone any more; as in PostgreSQL a wait that is cancelled is a commit with a warning.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaGateway;
use AgendaTest;
use IO::Select;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = agenda_node('lonely', wal_level => 'replica', max_wal_senders => 1);
my $gateway = AgendaGateway->start($node, THREADS => 1, DB_CONNECTIONS => 1);
my $waits = q{from pg_stat_activity where usename = 'agenda_gw' and wait_event = 'SyncRep'};

sub waiting { return $node->safe_psql('agenda', "select exists (select $waits)") eq 't' }

# Creates tasks until one waits (the server takes up the setting when it comes to it), ends the wait, and returns the answer.
sub end_wait
{
    my ($title, $how) = @_;
    my $body = qq({"title":"$title"});
    my $socket;
    wait_until(sub {
        $socket = $gateway->connect;
        $socket->syswrite("POST /tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
              . length($body) . "\r\nAuthorization: Bearer " . $gateway->token_of('alice') . "\r\n\r\n$body");
        wait_until(sub { IO::Select->new($socket)->can_read(0) || waiting() }, 'an answer, or a commit that waits', 30);
        return waiting();
    }, 'a commit that waits', 30);
    $node->safe_psql('agenda', "select $how(pid) $waits");
    return AgendaGateway::read_all($socket);
}

is($gateway->user('alice')->get('/tasks')->{status}, 200, 'a user is known');
$node->append_conf('postgresql.conf', q(synchronous_standby_names = 'nobody'));
$node->reload;
like(end_wait('cancelled', 'pg_cancel_backend'), qr/^HTTP\/1\.1 201 /, 'the wait is cancelled: the write is committed, and the answer says so');
ok(wait_until(sub { $gateway->log_text =~ /"level":"warning","msg":"committed without the synchronous standby/ }, 'the log'), 'the log says that no standby has it');
like(end_wait('terminated', 'pg_terminate_backend'), qr/^HTTP\/1\.1 503 .*outcome-unknown/s, 'the connection is terminated: the outcome is unknown');
$node->append_conf('postgresql.conf', q(synchronous_standby_names = ''));
$node->reload;
is($node->safe_psql('agenda', q{select count(distinct title) from agenda.tasks where title in ('cancelled', 'terminated')}), '2', 'both are stored');
is($gateway->stop, 0, 'exit status 0');
done_testing();
